"""The settings as commands get them; imported late, because `--help` should not wait for pydantic."""

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.settings import Settings


def command_settings(over: Path | None = None) -> "Settings":
    """The settings in force, under those of the file `over`. Raises `SettingsError`, which ends the command with exit
    code 2."""
    from ops.settings_sources import load_settings

    return load_settings(over=over)
