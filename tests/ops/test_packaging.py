"""What is installed, and that its versions are pinned."""

import ast
import importlib
import re
import tomllib
from collections.abc import Iterator
from importlib.metadata import distribution, packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
PACKAGES = ("streams", "tables", "ranking", "serving", "agents", "offline", "ops")
PLAIN_PIN = re.compile(r"[A-Za-z0-9_.-]+==[A-Za-z0-9_.+!-]+")


def pins() -> dict[str, str]:
    pairs = (line.split("==") for line in (ROOT / "constraints.txt").read_text().splitlines())
    return {canonicalize_name(name): version for name, version in pairs}


def direct_requirements() -> list[Requirement]:
    project = PROJECT["project"]
    lists = (project["dependencies"], *project["optional-dependencies"].values())
    return [Requirement(line) for lines in lists for line in lines if not line.startswith("freshet")]


def needed(requirement: Requirement, seen: set[tuple[str, frozenset[str]]]) -> Iterator[str]:
    """The requirement and, transitively, what it needs on this platform."""
    key = (canonicalize_name(requirement.name), frozenset(requirement.extras))
    if key in seen:
        return
    seen.add(key)
    yield key[0]
    for line in distribution(requirement.name).requires or ():
        further = Requirement(line)
        if further.marker is None or any(further.marker.evaluate({"extra": e}) for e in ("", *requirement.extras)):
            yield from needed(further, seen)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_belongs_to_freshet_alone(package: str) -> None:
    assert set(packages_distributions()[package]) == {"freshet"}


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_says_in_one_sentence_what_lives_there_and_what_never_does(package: str) -> None:
    sentence = importlib.import_module(package).__doc__

    assert sentence
    assert re.fullmatch(r"[^\n]+ never does\.|[^\n]+ never do\.", sentence), sentence


def test_every_module_says_what_it_is_for() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for package in PACKAGES
        for path in (ROOT / package).rglob("*.py")
        if not ast.get_docstring(ast.parse(path.read_text()))
    ]
    assert silent == []


def test_import_rules_cover_every_package() -> None:
    assert set(PROJECT["tool"]["importlinter"]["root_packages"]) == set(PACKAGES)
    assert set(PROJECT["tool"]["mypy"]["packages"]) >= set(PACKAGES)
    assert {pattern.rstrip("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]} == set(
        PACKAGES
    )


def test_constraints_are_plain_pins_without_addresses() -> None:
    lines = (ROOT / "constraints.txt").read_text().splitlines()

    assert [line for line in lines if not PLAIN_PIN.fullmatch(line)] == []


def test_everything_that_is_needed_is_pinned_at_the_version_that_is_installed() -> None:
    seen: set[tuple[str, frozenset[str]]] = set()
    names = {name for requirement in direct_requirements() for name in needed(requirement, seen)}

    assert names - pins().keys() == set(), "run `make constraints`"
    different = {name: (pins()[name], distribution(name).version) for name in names}
    assert {name: pair for name, pair in different.items() if pair[0] != pair[1]} == {}, "run `make install`"


def test_every_lint_rule_that_is_off_says_why() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    start = lines.index("ignore = [")
    ignored = lines[start + 1 : lines.index("]", start)]

    assert ignored
    assert [line for line in ignored if "#" not in line] == []


def test_the_licence_is_the_one_that_the_project_names() -> None:
    assert PROJECT["project"]["license"] == "Apache-2.0"
    assert "Apache License\n                           Version 2.0" in (ROOT / "LICENSE").read_text()
