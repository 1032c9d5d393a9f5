"""The settings as commands get them; imported late, because `--help` should not wait for pydantic."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ops.settings import Settings


def command_settings() -> "Settings":
    """The settings in force. Raises `SettingsError`, which ends the command with exit code 2."""
    from ops.settings_sources import load_settings

    return load_settings()
