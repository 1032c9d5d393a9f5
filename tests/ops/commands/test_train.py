"""`freshet train` from the command line: files in, a model that `freshet evaluate` ranks with out."""

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from offline.training import recurrent
from ops.cli import build_app
from ops.commands.evaluate import CannotEvaluate
from ops.commands.train import CannotTrain
from ops.configuration.sequence_models import CannotUseSequenceModel, sequence_model_of
from ops.configuration.settings import Settings
from ops.exit_codes import ExitCode

COLUMNS = ["--columns", "user=u,item=i,time=t"]


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.csv"
    lines = [
        f"{user},{(user + item) % 9},{1_700_000_000 + 1000 * item + user}" for item in range(6) for user in range(12)
    ]
    path.write_text("\n".join(["u,i,t", *lines]))
    return path


def run(*arguments: object) -> tuple[int, str, BaseException | None]:
    result = CliRunner().invoke(build_app(), [*map(str, arguments)])
    return result.exit_code, result.output, result.exception


def test_a_model_is_trained_read_and_ranked_with(events: Path, tmp_path: Path) -> None:
    file = tmp_path / "trained.model"
    by = ["--protocol", "leave-one-out"]
    code, output, _ = run("train", file, "--events", events, *COLUMNS, *by, "--epochs", 1, "--json")
    assert code == ExitCode.OK
    told = json.loads(output.splitlines()[-1])
    assert "seed 0, epoch 1: loss" in output
    assert (told["items"], told["validation_targets"]) == (9, 12)
    model = sequence_model_of(Settings(sequence_model=str(file)))
    assert model is not None
    assert model.digest == told["digest"]
    code, output, _ = run(
        "evaluate", "--events", events, *COLUMNS, "--models", "freshet", "--sequence-model", file,
        "--protocol", "leave-one-out", "--json",
    )  # fmt: skip
    assert code == ExitCode.OK
    assert json.loads(output.splitlines()[-1])["evaluated"] == 12
    for arguments, problem in (
        (["--protocol", "time-split"], "was trained by another split"),
        (["--protocol", "prequential", "--no-whole-lists"], "was trained with events up to"),
        (["--protocol", "prequential"], "give --no-whole-lists"),
    ):
        _, _, failure = run(
            "evaluate", "--events", events, *COLUMNS, "--models", "freshet", "--sequence-model", file, *arguments
        )
        assert isinstance(failure, CannotEvaluate)
        assert problem in str(failure)


def test_who_trains_before_a_moment_evaluates_from_it_on(events: Path, tmp_path: Path) -> None:
    file = tmp_path / "trained.model"
    part = ["--from-fraction", 0.7]
    code, _, _ = run("train", file, "--events", events, *COLUMNS, "--epochs", 1, "--protocol", "time-split", *part)
    assert code == ExitCode.OK
    asked = ["evaluate", "--events", events, *COLUMNS, "--models", "freshet", "--sequence-model", file, "--json"]
    for arguments, evaluated in ((["--protocol", "time-split"], 12), (["--no-whole-lists"], 22)):
        code, output, _ = run(*asked, *arguments, *part)
        assert code == ExitCode.OK
        assert json.loads(output.splitlines()[-1])["evaluated"] == evaluated
        _, _, failure = run(*asked, *arguments, "--from-fraction", 0.5)
        assert isinstance(failure, CannotEvaluate)


def test_wrong_usage(events: Path, tmp_path: Path) -> None:
    file = tmp_path / "trained.model"
    for arguments, problem in (
        (["--events", events, *COLUMNS, "--protocol", "prequential"], "is leave-one-out or time-split"),
        (["--log", "--events", events], "give one of"),
        (["--events", events, *COLUMNS, "--limit", 1], "nobody with two items"),
    ):
        _, _, failure = run("train", file, *arguments)
        assert isinstance(failure, CannotTrain)
        assert problem in str(failure)
    assert not file.exists()


def test_a_model_that_nobody_could_rank_with_is_not_written(
    events: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    arrays_of = recurrent.arrays_of
    monkeypatch.setattr(recurrent, "arrays_of", lambda found: arrays_of(found) | {"decay": np.ones((2, 64), "f4")})
    file = tmp_path / "trained.model"
    _, _, failure = run("train", file, "--events", events, *COLUMNS, "--epochs", 1)
    assert isinstance(failure, CannotTrain)
    assert "a state would grow for ever" in str(failure)
    assert not file.exists()


def test_what_cannot_be_ranked_with_is_named_with_its_setting(events: Path, tmp_path: Path) -> None:
    assert sequence_model_of(Settings()) is None
    for address, problem in ((events, "does not begin as a sequence model"), (tmp_path / "none", "cannot be read")):
        with pytest.raises(CannotUseSequenceModel, match=f"FRESHET_SEQUENCE_MODEL={address}.*{problem}"):
            sequence_model_of(Settings(sequence_model=str(address)))
