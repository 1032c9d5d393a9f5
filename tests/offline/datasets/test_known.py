from offline.datasets.known import KNOWN
from ops.dataset_name import DatasetName


def test_every_name_of_the_commands_is_known() -> None:
    assert set(KNOWN) == set(DatasetName)
