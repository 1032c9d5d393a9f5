"""Breaks the code on purpose, one mechanism at a time, in a copy of the tree.

    python tests/mutants/mutate.py [--core] [NAME PART]

`--core` tries a dozen that are noticed fast, and takes it that the unbroken tests pass.
Prints a line per breakage and at the end {"mutants": n, "killed": n, "survived": [...]}. Exit code 1 when one survives
or when the tests fail without any breakage, 2 when a breakage does not fit the code any more.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from breakages import BREAKAGES, Breakage

ROOT = Path(__file__).parents[2]
COPIED = ("agents", "offline", "ops", "ranking", "serving", "streams", "tables", "tests", "pyproject.toml")
#: Enough for every breakage to meet the schedule that it fails in; see tests/laws/test_model.py.
MODEL_SEEDS = "240"
#: A test that hangs has noticed something too.
TIMEOUT_S = 120
ALL_TESTS = tuple(sorted({test for breakage in BREAKAGES for test in breakage.tests}))
WORKERS = min(2, os.cpu_count() or 1)


def copy_of_the_tree(target: Path) -> Path:
    """The code and its tests, without data and caches."""
    ignored = shutil.ignore_patterns("__pycache__", ".hypothesis")
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, target / name, ignore=ignored)
        else:
            shutil.copy(source, target / name)
    return target


def misfit(breakage: Breakage) -> str | None:
    """What is wrong when the code is not any more what the breakage replaces."""
    text = (ROOT / breakage.file).read_text()
    for old, _ in breakage.changes:
        if (count := text.count(old)) != 1:
            return f"{breakage.name}: {breakage.file} has {old!r} {count} times, not once"
    return None


def broken(tree: Path, breakage: Breakage) -> None:
    """Breaks the tree."""
    path = tree / breakage.file
    text = path.read_text()
    for old, new in breakage.changes:
        text = text.replace(old, new)
    path.write_text(text)


def tests_pass(tree: Path, tests: tuple[str, ...]) -> bool:
    """Whether the tests notice nothing."""
    environment = {**os.environ, "PYTHONPATH": str(tree), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {"FRESHET_MODEL_SEEDS": MODEL_SEEDS, "FRESHET_NO_SHRINKING": "1"}
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests],
            cwd=tree,
            env=environment,
            capture_output=True,
            text=True,
            timeout=TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.returncode == 0


def try_one(breakage: Breakage | None) -> tuple[bool, float]:
    """(whether a test failed, seconds); None = nothing broken, all tests."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="mutant-") as folder:
        tree = copy_of_the_tree(Path(folder))
        if breakage is not None:
            broken(tree, breakage)
        tests = ALL_TESTS if breakage is None else breakage.tests
        return not tests_pass(tree, tests), time.monotonic() - begin


def main(arguments: Sequence[str]) -> int:
    """Tries the breakages whose name contains what the arguments say."""
    core = "--core" in arguments
    part = " ".join(argument for argument in arguments if argument != "--core")
    chosen = [breakage for breakage in BREAKAGES if part in breakage.name and breakage.is_core >= core]
    misfits = [problem for problem in map(misfit, chosen) if problem]
    if misfits:
        print("\n".join(misfits))
        return 2
    survived = []
    with ThreadPoolExecutor(WORKERS) as pool:
        unbroken = None if core else pool.submit(try_one, None)
        tried = [pool.submit(try_one, breakage) for breakage in chosen]
        if unbroken is not None and unbroken.result()[0]:
            print("the tests fail without any breakage")
            pool.shutdown(cancel_futures=True)
            return 1
        for breakage, trial in zip(chosen, tried, strict=True):
            killed, seconds = trial.result()
            print(f"{'killed' if killed else 'SURVIVED':9} {seconds:6.1f} s  {breakage.name}", flush=True)
            if not killed:
                survived.append(breakage.name)
    print(json.dumps({"mutants": len(chosen), "killed": len(chosen) - len(survived), "survived": survived}))
    return 1 if survived else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
