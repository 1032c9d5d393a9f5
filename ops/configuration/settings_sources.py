"""Loads the settings, says where each value came from, and turns every mistake into one readable line."""

import difflib
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

from dotenv import dotenv_values
from pydantic import SecretStr, ValidationError
from pydantic_core import ErrorDetails

from ops.configuration.kafka_rules import kafka_problems
from ops.configuration.secret_files import FILES, SecretFileError, with_secrets
from ops.configuration.settings import NO_HOME, NO_HOME_PROBLEM, PREFIX, Settings, variable
from ops.configuration.settings_text import MASK, allowed, shown
from ops.exit_codes import CommandFailed, ExitCode

Given = Mapping[str, tuple[str, str]]

ENV_FILE = Path(".env")
#: Where things are, and under what name: a file of settings for one version does not move it.
_PLACES = tuple(
    map(
        variable,
        (
            "namespace",
            "model_version",
            "kafka_bootstrap",
            "redis_url",
            "cassandra_url",
            "clickhouse_url",
            "storage_url",
            "state_dir",
        ),
    )
)
#: Names that settings had in former releases. They are refused with the present name, so that nobody runs on a default.
_FORMER = {PREFIX + "JUDGED_SHARE": "evaluation_sample_rate"}
_MAX_QUOTED = 300
TEST_PREFIX = PREFIX + "TEST_"
"""Variables of the test suite; no setting begins like this."""


class SettingsError(CommandFailed):
    """At least one value is wrong; one line a problem, each names the variable, the value and what is allowed."""

    code = ExitCode.USAGE

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True)
class Effective:
    """One setting as it is in force; `value` is fit to be shown, `source` is `default`, `environment` or `.env`."""

    name: str
    variable: str
    value: str
    source: str


def load_settings(env_file: Path = ENV_FILE, over: Path | None = None) -> Settings:
    """The settings of this process. The environment wins over `env_file`, and the lines of `over`, which may not say
    where things are, over both. Raises `SettingsError`."""
    above = {} if over is None else _above(over)
    _require_readable(env_file)
    given = _given(env_file, above)
    unknown = _unknown(given)
    values: dict[str, Any] = {
        name.removeprefix(PREFIX).lower(): value
        for name, (value, source) in given.items()
        if name in above or source in FILES
    }
    try:
        settings = Settings(_env_file=env_file, **values)  # type: ignore[call-arg]  # pydantic-settings adds it
    except ValidationError as wrong:
        raise SettingsError(unknown + [_problem(error, given) for error in wrong.errors()]) from None
    if problems := unknown + kafka_problems(settings):
        raise SettingsError(problems)
    return settings


def effective(settings: Settings, env_file: Path = ENV_FILE) -> list[Effective]:
    """Every setting with its value and source, secrets masked. Raises `SettingsError` when there is no state folder."""
    if settings.state_dir == NO_HOME:
        raise SettingsError([NO_HOME_PROBLEM])
    given = _given(env_file)
    return [
        Effective(name, variable(name), shown(getattr(settings, name)), _source(given, variable(name)))
        for name in Settings.model_fields
    ]


def _given(env_file: Path, above: Given = MappingProxyType({})) -> dict[str, tuple[str, str]]:
    """(value, source) by upper-case variable name, for our variables that are set; an empty one is not. `above` wins.
    Secrets are in place of the files that hold them. Raises `SettingsError`."""
    sources = ((dotenv_values(env_file), env_file.name), (os.environ, "environment"))
    given = {
        name.upper(): (value, source)
        for variables, source in sources
        for name, value in variables.items()
        if name.upper().startswith(PREFIX) and value
    }
    try:
        return with_secrets({**given, **above})
    except SecretFileError as problem:
        raise SettingsError([str(problem)]) from None


def _require_readable(file: Path) -> None:
    """A file that is not there is none; one that is there counts. Raises `SettingsError`."""
    try:
        if file.is_file():
            file.read_text(encoding="utf-8")
    except UnicodeDecodeError as problem:
        raise SettingsError([f"{file} cannot be read: it is not UTF-8 at byte {problem.start}"]) from None
    except OSError as problem:
        raise SettingsError([f"{file} cannot be read: {problem.strerror}"]) from None


def _above(over: Path) -> dict[str, tuple[str, str]]:
    _require_readable(over)
    above = {name.upper(): (value, over.name) for name, value in dotenv_values(over).items() if value}
    misplaced = [f"{name} (from {over.name}) cannot be another one" for name in sorted(above) if name in _PLACES]
    strange = [f"{name} (from {over.name}) is not a setting" for name in sorted(above) if not name.startswith(PREFIX)]
    if misplaced or strange:
        raise SettingsError(misplaced + strange)
    return above


def _source(given: Given, name: str) -> str:
    return given[name][1] if name in given else "default"


def _unknown(given: Given) -> list[str]:
    known = [variable(name) for name in Settings.model_fields]
    strange = (name for name in sorted(given) if name not in known and not name.startswith(TEST_PREFIX))
    return [f"{name} (from {_source(given, name)}) is not a setting; {_meant(name, known)}" for name in strange]


def _meant(name: str, known: list[str]) -> str:
    if name in _FORMER:
        return f"it is called {variable(_FORMER[name])} now"
    return f"the closest one is {difflib.get_close_matches(name, known, n=1, cutoff=0.0)[0]}"


def _problem(error: ErrorDetails, given: Given) -> str:
    reason = str(error["ctx"]["error"]) if error["type"] == "value_error" else ""
    if not error["loc"]:  # settings that do not fit each other; the reason names them
        return reason
    field = str(error["loc"][0])
    name = variable(field)
    value, source = given.get(name, (str(error["input"]), "default"))
    secret = SecretStr in get_args(Settings.model_fields[field].annotation)
    safe = MASK if secret else shown(value)
    problem = f"{name}={_quoted(safe)} (from {source}) is wrong; allowed: {allowed(Settings.model_fields[field])}"
    return f"{problem} ({_quoted(reason)})" if reason and safe == value else problem  # a reason may quote a secret


def _quoted(text: str) -> str:
    return text if len(text) <= _MAX_QUOTED else f"{text[:_MAX_QUOTED]}..."
