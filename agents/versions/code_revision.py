"""Which code a worker runs: the release, and the revision when it is known. Read once, when the worker starts."""

import json
import subprocess
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

PACKAGE = "freshet"
ROOT = Path(__file__).parents[2]
GIT_TIMEOUT_S = 5.0
_REVISION_LENGTH = 12


def code_revision(root: Path = ROOT) -> str:
    """`0.2.0+5fef2ffa12c4`, with `-dirty` behind it when files differ from that revision; the release alone where no
    revision is known: neither a checkout at `root`, nor installed from a repository."""
    try:
        release, origin = distribution(PACKAGE).version, distribution(PACKAGE).read_text("direct_url.json")
    except PackageNotFoundError:  # run from its files
        release, origin = "unreleased", None
    revision = _of_checkout(root) or _of_installation(origin)
    return f"{release}+{revision}" if revision else release


def _of_checkout(root: Path) -> str:
    if not (root / ".git").exists():  # an environment inside of somebody else's repository is none of ours
        return ""
    command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--exclude=*", f"--abbrev={_REVISION_LENGTH}"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=GIT_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):  # no git here: the release has to do
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def _of_installation(origin: str | None) -> str:
    """What pip noted about where it was installed from (PEP 610)."""
    noted = json.loads(origin) if origin else {}
    revision: str = noted.get("vcs_info", {}).get("commit_id", "")
    return revision[:_REVISION_LENGTH]
