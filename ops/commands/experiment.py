"""`freshet experiment`: tries a way of ranking, or a model version, on a share of the users."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from offline.experiments.metrics import ExposedUsers
    from offline.experiments.report import ExperimentReport
    from ops.configuration.settings import Settings
    from ops.operator.experiments.lifecycle import Lifecycle
    from streams.contract.experiments import Experiment
    from streams.kafka.topics import Topics

ExperimentArgument = Annotated[str, typer.Argument(metavar="ID", help="The experiment's id.")]


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Try a way of ranking, or a model version, on a share of the users, and learn what it is worth.",
    )
    for command in (create, start, stop, assign, show, report, size):
        group.command(command.__name__)(command)
    group.command("list")(list_all)
    app.add_typer(group, name="experiment")


@audited("experiment create")
def create(
    experiment_id: ExperimentArgument,
    variant: Annotated[
        list[str],
        typer.Option(
            metavar="NAME=SHARE[,SETTING=VALUE...]",
            help="A variant, its share in percent, and what it ranks differently; the first is the control. Settings "
            "are those of re-ranking (explore_items=0), generator.NAME=off, weight.FEATURE=FACTOR, "
            "model_version=VERSION.",
        ),
    ],
    layer: Annotated[
        str, typer.Option(help="Experiments of one layer share no user; those of several are independent.")
    ] = "default",
    seed: Annotated[str, typer.Option(help="What users are divided by; empty = the id.")] = "",
    buckets: Annotated[
        str, typer.Option(metavar="FIRST-END", help="Which of the layer's 10,000 buckets of users take part.")
    ] = "0-10000",
    country: Annotated[list[str] | None, typer.Option(help="Only users who were seen there last.")] = None,
    device: Annotated[list[str] | None, typer.Option(help="Only users who were seen on it last.")] = None,
    users: Annotated[str, typer.Option(help="all, new (nothing was known of them before the start) or known.")] = "all",
    metric: Annotated[str, typer.Option(help="The metric that decides.")] = "ctr",
    guardrail: Annotated[
        list[str] | None,
        typer.Option(metavar="METRIC=PERCENT", help="A metric that may become worse by less than so much."),
    ] = None,
    min_users: Annotated[
        int | None, typer.Option(min=2, help="Users of each variant before there is a verdict; else the setting.")
    ] = None,
    about: Annotated[str, typer.Option(help="What is expected, in a sentence.")] = "",
    json: JsonOption = False,
) -> None:
    """Write an experiment down; `start` lets it run.

    Who is in which variant follows from id, layer and seed, so none of it can be changed afterwards.
    """
    import msgspec

    from ops.operator.experiments.spelling import (
        NotAnExperiment,
        parse_buckets,
        parse_guardrail,
        parse_variant,
        targeting_of,
    )
    from ops.operator.inspect.running import run
    from streams.contract.experiments import METRICS, Experiment

    if metric not in METRICS:
        raise NotAnExperiment(f"--metric {metric!r} is none of {', '.join(METRICS)}")
    experiment = Experiment(
        experiment_id=experiment_id,
        layer=layer,
        seed=seed or experiment_id,
        buckets=parse_buckets(buckets),
        variants=tuple(parse_variant(text) for text in variant),
        state="draft",
        changed_ms=0,
        targeting=targeting_of(country or (), device or (), users),
        metric=metric,  # type: ignore[arg-type]  # it is one of them
        guardrails=tuple(parse_guardrail(text) for text in guardrail or ()),
        min_users=min_users or command_settings().experiment_min_users,
        about=about,
    )
    created = run(_lifecycle().create(msgspec.convert(msgspec.to_builtins(experiment), Experiment)))
    console().print(f"{created.experiment_id} is written down: `freshet experiment start {created.experiment_id}`")
    if json:
        print_json(msgspec.to_builtins(created))


@audited("experiment start")
def start(experiment_id: ExperimentArgument, json: JsonOption = False) -> None:
    """Let an experiment run: lists of the users concerned are made again, and answers name their variant."""
    _tell(_run_lifecycle("start", experiment_id), "runs", json)


@audited("experiment stop")
def stop(experiment_id: ExperimentArgument, json: JsonOption = False) -> None:
    """End an experiment: lists of its users are made again without it. What it showed stays in the log."""
    _tell(_run_lifecycle("stop", experiment_id), "is stopped", json)


def list_all(json: JsonOption = False) -> None:
    """List all experiments, and which buckets of each layer are free."""
    import msgspec
    from rich.table import Table

    from ops.operator.experiments.lifecycle import read_experiments
    from ops.operator.inspect.running import run
    from serving.experiments import free_buckets
    from serving.fragments import rfc3339
    from streams.kafka.topics import Topics

    settings = command_settings()
    book = run(read_experiments(settings.kafka, Topics(settings.namespace)))
    table = Table("Experiment", "State", "Layer", "Buckets", "Variants", "Since", "By")
    for known in sorted(book.by_id.values(), key=lambda one: one.changed_ms):
        variants = ", ".join(f"{variant.name} {variant.share_pct:g} %" for variant in known.variants)
        first, end = known.buckets
        since = rfc3339(known.changed_ms)[:16].replace("T", " ")
        table.add_row(known.experiment_id, known.state, known.layer, f"{first}-{end}", variants, since, known.who)
    console().print(table)
    free = {layer: free_buckets(layer, book.running) for layer in sorted({known.layer for known in book.running})}
    for layer, ranges in free.items():
        told = ", ".join(f"{first}-{end}" for first, end in ranges) or "none"
        console().print(f"free buckets of {layer}: {told}", markup=False)
    if json:
        print_json({"experiments": msgspec.to_builtins(list(book.by_id.values())), "free_buckets": free})


def show(experiment_id: ExperimentArgument, json: JsonOption = False) -> None:
    """Show an experiment as it was written down."""
    import msgspec

    from ops.operator.experiments.lifecycle import found_in, read_experiments
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    book = run(read_experiments(settings.kafka, Topics(settings.namespace)))
    _print(msgspec.to_builtins(found_in(book, experiment_id)), json)


def assign(
    user_id: Annotated[str, typer.Argument(metavar="USER", help="The user's id.")], json: JsonOption = False
) -> None:
    """Say which variants a user has, as worker and endpoint find them, and why one is not theirs."""
    from ops.configuration.identities import identities_of
    from ops.operator.experiments.assign import assignment
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    _print(run(assignment(settings.kafka, topics, user_id, identities_of(settings))), json)


def report(
    experiment_id: ExperimentArgument,
    html: Annotated[Path | None, typer.Option(help="Write the report with plots into this file.")] = None,
    min_users: Annotated[
        int | None, typer.Option(min=2, help="Users of each variant before there is a verdict; else the experiment's.")
    ] = None,
    clickhouse: Annotated[
        bool, typer.Option("--clickhouse", help="Read what was shown and done from ClickHouse, not from the topics.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Say what each variant is worth beside the control, from what its users were shown and did.

    A user counts from the first list that named the experiment on. While the experiment runs, the intervals "at any
    time" decide: they may be looked at daily. Once it is stopped, those at 95 % do. Exit code 1: the sample ratio does
    not fit the shares, and nothing can be said.
    """
    from offline.experiments.page import page
    from offline.experiments.report import report_of
    from ops.configuration.identities import identities_of
    from ops.exit_codes import CommandFailed
    from ops.operator.experiments.lifecycle import found_in, read_experiments
    from ops.operator.experiments.measure import measure
    from ops.operator.inspect.running import run
    from streams.contract.units import SECOND_MS
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    experiment = found_in(run(read_experiments(settings.kafka, topics)), experiment_id)
    window_ms = settings.attribution_window_s * SECOND_MS
    if clickhouse:
        users, changed = _from_clickhouse(settings, topics, experiment, window_ms)
    else:
        identities = identities_of(settings)
        users, changed = run(measure(settings.kafka, topics, experiment, identities, window_ms))
    found = report_of(experiment, users, changed_variant=changed, min_users=min_users)
    _print_report(found)
    if html is not None:
        html.write_text(page(found, users), "utf-8")
        console().print(f"written to {html}", markup=False)
    if json:
        print_json(found.as_dict())
    if not found.values:
        raise CommandFailed("the sample ratio does not fit the shares of the variants: there is no report")


