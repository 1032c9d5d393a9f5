"""What a process of ours is told is what its parent knows."""

import pytest

from ops.configuration.settings import Settings
from ops.processes.child_settings import environment_of


def test_a_child_reads_the_settings_of_its_parent_secrets_included(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings(user_id_secret="0123456789abcdef0123456789abcdef", list_size=7, rerank_min_genres=2)
    for name, value in environment_of(settings).items():
        monkeypatch.setenv(name, value)
    assert Settings() == settings
