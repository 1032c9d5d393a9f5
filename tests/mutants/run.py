"""Breaks the code on purpose, one mechanism at a time, in a copy of the tree: python tests/mutants/run.py [NAME PART]

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
    count = (ROOT / breakage.file).read_text().count(breakage.old)
    return None if count == 1 else f"{breakage.name}: {breakage.file} has {breakage.old!r} {count} times, not once"


def broken(tree: Path, breakage: Breakage) -> None:
    """Breaks the tree."""
    path = tree / breakage.file
    path.write_text(path.read_text().replace(breakage.old, breakage.new))


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


def main(part: str) -> int:
    """Tries the breakages whose name contains `part`."""
    chosen = [breakage for breakage in BREAKAGES if part in breakage.name]
    misfits = [problem for problem in map(misfit, chosen) if problem]
    if misfits:
        print("\n".join(misfits))
        return 2
    survived = []
    with ThreadPoolExecutor(WORKERS) as pool:
        unbroken, *tried = (pool.submit(try_one, breakage) for breakage in (None, *chosen))
        if unbroken.result()[0]:
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
    sys.exit(main(" ".join(sys.argv[1:])))
