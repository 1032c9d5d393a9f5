"""What shapes the rows of a model version: the code that folds and ranks, and the settings that it is given.

A version is code + configuration + the log. Two workers that fold differently under one version would write rows that
no replay can reproduce, so each worker compares its fingerprint with its version's before it joins.
"""

import hashlib
import io
import tokenize
from collections.abc import Iterable
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

import msgspec

from agents.worker_config import WorkerConfig

#: Packages whose code decides what rows and lists look like. Delivery, serving and operation may change freely.
SHAPING_PACKAGES = ("streams", "tables", "ranking")
_LAYOUT = (tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE)


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """Digests of the shaping source files by path, and the shaping settings by name."""

    files: dict[str, str]
    settings: dict[str, float | str]

    def differences(self, other: "Fingerprint") -> list[str]:
        """What differs, one line each; empty when the two are equal."""
        files = sorted(self.files.keys() | other.files.keys())
        lines = [f"{name} differs" for name in files if self.files.get(name) != other.files.get(name)]
        names = sorted(self.settings.keys() | other.settings.keys())
        return lines + [
            f"{name} is {other.settings.get(name)}, the version's is {self.settings.get(name)}"
            for name in names
            if self.settings.get(name) != other.settings.get(name)
        ]

    def encode(self) -> bytes:
        """JSON, keys sorted."""
        return msgspec.json.encode(self, order="sorted")

    @classmethod
    def decode(cls, value: bytes) -> "Fingerprint":
        """The inverse of `encode`. Raises msgspec.ValidationError."""
        return msgspec.json.decode(value, type=cls)


def of_worker(config: WorkerConfig) -> Fingerprint:
    """The fingerprint of this process."""
    settings: dict[str, float | str] = {
        "partitions": config.partitions,
        "allowed_lateness_s": config.allowed_lateness_s,
        "retention_days": config.retention_days,
        "list_size": config.list_size,
        "user_id_key": config.identities.key_id or "none",
        **{f"rerank_{name}": value for name, value in asdict(config.rerank).items()},
    }
    return Fingerprint(_digests(SHAPING_PACKAGES), settings)


def _digests(packages: Iterable[str]) -> dict[str, str]:
    digests: dict[str, str] = {}
    for package in packages:
        spec = find_spec(package)
        for folder in (spec.submodule_search_locations or ()) if spec else ():
            root = Path(folder)
            for path in sorted(root.rglob("*.py")):
                digests[f"{package}/{path.relative_to(root).as_posix()}"] = digest(path.read_text())
    return digests


def digest(source: str) -> str:
    """A digest of the source's tokens: comments and layout do not count, docstrings do."""
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    shaping = [(token.type, token.string.strip()) for token in tokens if token.type not in _LAYOUT]
    return hashlib.sha256(repr(shaping).encode()).hexdigest()[:16]
