"""Secrets from files, as orchestrators mount them: `FRESHET_X_FILE` names the file that holds the secret FRESHET_X."""

import string
from collections.abc import Mapping
from pathlib import Path
from typing import Final, get_args

from pydantic import SecretStr

from ops.configuration.settings import Settings, variable

_SUFFIX: Final = "_FILE"
#: Variables of settings that are secret, or hold a password: what `freshet config` masks.
SECRETS: Final = frozenset(
    variable(name)
    for name, field in Settings.model_fields.items()
    if SecretStr in get_args(field.annotation) or not field.repr
)
FILES: Final = frozenset(name + _SUFFIX for name in SECRETS)


class SecretFileError(ValueError):
    """A file of a secret cannot be used; the message names the variable and never the content."""


def with_secrets(given: Mapping[str, tuple[str, str]]) -> dict[str, tuple[str, str]]:
    """The same values and sources by variable, with the secrets in place of the files that hold them; the source is
    then the variable that named the file. Raises `SecretFileError`.

    Of both the later source says it, as with any setting: the environment wins over `.env`.
    """
    named = {name.removesuffix(_SUFFIX): name for name in given if name in FILES}
    result = {name: value for name, value in given.items() if name not in FILES}
    for name, file_name in named.items():
        path, source = given[file_name]
        if name in given:
            if given[name][1] == source:
                raise SecretFileError(f"set either {name} or {file_name}, not both")
            if given[name][1] == "environment":
                continue
        result[name] = (_read(file_name, Path(path)), file_name)
    return result


def _read(name: str, file: Path) -> str:
    """The content but for ASCII white space around it: all else is part of the secret, byte by byte."""
    try:
        content = file.read_bytes().decode().strip(string.whitespace)
    except OSError as problem:
        raise SecretFileError(f"{name}={file}: {problem.strerror}") from None
    except UnicodeDecodeError as problem:
        raise SecretFileError(f"{name}={file} is not UTF-8 at byte {problem.start}") from None
    if not content:
        raise SecretFileError(f"{name}={file} is empty")
    return content
