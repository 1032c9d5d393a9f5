"""`freshet config`: the settings in force."""

from dataclasses import asdict

import typer

from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command("config")(config)


def config(json: JsonOption = False) -> None:
    """Print every setting, its value in force and where it came from; passwords are masked.

    Settings are FRESHET_* environment variables, or lines of a file `.env` in the working directory.
    """
    from ops.configuration.settings_sources import effective

    settings = effective(command_settings())
    if json:
        print_json({setting.name: {k: v for k, v in asdict(setting).items() if k != "name"} for setting in settings})
        return
    from rich.table import Table

    table = Table("Variable", "Value", "From")
    for setting in settings:
        table.add_row(
            setting.variable, setting.value, setting.source, style=None if setting.source == "default" else "bold"
        )
    console().print(table)
