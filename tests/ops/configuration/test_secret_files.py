"""Each secret may be in a file, and is shown nowhere."""

from pathlib import Path

import pytest

from ops.configuration.secret_files import FILES, SECRETS
from ops.configuration.settings import Settings, variable
from ops.configuration.settings_sources import SettingsError, effective, load_settings
from ops.configuration.settings_text import MASK
from ops.processes.child_settings import environment_of

#: One of each kind that is long enough for all.
WORD = "hunter2-hunter2-hunter2-hunter2-"
VALUES = {
    "FRESHET_REDIS_URL": f"redis://reader:{WORD}@cache:6379/0",
    "FRESHET_CLICKHOUSE_URL": f"clickhouse://reader:{WORD}@house/db",
    "FRESHET_CASSANDRA_URL": f"cassandra://reader:{WORD}@ring/db",
}


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in {*map(variable, Settings.model_fields), *FILES}:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    # A client secret and a password have an effect, one at a time.
    monkeypatch.setenv("FRESHET_KAFKA_SECURITY_PROTOCOL", "SASL_PLAINTEXT")
    monkeypatch.setenv("FRESHET_KAFKA_SASL_USERNAME", "reader")
    monkeypatch.setenv("FRESHET_KAFKA_SASL_PASSWORD", WORD)


def use_oauth(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FRESHET_KAFKA_SASL_USERNAME", "FRESHET_KAFKA_SASL_PASSWORD"):
        monkeypatch.delenv(name)
    monkeypatch.setenv("FRESHET_KAFKA_SASL_MECHANISM", "OAUTHBEARER")
    monkeypatch.setenv("FRESHET_KAFKA_OAUTH_TOKEN_URL", "http://127.0.0.1:1/token")
    monkeypatch.setenv("FRESHET_KAFKA_OAUTH_CLIENT_ID", "reader")


def test_what_is_secret_is_known() -> None:
    words = ("password", "secret", "_url", "token")
    suspicious = {variable(name) for name in Settings.model_fields if any(word in name for word in words)}
    addresses = {
        "FRESHET_ENDPOINT_JWKS_URL",
        "FRESHET_KAFKA_OAUTH_TOKEN_URL",
        "FRESHET_OTLP_URL",  # takes no user and password
        "FRESHET_STORAGE_URL",
    }
    assert suspicious - addresses == set(SECRETS)


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_from_a_file_it_is_the_same_and_never_shown(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str) -> None:
    if "OAUTH" in name:
        use_oauth(monkeypatch)
    value, field = VALUES.get(name, WORD), name.removeprefix("FRESHET_").lower()
    monkeypatch.setenv(name, value)
    plain = load_settings()
    monkeypatch.delenv(name)
    (tmp_path / "file").write_text(value + "\n")
    monkeypatch.setenv(name + "_FILE", str(tmp_path / "file"))

    settings = load_settings()

    assert settings == plain
    shown = {setting.name: setting for setting in effective(settings)}
    assert MASK in shown[field].value
    assert shown[field].source == name + "_FILE"
    assert WORD not in f"{settings!r}{settings}{effective(settings)}{settings.kafka!r}{settings.kafka.security!r}"
    child = environment_of(settings)
    assert name + "_FILE" not in child
    assert child[name] == value


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "FRESHET_REDIS_URL_FILE=file: No such file or directory"),
        (b"\n", "FRESHET_REDIS_URL_FILE=file is empty"),
        (b"\xff", "FRESHET_REDIS_URL_FILE=file is not UTF-8 at byte 0"),
        (b"\n\n\xff", "FRESHET_REDIS_URL_FILE=file is not UTF-8 at byte 2"),
        (b"http://hunter2@cache", "FRESHET_REDIS_URL=******** (from FRESHET_REDIS_URL_FILE) is wrong; allowed: redis"),
    ],
)
def test_a_file_of_no_use(monkeypatch: pytest.MonkeyPatch, content: bytes | None, problem: str) -> None:
    if content is not None:
        Path("file").write_bytes(content)
    monkeypatch.setenv("FRESHET_REDIS_URL_FILE", "file")
    with pytest.raises(SettingsError) as caught:
        load_settings()
    assert str(caught.value).startswith(problem)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "secret"),
    [
        (f" {WORD}\r\n{WORD}\r\n".encode(), f"{WORD}\r\n{WORD}"),  # a line break is what it is in the file
        (f"{WORD}\u00a0\n".encode(), f"{WORD}\u00a0"),  # no white space of ASCII
        (f"\u2003{WORD}\x1c".encode(), f"\u2003{WORD}\x1c"),
    ],
)
def test_the_secret_of_user_ids_is_the_bytes_of_its_file(
    monkeypatch: pytest.MonkeyPatch, content: bytes, secret: str
) -> None:
    """Other bytes would be other stored ids of all users."""
    Path("file").write_bytes(content)
    monkeypatch.setenv("FRESHET_USER_ID_SECRET_FILE", "file")
    settings = load_settings()
    assert settings.user_id_secret is not None
    assert settings.user_id_secret.get_secret_value() == secret


def test_the_environment_wins_over_the_file_of_settings(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "password").write_text("of the file")
    Path(".env").write_text(f"FRESHET_KAFKA_SASL_PASSWORD_FILE={tmp_path / 'password'}\n")
    assert load_settings().kafka.security.password == WORD
    monkeypatch.delenv("FRESHET_KAFKA_SASL_PASSWORD")
    assert load_settings().kafka.security.password == "of the file"
    monkeypatch.setenv("FRESHET_KAFKA_SASL_PASSWORD", "x")
    monkeypatch.setenv("FRESHET_KAFKA_SASL_PASSWORD_FILE", str(tmp_path / "password"))
    with pytest.raises(SettingsError, match="set either FRESHET_KAFKA_SASL_PASSWORD or"):
        load_settings()


@pytest.mark.parametrize(("oauth", "mechanism"), [(False, "SCRAM-SHA-512"), (True, "OAUTHBEARER")])
def test_kafka_gets_what_the_settings_say(monkeypatch: pytest.MonkeyPatch, oauth: bool, mechanism: str) -> None:
    if oauth:
        use_oauth(monkeypatch)
        monkeypatch.setenv("FRESHET_KAFKA_OAUTH_CLIENT_SECRET", WORD)
    address = load_settings().kafka
    assert (address, address.security.mechanism) == ("127.0.0.1:29092", mechanism)
    assert (address.security.tokens is not None) == oauth
    assert (address.security.password == WORD) != oauth
