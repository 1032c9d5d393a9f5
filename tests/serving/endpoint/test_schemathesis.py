"""Schemathesis holds the routes to the document: nothing it invents may fail, contradict it or be accepted wrongly."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from harness.patience import Patience, run

REPOSITORY = Path(__file__).parents[3]
CHECKS = (
    "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,"
    "negative_data_rejection,positive_data_acceptance,unsupported_method"
)


@pytest.fixture
def address(valkey: Any, tmp_path: Path) -> Iterator[str]:
    """The endpoint on uvicorn, which it must run on too."""
    code = (
        "import sys; from serving.endpoint.app import Endpoint; from serving.endpoint.config import EndpointConfig\n"
        f"app = Endpoint(EndpointConfig({valkey.url!r}, 'fuzz', redis_deadline_ms=2000))"
    )
    (tmp_path / "served.py").write_text(code)
    command = [sys.executable, "-m", "uvicorn", "served:app", "--app-dir", str(tmp_path), "--port", "0"]
    process = subprocess.Popen(command, cwd=REPOSITORY, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    for line in process.stderr:
        if "running on" in line:
            break
    yield line.split("running on ")[1].split(" ")[0]
    process.terminate()
    process.communicate(timeout=20)


def test_schemathesis_finds_nothing(address: str, tmp_path: Path) -> None:
    patience = Patience(10)
    while httpx.get(f"{address}/healthz").status_code != 200:
        assert not patience.is_over
    command = [str(Path(sys.executable).with_name("schemathesis")), "run", f"{address}/openapi.json", "--url", address]
    command += ["--checks", CHECKS, "--max-examples", "30", "--phases", "examples,coverage,fuzzing", "--no-color"]
    command += ["--exclude-operation-id-regex", "ready"]  # 503 is what it is there to say
    command += ["--generation-deterministic", "--suppress-health-check=all"]
    found = run(command, cwd=tmp_path, limit_s=240)
    assert found.returncode == 0, found.stdout[-6000:] + found.stderr[-2000:]
    assert re.search(r"\d{3,} generated, \d{3,} passed", found.stdout), found.stdout[-3000:]
