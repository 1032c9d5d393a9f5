"""A worker says which code it runs: of a checkout, of an installation, or the release alone."""

import json
import subprocess
from importlib.metadata import version
from pathlib import Path

import pytest

from agents.versions import code_revision as module
from agents.versions.code_revision import code_revision

RELEASE = version("freshet")


def git(folder: Path, *arguments: str) -> str:
    identity = ("-c", "user.name=n", "-c", "user.email=n@example.org")
    done = subprocess.run(["git", "-C", str(folder), *identity, *arguments], capture_output=True, text=True, check=True)
    return done.stdout.strip()


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    git(tmp_path, "init", "--quiet")
    (tmp_path / "file.py").write_text("1", "utf-8")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "--quiet", "-m", "one")
    git(tmp_path, "tag", "-a", "v9", "-m", "a tag names no revision")
    return tmp_path


def test_a_checkout_has_its_revision_and_whether_files_differ_from_it(checkout: Path) -> None:
    revision = git(checkout, "rev-parse", "HEAD")[:12]
    assert code_revision(checkout) == f"{RELEASE}+{revision}"
    (checkout / "file.py").write_text("2", "utf-8")
    assert code_revision(checkout) == f"{RELEASE}+{revision}-dirty"


def test_an_installation_inside_of_somebody_elses_repository_has_not_the_revision_of_that(checkout: Path) -> None:
    inside = checkout / "site-packages"
    inside.mkdir()
    assert code_revision(inside) == RELEASE


def test_an_installation_from_a_repository_has_the_revision_that_pip_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Installed:
        version = "9.9"

        def read_text(self, name: str) -> str | None:
            noted = {"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "a" * 40}}
            return json.dumps(noted) if name == "direct_url.json" else None

    monkeypatch.setattr(module, "distribution", lambda _: Installed())
    assert code_revision(tmp_path) == f"9.9+{'a' * 12}"
