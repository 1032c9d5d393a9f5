"""Programs that are measured by what they print, and those that print nothing of use."""

from pathlib import Path

import measured
import peers
import pytest
from measured import BenchFailed, measure_program


def program(script: str) -> list[str]:
    return ["/bin/sh", "-c", script]


@pytest.mark.parametrize(
    "script",
    [
        """echo '{"a": 1}'; echo '{"a": 2}'; echo 'closed {"a": 3}' >&2""",
        """echo 'it said {"a": 2} [worker]' >&2""",  # as stock Faust does
        """echo '{"a": 2}'; echo '{thread: 1}'; echo '{}'""",
    ],
)
def test_the_last_object_is_found_on_standard_output_first(script: str, tmp_path: Path) -> None:
    assert measure_program(program(script), {}, tmp_path) == {"a": 2}


@pytest.mark.parametrize("script", ["echo '{a: b}'", "true", """echo '{"a": 2}'; exit 3"""])
def test_a_program_without_figures_failed(script: str, tmp_path: Path) -> None:
    with pytest.raises(BenchFailed, match="ended with"):
        measure_program(program(script), {}, tmp_path)


def test_a_program_that_does_not_end_failed(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(measured, "TIMEOUT_S", 0.1)
    with pytest.raises(BenchFailed, match=r"did not end within 0.1 s"):
        measure_program(program("exec tail -f /dev/null"), {}, tmp_path)


@pytest.mark.parametrize("step", ["venv", "pip"])
def test_nothing_is_left_of_half_an_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, step: str) -> None:
    def fetch(command: list[str]) -> None:
        (tmp_path / "quixstreams" / "bin").mkdir(parents=True, exist_ok=True)
        (tmp_path / "quixstreams" / "bin" / "python").touch()
        if step in command:
            raise BenchFailed("no network")

    monkeypatch.setattr(peers, "FETCHED", tmp_path)
    monkeypatch.setattr(peers, "_fetch", fetch)
    with pytest.raises(BenchFailed, match="no network"):
        peers.quixstreams_python()
    assert list(tmp_path.iterdir()) == []
