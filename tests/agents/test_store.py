"""Both stores keep the same promise: they are dictionaries from bytes to bytes."""

import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from agents.delivery.store import MemoryStores, RocksStores
from serving.instance import new_instance
from serving.own_folder import LOCK, FolderTaken

KEYS = st.binary(min_size=1, max_size=3)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("stores")


def test_rocks_rows_behave_like_a_dictionary(folder: Path) -> None:
    stores = RocksStores(folder)

    class Twins(RuleBasedStateMachine):
        def __init__(self) -> None:
            super().__init__()
            self.rows, self.model = stores.open("t", 0), dict[bytes, bytes]()

        @rule(key=KEYS, value=st.binary(max_size=5))
        def put(self, key: bytes, value: bytes) -> None:
            self.rows[key] = self.model[key] = value

        @rule(key=KEYS)
        def pop(self, key: bytes) -> None:
            assert self.rows.pop(key, None) == self.model.pop(key, None)

        @rule(key=KEYS)
        def get(self, key: bytes) -> None:
            assert self.rows.get(key) == self.model.get(key)
            assert (key in self.rows) == (key in self.model)

        @invariant()
        def same(self) -> None:
            assert dict(self.rows) == self.model
            assert len(self.rows) == len(self.model)

        def teardown(self) -> None:
            stores.close(self.rows)

    from hypothesis.stateful import run_state_machine_as_test

    run_state_machine_as_test(Twins, settings=settings(max_examples=25, stateful_step_count=20, deadline=None))


def test_a_missing_row_cannot_be_deleted(folder: Path) -> None:
    stores = RocksStores(folder)
    rows = stores.open("t", 1)
    with pytest.raises(KeyError):
        del rows[b"absent"]
    stores.close(rows)


def folders(parent: Path) -> set[str]:
    return {path.name for path in parent.iterdir() if path.is_dir()}


HOLD = """
import sys
from pathlib import Path
from serving.own_folder import OwnFolder
own = OwnFolder(Path(sys.argv[1]), sys.argv[2])
print("held", flush=True)
sys.stdin.read()
"""


def test_what_a_dead_process_left_is_removed_and_what_a_living_one_uses_is_not(tmp_path: Path) -> None:
    def hold(instance: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-c", HOLD, str(tmp_path), instance]
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        assert process.stdout is not None
        assert process.stdout.readline() == b"held\n"
        return process

    living, dead = hold("host.1"), hold("host.2")
    dead.kill()
    dead.wait()
    # Process 1 of another container, which nobody here sees.
    RocksStores(tmp_path, "host.3").open("t", 0)[b"k"] = b"v"
    assert folders(tmp_path) == {"host.1", "host.3"}
    living.kill()  # even one that was asleep holds its folder until then
    living.wait()
    RocksStores(tmp_path, "host.4")
    assert folders(tmp_path) == {"host.3", "host.4"}


def test_two_processes_of_the_same_name_do_not_share_a_folder(tmp_path: Path) -> None:
    RocksStores(tmp_path, "host.1")
    with pytest.raises(FolderTaken):
        RocksStores(tmp_path, "host.1")
    assert new_instance("host") != new_instance("host")


def test_a_store_is_gone_after_close(tmp_path: Path) -> None:
    stores = RocksStores(tmp_path, "host.1")
    rows = stores.open("t", 0)
    rows[b"k"] = b"v"
    stores.close(rows)
    assert [path.name for path in (tmp_path / "host.1").iterdir()] == [LOCK]
    assert stores.open("t", 0).get(b"k") is None


def test_memory_rows_are_a_dictionary() -> None:
    assert MemoryStores().open("t", 0) == {}
