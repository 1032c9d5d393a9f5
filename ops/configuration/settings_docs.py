"""docs/settings.md, generated from the settings: `python -m ops.configuration.settings_docs > docs/settings.md`."""

import sys

from ops.configuration.secret_files import SECRETS
from ops.configuration.settings import Settings, variable
from ops.configuration.settings_text import allowed, shown_default

_HEAD = """\
# Settings

Generated from `ops/configuration/settings.py` by `make docs`; do not edit.

Every setting is an environment variable. A file `.env` in the working directory may hold them too; the environment
wins, and an empty value counts as unset. `freshet config` prints the values in force and where each came from. A wrong
value, or a `FRESHET_` variable that is not in this table, ends every command with exit code 2 and a message that says
what is allowed.

| Variable | Default | Allowed | Meaning |
|---|---|---|---|
"""

_TAIL = """
Together: `FRESHET_LIST_EXPIRES_S` must not be more than `FRESHET_LIST_TTL_S`, nor `FRESHET_ACTIVE_DAYS` more than
`FRESHET_RETENTION_DAYS`.

Secrets may be in files: `FRESHET_X_FILE` names the file that holds FRESHET_X, for each of {secrets}. Only one of the
two is set. What Kafka's settings must be together is in `docs/security.md`.
"""


def settings_page() -> str:
    """The whole page as Markdown."""
    rows = [
        f"| `{variable(name)}` | {_code(shown_default(field))} | {_cell(allowed(field))} | {field.description} |\n"
        for name, field in Settings.model_fields.items()
    ]
    return _HEAD + "".join(rows) + _TAIL.format(secrets=", ".join(f"`{name}`" for name in sorted(SECRETS)))


def _code(text: str) -> str:
    return f"`{text}`" if text else "(empty)"


def _cell(text: str) -> str:
    words, like, pattern = text.partition(" like ")
    return f"{words}{like}`{pattern}`" if like else text


if __name__ == "__main__":
    sys.stdout.write(settings_page())
