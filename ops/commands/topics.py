"""`freshet topics`: the topics of this namespace and model version."""

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.output import JsonOption, console, print_json

_TIMEOUT_S = 30.0


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    topics = typer.Typer(no_args_is_help=True, help="Create the topics that everything else needs.")
    topics.command("create")(create)
    app.add_typer(topics, name="topics")


@audited("topics create", makes_the_log=True)
def create(json: JsonOption = False) -> None:
    """Create every missing topic, changelogs included, and wait until all have leaders.

    May be run again at any time. A topic that exists with other settings is reported, never altered or deleted, and
    the exit code is 1. Those of a version that was retired are not made again (exit code 2).
    """
    from ops.operator.inspect.running import run
    from ops.operator.versions.retired import refuse_retired
    from streams.kafka.topics import Topics
    from streams.kafka.topics_admin import ONE_COPY, ensure_topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    run(refuse_retired(settings.kafka, topics))
    report = ensure_topics(
        settings.kafka,
        topics,
        settings.partitions,
        settings.replication,
        timeout_s=_TIMEOUT_S,
        retention_days=settings.retention_days,
    )
    for difference in report.differs:
        console().print(str(difference), markup=False)
    console().print(f"{len(report.created)} topics created, {len(report.unchanged)} were right already")
    risk = ONE_COPY if settings.replication == 1 else ""
    if risk:
        console().print(risk, markup=False)
    if json:
        print_json(report.as_dict() | {"risk": risk})
    if report.differs:
        raise typer.Exit(ExitCode.CHECK_FAILED)
