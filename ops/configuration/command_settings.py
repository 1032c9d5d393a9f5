"""The settings as commands get them; imported late, because `--help` should not wait for pydantic."""

from pathlib import Path
from typing import TYPE_CHECKING

from streams.contract.limits import LIMITS

if TYPE_CHECKING:
    from ops.configuration.settings import Settings


def command_settings(over: Path | None = None) -> "Settings":
    """The settings in force, under those of the file `over`. Raises `SettingsError`, which ends the command with exit
    code 2."""
    from ops.configuration.settings_sources import load_settings

    settings = load_settings(over=over)
    LIMITS.batch_bytes = settings.max_batch_bytes
    return settings