def _from_clickhouse(
    settings: "Settings", topics: "Topics", experiment: "Experiment", window_ms: int
) -> tuple["ExposedUsers", int]:
    from ops.configuration.sinks import clickhouse_address
    from ops.operator.experiments.measure import read_genres
    from ops.operator.experiments.measure_clickhouse import measure_clickhouse
    from ops.operator.inspect.running import run
    from streams.sinks.clickhouse.server import Server

    genres = run(read_genres(settings.kafka, topics))
    server = Server(clickhouse_address(settings))
    try:
        return measure_clickhouse(server, experiment, genres, window_ms)
    finally:
        server.close()


def size(
    baseline: Annotated[float, typer.Option(help="The metric without the change: a rate of 0-1, or a mean.")],
    lift: Annotated[float, typer.Option(help="The relative lift that is to be found; 0.05 = 5 percent.")],
    power: Annotated[float, typer.Option(min=0.5, max=0.999, help="How surely it is found.")] = 0.8,
    alpha: Annotated[float, typer.Option(min=0.0001, max=0.5, help="How often a lift of 0 may be called one.")] = 0.05,
    deviation: Annotated[
        float, typer.Option(min=0.0, help="Standard deviation over users, of a mean; 0 = it is a rate.")
    ] = 0.0,
    json: JsonOption = False,
) -> None:
    """Say how many users each variant needs, when the experiment is looked at once, at its end."""
    from offline.experiments.statistics import users_needed
    from ops.operator.experiments.spelling import NotAnExperiment

    try:
        users = users_needed(baseline, lift, power, alpha, deviation)
    except ValueError as error:
        raise NotAnExperiment(str(error)) from None
    told = {"baseline": baseline, "lift": lift, "power": power, "alpha": alpha, "deviation": deviation}
    console().print(f"{users:,} users of each variant")
    if json:
        print_json({**told, "users_per_variant": users})


