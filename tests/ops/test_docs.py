"""Documents name files that exist, and every document can be found from an index."""

import re
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [*sorted(DOCS.rglob("*.md")), *sorted(ROOT.glob("*.md"))]
#: `path/to/file.py` in a sentence or a table.
NAMED_FILE = re.compile(r"`((?:streams|tables|ranking|serving|agents|offline|ops|tests|bench|docs)/[\w./-]+)`")

#: Pages that name files.
FILED = ("architecture", "glossary", "operations", "serving")
#: A row of the glossary: | **term** | meaning | `file` `name` |
TERM = re.compile(r"^\| \*\*(.+?)\*\* \|.*\| `([\w./-]+)` `(\w+)` \|$", flags=re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?:)([^)#\s]+)[^)]*\)", page.read_text())

    assert [target for target in targets if not (page.parent / target).exists()] == []


@pytest.mark.parametrize("name", ["README.md", *(f"docs/{page}.md" for page in FILED)])
def test_files_that_a_page_names_exist(name: str) -> None:
    named = NAMED_FILE.findall((ROOT / name).read_text())

    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_glossary_links_each_term_to_the_code_that_has_it() -> None:
    rows = TERM.findall((DOCS / "glossary.md").read_text())
    terms = [term for term, *_ in rows]

    assert len(rows) > 40
    assert len(set(terms)) == len(terms)
    assert [row for row in rows if not re.search(rf"\b{row[2]}\b", (ROOT / row[1]).read_text())] == []
    every = [line for line in (DOCS / "glossary.md").read_text().splitlines() if line.startswith("| **")]
    assert len(rows) == len(every), "each row ends with `file` `name`"


def test_every_step_of_the_architecture_links_its_file() -> None:
    text = (DOCS / "architecture.md").read_text()
    steps = re.findall(r"^\| (\d+) \| .+? \| (.+?) \|", text, flags=re.MULTILINE)

    assert [int(number) for number, _ in steps] == list(range(1, len(steps) + 1))
    linked = {number: re.findall(r"\]\(\.\./([\w./-]+)\)", files) for number, files in steps}
    assert [number for number, files in linked.items() if not files] == []
    assert [file for files in linked.values() for file in files if not (ROOT / file).is_file()] == []


def test_the_index_names_every_page() -> None:
    index = (DOCS / "README.md").read_text()

    assert [
        page.name for page in DOCS.glob("*.md") if page.name != "README.md" and f"]({page.name})" not in index
    ] == []


def test_the_index_of_decisions_names_every_record_with_its_title() -> None:
    index = (DOCS / "decisions" / "README.md").read_text()
    records = sorted((DOCS / "decisions").glob("0*.md"))
    rows = [f"| {int(path.name[:4])} | [{_title(path)}]({path.name}) |" for path in records]

    assert [row for row in rows if row not in index] == []


def test_the_newest_release_of_the_changelog_is_the_version() -> None:
    changelog = (ROOT / "CHANGELOG.md").read_text()
    releases = re.findall(r"^## (\d+\.\d+\.\d+) - \d{4}-\d{2}-\d{2}$", changelog, flags=re.MULTILINE)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert releases[0] == project["version"]
    assert changelog.index("## Unreleased") < changelog.index(f"## {releases[0]}")
    kinds = set(re.findall(r"^### (.+)$", changelog, flags=re.MULTILINE))
    assert kinds <= {"Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"}


def test_every_target_of_the_makefile_is_phony() -> None:
    text = (ROOT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):(?!=)", text, flags=re.MULTILINE))
    (phony,) = re.findall(r"^\.PHONY: (.+)$", text, flags=re.MULTILINE)

    assert targets == set(phony.split())


def _title(record: Path) -> str:
    return record.read_text().splitlines()[0].partition(". ")[2]
