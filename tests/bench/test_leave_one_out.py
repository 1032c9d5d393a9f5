"""The bench ranks with a model of its own split only, whatever lies in its folder."""

from pathlib import Path

import pytest
from evaluators import leave_one_out
from made_up_log import log
from small_sequence_model import small_sequence_model

from offline.evaluate.foreknowledge import HELD_OUT, KnownBefore
from offline.evaluate.log import EvaluationLog
from offline.evaluate.splits import Split
from offline.training import train as training

LOG = EvaluationLog(log(["ua", "ub", "uc", "va", "vb"]), {}, 0)


def test_a_kept_model_of_another_split_is_trained_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    split = Split.leave_one_out(LOG.events)
    own = small_sequence_model("ab", about={HELD_OUT: split.digest()})
    trained = iter([own])
    monkeypatch.setattr(training, "train", lambda *_: next(trained))
    (tmp_path / "ml-1m-leave-one-out.model").write_bytes(small_sequence_model("ab").encode())
    assert leave_one_out.trained(LOG, split, tmp_path).digest == own.digest
    assert leave_one_out.trained(LOG, split, tmp_path).digest == own.digest, "kept"


def test_a_given_model_of_another_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(KnownBefore, match="another split"):
        leave_one_out.evaluated(LOG, small_sequence_model("ab", trained_until_ms=1 << 60), tmp_path, 1)
