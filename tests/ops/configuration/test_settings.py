"""Settings: where values come from, and what is said about wrong ones."""

from pathlib import Path

import pytest
from aiokafka.conn import collect_hosts
from hypothesis import given
from hypothesis import strategies as st

from ops.configuration.settings import Settings, variable
from ops.configuration.settings_docs import settings_page
from ops.configuration.settings_sources import SettingsError, effective, load_settings
from ops.configuration.settings_text import MASK, masked

PAGE = Path(__file__).parents[3] / "docs" / "settings.md"


@pytest.fixture(autouse=True)
def no_settings_of_this_machine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in Settings.model_fields:
        monkeypatch.delenv(variable(name), raising=False)
    monkeypatch.chdir(tmp_path)


def problems() -> list[str]:
    with pytest.raises(SettingsError) as caught:
        load_settings()
    return caught.value.problems


def test_defaults_are_valid_and_complete() -> None:
    assert load_settings().partitions == 4
    assert {setting.source for setting in effective(load_settings())} == {"default"}


def test_the_environment_wins_over_the_file_and_sources_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("FRESHET_PARTITIONS=8\nFRESHET_LIST_SIZE=7\nOTHER=1\n")
    monkeypatch.setenv("FRESHET_PARTITIONS", "16")

    settings = load_settings()

    assert (settings.partitions, settings.list_size) == (16, 7)
    sources = {setting.name: setting.source for setting in effective(settings)}
    assert (sources["partitions"], sources["list_size"], sources["namespace"]) == ("environment", ".env", "default")


def test_a_former_name_is_answered_with_the_present_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_JUDGED" + "_SHARE", "0.5")
    Path(".env").write_text("FRESHET_EVALUATION_SAMPLE_RATE=0.1\n")
    (problem,) = problems()
    assert problem.endswith("(from environment) is not a setting; it is called FRESHET_EVALUATION_SAMPLE_RATE now")


def test_a_file_for_one_version_wins_and_moves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_LIST_SIZE", "16")
    over = Path("v2.env")
    over.write_text("FRESHET_LIST_SIZE=50\n# a remark\nFRESHET_RERANK_MIN_GENRES=0\n")
    settings = load_settings(over=over)
    assert (settings.list_size, settings.rerank_min_genres, settings.partitions) == (50, 0, 4)
    for line, problem in (
        ("FRESHET_LIST_SIZE=0", "FRESHET_LIST_SIZE=0 (from v2.env) is wrong"),
        ("FRESHET_NAMESPACE=other", "FRESHET_NAMESPACE (from v2.env) cannot be another one"),
        ("LIST_SIZE=5", "LIST_SIZE (from v2.env) is not a setting"),
        ("FRESHET_LIST_SIZES=5", "FRESHET_LIST_SIZES (from v2.env) is not a setting"),
    ):
        over.write_text(line)
        with pytest.raises(SettingsError) as caught:
            load_settings(over=over)
        assert problem in str(caught.value)


def test_storage_is_a_folder_here_unless_it_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    assert load_settings().storage == str(load_settings().state_dir / "storage")
    monkeypatch.setenv("FRESHET_STORAGE_URL", "kept")
    assert load_settings().storage == str(Path("kept").absolute())
    monkeypatch.setenv("FRESHET_STORAGE_URL", "s3://bucket/freshet")
    assert load_settings().storage == "s3://bucket/freshet"


def test_an_empty_value_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_PARTITIONS", "")

    assert load_settings().partitions == 4
    assert {setting.source for setting in effective(load_settings())} == {"default"}


