"""Runs tests of the tree in which it is started: `trial.py PYTEST_ARGUMENTS`, forked by `mutate.py`."""

import os
import sys

import pytest

if __name__ == "__main__":
    sys.path.insert(0, os.getcwd())
    sys.exit(pytest.main(sys.argv[1:]))
