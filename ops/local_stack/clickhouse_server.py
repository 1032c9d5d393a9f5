"""ClickHouse as a local server, where its program is installed."""

import shutil
from importlib.util import find_spec
from pathlib import Path
from xml.sax.saxutils import escape

from ops.local_stack.errors import StackError
from ops.local_stack.ports import LOOPBACK, free_port
from ops.local_stack.server import LocalServer
from streams.sinks.clickhouse.address import ClickHouseAddress

HOW_TO_INSTALL = (
    "no ClickHouse server is installed on this machine: `apt install clickhouse-server`, or "
    "`docker compose --profile sinks up -d clickhouse`; https://clickhouse.com/docs/install has others"
)

# Memory and caches of a server for development; a former release's root element is taken by all.
_CONFIG = """<?xml version="1.0"?>
<yandex>
  <logger><level>warning</level><console>1</console></logger>
  <tcp_port>{tcp_port}</tcp_port>
  <http_port>{http_port}</http_port>
  <interserver_http_port>{interserver_port}</interserver_http_port>
  <listen_host>{host}</listen_host>
  <max_concurrent_queries>64</max_concurrent_queries>
  <uncompressed_cache_size>67108864</uncompressed_cache_size>
  <mark_cache_size>134217728</mark_cache_size>
  <path>{folder}/data/</path>
  <tmp_path>{folder}/tmp/</tmp_path>
  <user_files_path>{folder}/user_files/</user_files_path>
  <users_config>{folder}/users.xml</users_config>
  <default_profile>default</default_profile>
  <default_database>default</default_database>
  <timezone>UTC</timezone>
  <mlock_executable>false</mlock_executable>
</yandex>
"""
_USERS = """<?xml version="1.0"?>
<yandex>
  <profiles><default><max_memory_usage>2000000000</max_memory_usage></default></profiles>
  <users>
    <default>
      <password></password>
      <networks><ip>127.0.0.1</ip></networks>
      <profile>default</profile>
      <quota>default</quota>
    </default>
  </users>
  <quotas><default></default></quotas>
</yandex>
"""


def clickhouse_command() -> list[str] | None:
    """How the installed server is called; None when there is none."""
    if found := shutil.which("clickhouse-server"):
        return [found]
    found = shutil.which("clickhouse")
    return [found, "server"] if found else None


class ClickHouseServer(LocalServer):
    """A real ClickHouse on loopback that keeps its data below the state folder."""

    def __init__(self, state_dir: Path, port: int) -> None:
        super().__init__("clickhouse", state_dir, port)

    def answers(self) -> bool:
        """Whether it answers a query."""
        return clickhouse_answers(ClickHouseAddress(LOOPBACK, self.port, "default"))

    def prepare(self) -> list[str]:
        """Writes its configuration. Raises `StackError` when no server is installed."""
        command = clickhouse_command()
        if command is None:
            raise StackError(HOW_TO_INSTALL)
        if find_spec("clickhouse_driver") is None:
            raise StackError("clickhouse_driver is not installed: pip install 'freshet[sinks]'")
        for name in ("data", "tmp", "user_files"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        http_port, interserver_port = free_port(), free_port()
        config = _CONFIG.format(
            tcp_port=self.port,
            http_port=http_port,
            interserver_port=interserver_port,
            host=LOOPBACK,
            folder=escape(str(self.folder)),
        )
        (self.folder / "config.xml").write_text(config, encoding="utf-8")
        (self.folder / "users.xml").write_text(_USERS, encoding="utf-8")
        return [*command, f"--config-file={self.folder / 'config.xml'}"]


def clickhouse_answers(address: ClickHouseAddress) -> bool:
    """Whether a server answers a query at the address."""
    from streams.sinks.clickhouse.server import Server
    from streams.sinks.sink import StoreUnavailable

    server = Server(address)
    try:
        server.ask("SELECT 1")
    except StoreUnavailable:
        return False
    finally:
        server.close()
    return True