def _print_report(found: "ExperimentReport") -> None:
    from rich.table import Table

    from offline.experiments.page import between, percent

    out = console()
    for warning in found.warnings:
        out.print(f"warning: {warning}", markup=False)
    users = ", ".join(f"{name} {count:,}" for name, count in found.users.items())
    out.print(f"users: {users} (sample ratio p = {found.sample_ratio_p:.3g})", markup=False)
    for variant in found.variants:
        table = Table("Metric", "Control", variant.variant, "Lift", "95 %", "At any time", "p, adjusted", "Test")
        for told in variant.effects:
            effect, star = told.effect, " *" if told.metric == found.experiment.metric else ""
            table.add_row(
                f"{told.metric}{star}",
                f"{effect.control:.5g}",
                f"{effect.treated:.5g}",
                percent(effect.lift),
                between(effect.low, effect.high),
                between(effect.sequential_low, effect.sequential_high),
                f"{told.p_adjusted:.3g}",
                effect.method,
            )
        out.print(table)
        for rail in variant.guardrails:
            holds = "holds" if rail.holds else "does not hold"
            line = f"guardrail {rail.metric}: worst case {rail.worst_pct:+.2f} %, margin {rail.margin_pct:g} %: {holds}"
            out.print(line, markup=False)
        out.print(f"{variant.variant}: {variant.verdict}", markup=False)


def _lifecycle() -> "Lifecycle":
    from ops.operator.experiments.lifecycle import Lifecycle

    settings = command_settings()
    return Lifecycle(settings.kafka, settings.redis_url, settings.namespace)


def _run_lifecycle(action: str, experiment_id: str) -> dict[str, Any]:
    import msgspec

    from ops.operator.inspect.running import run

    lifecycle = _lifecycle()
    changed = run(lifecycle.start(experiment_id) if action == "start" else lifecycle.stop(experiment_id))
    record: dict[str, Any] = msgspec.to_builtins(changed)
    return record


def _tell(record: dict[str, Any], what: str, json: bool) -> None:
    console().print(f"{record['experiment_id']} {what}", markup=False)
    if json:
        print_json(record)


def _print(found: dict[str, Any], json: bool) -> None:
    for name, value in found.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            console().print(f"{name}:", markup=False)
            for entry in value:
                line = "  " + ", ".join(f"{key} {part}" for key, part in entry.items())
                console().print(line, markup=False, soft_wrap=True)
        else:
            console().print(f"{name}: {value}", markup=False, soft_wrap=True)
    if json:
        print_json(found)
