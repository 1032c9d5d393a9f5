"""What shapes the rows of a model version: how its folds are numbered, and the settings that they are given.

A version is folds + configuration + the log. Two workers that fold differently under one version would write rows that
no replay can reproduce, so each worker compares its fingerprint with its version's before it joins. The folds are
declared numbers (tables/fold_version.py), so neither the Python version, the locale, nor code that leaves rows as they
are makes a difference.
"""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, field

import msgspec

from agents.worker_config import WorkerConfig
from tables.fold_version import FOLD_VERSION, ITEM_FOLD_VERSION

Settings = Mapping[str, int | float | str]

USER_FOLD, ITEM_FOLD = "user_fold", "item_fold"
#: How settings of the rules for lists begin.
LIST_RULES = "rerank_"
SEQUENCE_MODEL = "sequence_model"
#: So many hexadecimal digits of a checksum tell one sequence model from another.
DIGEST_SHOWN = 16


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Numbers of the folds and shaping settings, by name. Records of releases that compared digests of source files
    have no `folds`: nobody can tell how they folded."""

    settings: dict[str, int | float | str]
    folds: dict[str, int] = field(default_factory=dict)

    def differences(self, other: "Fingerprint") -> list[str]:
        """What differs, one line each, the name first; empty when the two are equal. `self` is the version's. Values of
        rules for lists differ only where both know the rule."""
        lines = []
        if not self.folds:
            lines.append("its folds are not numbered, because a release that compared source files began it")
        else:
            lines += _differences(self.folds, other.folds)
        return lines + _differences(*_comparable(self.settings, other.settings))

    def of_rows(self) -> "Fingerprint":
        """Without the sequence model, on which no row depends: what matters to who begins with rows of another
        version."""
        return Fingerprint(_without(self.settings, {SEQUENCE_MODEL}), self.folds)

    def encode(self) -> bytes:
        """JSON, keys sorted."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def decode(cls, value: bytes) -> "Fingerprint":
        """The inverse of `encode`; reads records of releases without `folds` too. Raises msgspec.ValidationError."""
        return msgspec.json.decode(value, type=cls)


def _comparable(theirs: Settings, mine: Settings) -> tuple[Settings, Settings]:
    """Without rules for lists that only one of them knows: a release that brings or takes away one writes the same
    rows."""
    unknown = {name for name in theirs.keys() ^ mine.keys() if name.startswith(LIST_RULES)}
    return _without(theirs, unknown), _without(mine, unknown)


def _without(settings: Settings, names: Collection[str]) -> dict[str, int | float | str]:
    return {name: value for name, value in settings.items() if name not in names}


def _differences(theirs: Settings, mine: Settings) -> list[str]:
    return [
        f"{name} is {mine.get(name)}, the version's is {theirs.get(name)}"
        for name in sorted(theirs.keys() | mine.keys())
        if theirs.get(name) != mine.get(name)
    ]


def of_worker(config: WorkerConfig) -> Fingerprint:
    """The fingerprint of this process."""
    settings: dict[str, int | float | str] = {
        "partitions": config.partitions,
        "allowed_lateness_s": config.allowed_lateness_s,
        "retention_days": config.retention_days,
        "list_size": config.list_size,
        "user_id_key": config.identities.key_id or "none",
        **{f"{LIST_RULES}{name}": value for name, value in asdict(config.rerank).items()},
    }
    if config.sequence_model is not None:  # versions without one say nothing of it, as those of former releases
        settings[SEQUENCE_MODEL] = config.sequence_model.digest[:DIGEST_SHOWN]
    return Fingerprint(settings, {USER_FOLD: FOLD_VERSION, ITEM_FOLD: ITEM_FOLD_VERSION})
