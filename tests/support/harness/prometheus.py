"""A real Prometheus that scrapes real processes, with the rules of deploy/monitoring/ at the pace of a test."""

import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import yaml

from harness.polling import eventually
from ops.local_stack.ports import free_port

MONITORING = Path(__file__).parents[3] / "deploy" / "monitoring"
RULES = MONITORING / "rules" / "freshet.yml"
#: Why tests are skipped without it.
HOW_TO_INSTALL = "no Prometheus here: apt-get install prometheus"
#: Windows of minutes and days, and how long an alert waits, would be a test of a week.
_WINDOWS, _FOR = {"5m": "20s", "15m": "20s", "6h": "60s", "7d": "5m", "1d": "60s"}, "1s"


def is_installed() -> bool:
    """Whether both commands are there."""
    return shutil.which("prometheus") is not None and shutil.which("promtool") is not None


def quick_rules() -> str:
    """The rules with windows of seconds, and alerts that wait for a second; bounds stay."""
    text = re.sub(r"\[(\w+)\]", lambda found: f"[{_WINDOWS[found[1]]}]", RULES.read_text())
    return re.sub(r"for: \w+", f"for: {_FOR}", text)


class Prometheus:
    """A server in `folder` that scrapes `jobs` (ports by name) each second, with `rules`."""

    def __init__(self, folder: Path, jobs: Mapping[str, list[int]], rules_text: str = "") -> None:
        rules = folder / "rules.yml"
        rules.write_text(rules_text or quick_rules())
        config = {
            "global": {"scrape_interval": "1s", "scrape_timeout": "1s", "evaluation_interval": "1s"},
            "rule_files": [str(rules)],
            "scrape_configs": [
                {"job_name": name, "static_configs": [{"targets": [f"127.0.0.1:{port}" for port in ports]}]}
                for name, ports in jobs.items()
            ],
        }
        (folder / "prometheus.yml").write_text(yaml.safe_dump(config))
        self.port = free_port()
        self._log = folder / "prometheus.log"
        command = [
            "prometheus",
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'prometheus'}",
            f"--web.listen-address=127.0.0.1:{self.port}",
        ]
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(command, stdout=output, stderr=subprocess.STDOUT)

    async def query(self, expression: str) -> list[dict[str, Any]]:
        """The instant vector; [] while the server starts. Raises on a wrong expression."""
        answer = await self._get("query", query=expression)
        if answer is None:
            return []
        assert answer["status"] == "success", f"{expression}: {answer}"
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    async def firing(self) -> set[str]:
        """Names of the alerts that fire now."""
        answer = await self._get("alerts")
        alerts = answer["data"]["alerts"] if answer else []
        return {alert["labels"]["alertname"] for alert in alerts if alert["state"] == "firing"}

    async def fires(self, *names: str) -> None:
        """Returns when all of these fire."""

        async def all_do() -> bool:
            return set(names) <= await self.firing()

        await eventually(f"{' and '.join(names)} fire", all_do)

    async def is_silent(self, *names: str) -> None:
        """Returns when none of these fires any more."""

        async def none_does() -> bool:
            return not set(names) & await self.firing()

        await eventually(f"{' and '.join(names)} are silent", none_does)

    async def _get(self, path: str, **parameters: str) -> dict[str, Any] | None:
        try:
            async with httpx.AsyncClient() as client:
                answer = await client.get(f"http://127.0.0.1:{self.port}/api/v1/{path}", params=parameters, timeout=10)
        except httpx.TransportError:
            assert self._process.poll() is None, self._log.read_text()
            return None
        if answer.status_code == 503:
            return None
        found: dict[str, Any] = answer.json()
        return found

    def stop(self) -> None:
        """Ends it."""
        self._process.terminate()
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