@pytest.mark.parametrize(
    ("name", "value", "expectation"),
    [
        ("FRESHET_LIST_SIZE", "0", "whole number, 1 to 500"),
        ("FRESHET_LIST_SIZE", "1.5", "whole number, 1 to 500"),
        ("FRESHET_ITEM_MODEL_INTERVAL_S", "nan", "number, 0.1 to 60.0"),
        ("FRESHET_LOG_LEVEL", "loud", "DEBUG, INFO, WARNING or ERROR"),
        ("FRESHET_NAMESPACE", "No", "text like ^[a-z0-9-]{0,40}$"),
        ("FRESHET_NAMESPACE", "user", "namespace 'user' is reserved"),
        ("FRESHET_KAFKA_BOOTSTRAP", "kafka", "'kafka' is no host:port"),
        ("FRESHET_KAFKA_BOOTSTRAP", "kafka:65536", "'kafka:65536' has a port that is not 1 to 65535"),
        ("FRESHET_KAFKA_BOOTSTRAP", "kafka:0", "'kafka:0' has a port that is not 1 to 65535"),
        ("FRESHET_KAFKA_BOOTSTRAP", "kafka:9092,,", "'' is no host:port"),
        ("FRESHET_KAFKA_BOOTSTRAP", "::1:9092", "an IPv6 address needs brackets: [::1]:9092"),
        (
            "FRESHET_KAFKA_BOOTSTRAP",
            "SASL_SSL://kafka:9092",
            "SASL_SSL:// does not belong here",
        ),
        ("FRESHET_STATE_DIR", "~nobody-of-that-name/x", "nobody has that home folder"),
        ("FRESHET_STORAGE_URL", "~nobody-of-that-name/x", "nobody has that home folder"),
        ("FRESHET_REDIS_URL", "http://cache", "scheme 'http' is neither redis nor rediss"),
    ],
)
def test_a_wrong_value_names_variable_value_and_what_is_allowed(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, expectation: str
) -> None:
    monkeypatch.setenv(name, value)

    (problem,) = problems()

    assert problem.startswith(f"{name}={value} (from environment) is wrong; allowed: ")
    assert expectation in problem


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("[::1]:9092", "[::1]:9092"),
        ("kafka-1:9092, kafka-2:9092", "kafka-1:9092,kafka-2:9092"),
        ("PLAINTEXT://kafka:9092,plaintext://[fe80::1]:9093", "kafka:9092,[fe80::1]:9093"),
    ],
)
def test_addresses_of_kafka_as_people_write_them(monkeypatch: pytest.MonkeyPatch, written: str, read: str) -> None:
    monkeypatch.setenv("FRESHET_KAFKA_BOOTSTRAP", written)

    bootstrap = load_settings().kafka_bootstrap

    assert bootstrap == read
    assert len(collect_hosts(bootstrap)) == len(read.split(","))  # the client reads as many


def test_all_problems_are_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    Path(".env").write_text("FRESHET_PARTITIONS=none\n")
    monkeypatch.setenv("FRESHET_LIST_SIZE", "0")
    monkeypatch.setenv("FRESHET_PARTITION", "3")

    unknown, first, second = problems()

    assert unknown == "FRESHET_PARTITION (from environment) is not a setting; the closest one is FRESHET_PARTITIONS"
    assert first.startswith("FRESHET_PARTITIONS=none (from .env)")
    assert second.startswith("FRESHET_LIST_SIZE=0 (from environment)")


def test_variables_of_the_test_suite_are_not_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_TEST_KAFKA", "127.0.0.1:1")

    load_settings()


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("FRESHET_LIST_TTL_S", "600", "FRESHET_LIST_EXPIRES_S=86400 must not be more than FRESHET_LIST_TTL_S=600"),
        ("FRESHET_RETENTION_DAYS", "7", "FRESHET_ACTIVE_DAYS=30 must not be more than FRESHET_RETENTION_DAYS=7"),
    ],
)
def test_settings_must_fit_each_other(monkeypatch: pytest.MonkeyPatch, name: str, value: str, message: str) -> None:
    monkeypatch.setenv(name, value)

    assert problems() == [message]


def test_a_password_is_never_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FRESHET_REDIS_URL", "rediss://reader:hunter2@cache:6380/1")

    settings = load_settings()

    assert "hunter2" not in repr(settings)
    shown = {setting.name: setting.value for setting in effective(settings)}
    assert shown["redis_url"] == f"rediss://{MASK}@cache:6380/1"


@given(st.text(st.characters(min_codepoint=33, max_codepoint=126), min_size=1, max_size=12).map("hunter2{}".format))
def test_no_password_survives_masking_however_odd_the_url(password: str) -> None:
    for url in (f"redis://u:{password}@h:1/0", f"redis://:{password}@h", f"redis:{password}@h", f"//{password}@h"):
        assert "hunter2" not in masked(url)


@pytest.mark.parametrize("url", ["redis://:hunter2/x@h", "http://u:hunter2@h", "redis://u:hunter2@h:port"])
def test_a_complaint_about_a_url_keeps_its_password(monkeypatch: pytest.MonkeyPatch, url: str) -> None:
    monkeypatch.setenv("FRESHET_REDIS_URL", url)

    (problem,) = problems()

    assert problem.startswith("FRESHET_REDIS_URL=")
    assert "hunter2" not in problem


def test_the_page_of_settings_is_generated_from_the_code() -> None:
    assert PAGE.read_text() == settings_page(), "run `make docs`"
