"""Names are the field's words (docs/glossary.md): private ones, which every newcomer would have to learn, stay away."""

import io
import re
import tokenize
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("streams", "tables", "ranking", "serving", "agents", "offline", "ops", "tests", "bench")
#: Private word, and the field's.
INSTEAD = {
    "census": "full_scan",
    "owed": "pending",
    "owe": "queue",
    "heir": "next_owner",
    "culprit": "poison_record",
    "sleeper": "zombie",
    "judge": "evaluate",
    "judgement": "outcome",
    "evening": "short_term",
    "lasting": "long_term",
    "taste": "interests",
    "situation": "context",
    "mischief": "fault_injection",
    "shelf": "catalogue",
    "unruly": "adversarial",
    "sieve": "filter",
    "breakage": "mutant",
    "upkeep": "maintenance",
    "misfit": "mismatch",
    "standing": "version_status",
}
#: Where a word is what it is called elsewhere: ids that stand in a text.
KEPT = {"standing_in", "_standing_as_ids"}


def words_of(name: str) -> list[str]:
    return [part.lower().removesuffix("s") for part in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)]


def names_in(path: Path) -> set[str]:
    tokens = tokenize.generate_tokens(io.StringIO(path.read_text("utf-8")).readline)
    return {token.string for token in tokens if token.type == tokenize.NAME} | {path.stem}


def test_private_words_do_not_return() -> None:
    files = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    found = {
        f"{path.relative_to(ROOT)}: {name} (say {INSTEAD[word]})"
        for path in files
        for name in names_in(path) - KEPT
        for word in words_of(name)
        if word in INSTEAD
    }

    assert sorted(found) == []


def test_one_name_is_one_class() -> None:
    where: dict[str, list[str]] = {}
    for package in PACKAGES[:-2]:
        for path in sorted((ROOT / package).rglob("*.py")):
            for name in re.findall(r"^class (\w+)", path.read_text("utf-8"), flags=re.MULTILINE):
                where.setdefault(name, []).append(str(path.relative_to(ROOT)))

    assert {name: files for name, files in where.items() if len(files) > 1} == {}
