"""What commands print where there is no terminal, and what becomes of characters that an output cannot write."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from harness import patience

from ops.configuration.settings import Settings, variable
from ops.exit_codes import ExitCode

LONG = "x" * 250


def run(folder: Path, *arguments: str, **variables: str) -> subprocess.CompletedProcess[bytes]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
    return patience.run(
        [sys.executable, "-m", "ops.cli", *arguments],
        env=environment | {"FRESHET_STATE_DIR": str(folder / LONG)} | variables,
        cwd=folder, text=False, limit_s=60,
    )  # fmt: skip


@pytest.mark.parametrize("columns", ["20", "80", ""])
def test_one_record_a_line_and_nothing_cut(tmp_path: Path, columns: str) -> None:
    done = run(tmp_path, "config", COLUMNS=columns, FRESHET_ENDPOINT_JWT_ISSUER="two\nlines")
    assert done.returncode == ExitCode.OK, done.stderr
    lines = done.stdout.decode().splitlines()
    assert len(lines) == 1 + len(Settings.model_fields)
    for name in Settings.model_fields:
        (line,) = [line for line in lines if line.split()[0] == variable(name)]
        assert "…" not in line
    assert f"{tmp_path}/{LONG}" in done.stdout.decode()
    assert "\x1b" not in done.stdout.decode()


@pytest.mark.parametrize("encoding", ["ascii", "iso-8859-1", "cp1252"])
@pytest.mark.parametrize(
    "arguments", [["config"], ["--help"], ["evaluate", "--help"], ["schema"], ["up", "--nodes", "日"]]
)
def test_what_cannot_be_encoded_is_replaced(tmp_path: Path, encoding: str, arguments: list[str]) -> None:
    done = run(tmp_path, *arguments, PYTHONIOENCODING=encoding, FRESHET_ENDPOINT_JWT_ISSUER="日本–🎬")
    assert done.returncode in (ExitCode.OK, ExitCode.USAGE), done.stderr
    assert b"Traceback" not in done.stderr
    assert b"UnicodeEncodeError" not in done.stderr
    if arguments == ["config"]:
        assert "??" in done.stdout.decode(encoding)


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "utf-8"])
def test_json_stays_json_in_every_encoding(tmp_path: Path, encoding: str) -> None:
    done = run(tmp_path, "config", "--json", PYTHONIOENCODING=encoding, FRESHET_ENDPOINT_JWT_ISSUER="日本–🎬é")
    assert json.loads(done.stdout.decode(encoding))["endpoint_jwt_issuer"]["value"] == "日本–🎬é"
    assert json.loads(run(tmp_path, "schema", PYTHONIOENCODING=encoding).stdout.decode(encoding))["type"] == "object"
