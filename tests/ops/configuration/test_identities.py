"""The secret that hashes user ids: from the environment or a file, long enough, and never shown."""

from pathlib import Path

import pytest

from ops.configuration.identities import identities_of
from ops.configuration.settings import Settings, variable
from ops.configuration.settings_sources import SettingsError, effective, load_settings
from streams.contract.identities import PLAIN, Identities

SECRET = "hunter2-hunter2-hunter2-hunter2-"
NAME, FILE = "FRESHET_USER_ID_SECRET", "FRESHET_USER_ID_SECRET_FILE"


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.chdir(tmp_path)


def complaint() -> str:
    with pytest.raises(SettingsError) as caught:
        identities_of(load_settings())
    return str(caught.value)


def test_without_a_secret_ids_stay_as_they_are() -> None:
    assert identities_of(load_settings()) == PLAIN


def test_the_variable_and_the_file_mean_the_same(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(NAME, SECRET)
    of_variable = identities_of(load_settings())
    monkeypatch.delenv(NAME)
    (tmp_path / "secret").write_text(SECRET + "\n")
    monkeypatch.setenv(FILE, str(tmp_path / "secret"))
    assert of_variable == identities_of(load_settings()) == Identities(SECRET.encode())


def test_the_secret_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(NAME, SECRET)
    settings = load_settings()
    assert "hunter2" not in repr(settings) + str(effective(settings)) + repr(identities_of(settings))


def test_a_short_one_is_refused_and_not_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv(NAME, "hunter2")
    assert complaint() == (f"{NAME}=******** (from environment) is wrong; allowed: text of 32 to 1024 characters")
    monkeypatch.delenv(NAME)
    (tmp_path / "secret").write_text("hunter2" + " " * 40)
    monkeypatch.setenv(FILE, str(tmp_path / "secret"))
    assert complaint() == f"{NAME}=******** (from {FILE}) is wrong; allowed: text of 32 to 1024 characters"


def test_a_file_that_cannot_be_read_and_two_sources_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(FILE, "/nowhere/secret")
    assert complaint() == f"{FILE}=/nowhere/secret: No such file or directory"
    monkeypatch.setenv(NAME, SECRET)
    assert complaint() == f"set either {NAME} or {FILE}, not both"
