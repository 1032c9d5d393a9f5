"""`freshet evaluate`: the production path over a log, beside what everybody else would do with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.dataset_name import DatasetName
from ops.exit_codes import CommandFailed, ExitCode
from ops.file_options import delimiter_option, encoding_option
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from offline.datasets.bad_rows import BadRows
    from offline.datasets.dataset import Dataset
    from offline.datasets.table_file import TextFormat
    from offline.evaluate.evaluation import Evaluation
    from offline.evaluate.log import EvaluationLog
    from offline.evaluate.models import EvaluationConditions
    from offline.evaluate.prequential import EvaluatedEvents
    from offline.evaluate.splits import Split
    from tables.sequence.sequence_model import SequenceModel

_ALL = "all"


class Protocol(StrEnum):
    """How a log is evaluated."""

    PREQUENTIAL = "prequential"
    LEAVE_ONE_OUT = "leave-one-out"
    TIME_SPLIT = "time-split"


DatasetArgument = Annotated[
    DatasetName | None,
    typer.Argument(help="Name of a known data set; without one, give --events or --log.", metavar="[DATASET]"),
]
DataOption = Annotated[
    Path | None, typer.Option(metavar="DIR", help="Folder of the data set (default: FRESHET_DATA_DIR).")
]
EventsOption = Annotated[
    list[Path] | None,
    typer.Option(metavar="FILE", help="File of your events, CSV or Parquet; given again, all of them by time."),
]
ItemsOption = Annotated[Path | None, typer.Option(metavar="FILE", help="File of your items, CSV or Parquet.")]
LimitOption = Annotated[int | None, typer.Option(min=1, help="Number of events to read, the first ones.")]


class CannotEvaluate(CommandFailed):
    """There is nothing to evaluate, or not with these options: exit code 2."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(evaluate)


def evaluate(
    dataset: DatasetArgument = None,
    log: Annotated[
        bool, typer.Option("--log", help="Evaluate your own log: user.interactions and catalog.items in Kafka.")
    ] = False,
    data: DataOption = None,
    events: EventsOption = None,
    items: ItemsOption = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN,…",
            help="What the columns of all --events are: user=…,item=…,time=…[:s|:ms|:iso][,rating=…]. Given again, "
            "those of --items: item=…[,title=…,description=…,genres=…,cast=…,director=…,year=…,language=…].",
        ),
    ] = None,
    encoding: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Encoding of CSV files, for example latin-1; detected by default."),
    ] = None,
    delimiter: Annotated[
        str | None,
        typer.Option(metavar="CHARACTER", help="Delimiter of CSV files, or `tab`; detected by default."),
    ] = None,
    skip_bad_rows: Annotated[
        bool,
        typer.Option(
            "--skip-bad-rows", help="Skip rows that cannot be used; they are counted and the first ones named."
        ),
    ] = False,
    protocol: Annotated[
        Protocol,
        typer.Option(
            help="prequential: recommend, then learn, event by event. leave-one-out: the last item of every user is "
            "held out. time-split: the first one from --from-fraction on. The latter two without rules of re-ranking, "
            "and every model is asked once a user.",
        ),
    ] = Protocol.PREQUENTIAL,
    split: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File of the split to evaluate, as --write-split writes it.")
    ] = None,
    write_split: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File to write the split to that is evaluated (CSV).")
    ] = None,
    sequence_model: Annotated[
        str,
        typer.Option(
            metavar="FILE",
            help="File of the sequence model that Freshet ranks with; refused when it was trained with what is "
            "evaluated.",
        ),
    ] = "",
    from_fraction: Annotated[
        float,
        typer.Option(
            min=0, max=1, help="Evaluate from this fraction of the log on; what is before is only learned from."
        ),
    ] = 0.8,
    to_fraction: Annotated[float, typer.Option(min=0, max=1, help="Stop at this fraction of the log.")] = 1.0,
    every: Annotated[int, typer.Option(min=1, help="Evaluate only every N-th event.")] = 1,
    limit: LimitOption = None,
    models: Annotated[str, typer.Option(metavar="NAME,…|all", help="Models to evaluate, with commas between.")] = _ALL,
    whole_lists: Annotated[
        bool, typer.Option(help="Also evaluate whole lists, on the last 20 % of every user's events.")
    ] = True,
    refits: Annotated[
        int | None,
        typer.Option(
            min=1,
            help="Most refits of a nightly model after its first; nights with too few new events are left out.",
        ),
    ] = None,
    production_lag: Annotated[
        int,
        typer.Option(
            min=0, metavar="MS", help="Delay in milliseconds after which Freshet's item model knows of an event."
        ),
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Seed of samples, intervals and models.")] = 1,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="File for a plot of HR@10 over time: .png, .svg or .pdf.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Evaluate lists by what users did next, over your log in Kafka, a known data set or any CSV or Parquet file.

    Recommend, then learn: before every evaluated event its user is given a list by each model, through the very steps
    that workers run, and the event says what the list was worth. The first interaction of each (user, item) counts,
    every rating is a target whatever its stars, and the target is ranked among all items seen so far in the log that
    the user has not met. An item never seen before is a miss for every model. The rules against bots and floods are
    off. Nightly models learn at midnight (UTC) of the log's time. With --protocol single targets are held out instead.
    """
    from offline.datasets.bad_rows import BadRows
    from offline.datasets.table_file import TextFormat
    from ops.configuration.sequence_models import read_sequence_model

    held_out = protocol is not Protocol.PREQUENTIAL
    if (split or write_split) and not held_out:
        raise CannotEvaluate("--split and --write-split are of --protocol leave-one-out and time-split")
    if refits is not None and held_out:
        raise CannotEvaluate("--refits is of --protocol prequential: the others learn once")
    if from_fraction >= to_fraction:
        raise CannotEvaluate("--from-fraction must be below --to-fraction")
    names = _names(models)
    if log and (dataset or events or items):
        raise CannotEvaluate("give one of a data set, --events and --log")
    written = TextFormat(encoding_option(encoding), delimiter_option(delimiter))
    bad = BadRows(skip_bad_rows)
    evaluated = (
        log_of_kafka(limit)
        if log
        else log_of(dataset_of(dataset, data, events, items, columns or [], written, bad), limit)
    )
    undescribed = _undescribed(evaluated) if items else 0
    _warn(evaluated, bad, undescribed)
    if not evaluated.events:
        raise CannotEvaluate("there are no events")
    first, stop = (int(len(evaluated.events) * fraction) for fraction in (from_fraction, to_fraction))
    trained = read_sequence_model(sequence_model, "--sequence-model") if sequence_model else None
    report: dict[str, Any]
    if held_out:
        report = _held_out(evaluated, protocol, first, (split, write_split), names, trained, seed)
    else:
        if trained is not None:
            _refuse_known(trained, evaluated, first, stop, whole_lists)
        from offline.evaluate.models import EvaluationConditions

        least_new = 1 if refits is None else -(-(stop - first) // refits)
        given = EvaluationConditions(
            evaluated.catalog, production_lag, seed, sequence_model=trained, least_new=least_new
        )
        evaluation = _evaluation(evaluated, (first, stop, every), names, given, whole_lists)
        if picture is not None:
            _draw(evaluation, picture)
        report = evaluation.as_dict()
    if dataset is DatasetName.MOVIELENS_1M:
        report["time"] = "pseudo: one second an event, so that a night is every 86,400 events"
    if events:
        report |= {"bad_rows": bad.as_dict(), "items_not_described": undescribed}
    _show(report)
    if json:
        print_json(report)


def _names(models: str) -> list[str]:
    try:
        from offline.evaluate.models import MODELS
    except ImportError as missing:
        raise CannotEvaluate(f"{missing}: pip install 'freshet[evaluate]'") from missing
    names = list(MODELS) if models == _ALL else [name.strip() for name in models.split(",")]
    unknown = [name for name in names if name not in MODELS]
    if unknown:
        raise CannotEvaluate(f"--models: no model {', '.join(unknown)}; there are {', '.join(MODELS)}")
    return names


def dataset_of(
    known: DatasetName | None,
    place: Path | None,
    events: list[Path] | None,
    items: Path | None,
    columns: list[str],
    written: TextFormat,
    bad: BadRows,
) -> Dataset:
    """A known data set, or one of files. Raises `CannotEvaluate`."""
    from offline.datasets.dataset import DatasetError

    try:
        if events:
            return _own_files(known, events, items, columns, written, bad)
        if known is None:
            raise CannotEvaluate(f"name a data set ({', '.join(DatasetName)}) or give --events FILE --columns …")
        return _known(known, place)
    except DatasetError as problem:
        raise CannotEvaluate(str(problem)) from problem


def _own_files(
    known: DatasetName | None,
    events: list[Path],
    items: Path | None,
    columns: list[str],
    written: TextFormat,
    bad: BadRows,
) -> Dataset:
    from offline.datasets.column_map import ColumnMap
    from offline.datasets.own_files import OwnFiles, TableFile

    if known is not None:
        raise CannotEvaluate("give a data set or --events, not both")
    needed = 1 if items is None else 2
    if len(columns) != needed:
        raise CannotEvaluate(
            f"--columns is needed once for --events and once for --items: {needed}, not {len(columns)}"
        )
    if len({path.resolve() for path in events}) < len(events):
        raise CannotEvaluate("--events: a file is given twice")
    items_file = None if items is None else TableFile(items, ColumnMap.of_items(columns[1]), written)
    of_events = ColumnMap.of_events(columns[0])
    return OwnFiles([TableFile(path, of_events, written) for path in events], items_file, bad)


def _undescribed(log: EvaluationLog) -> int:
    """How many items of the events the items file does not have."""
    return len({event.item_id for event in log.events} - log.catalog.keys())


def _warn(log: EvaluationLog, bad: BadRows, undescribed: int) -> None:
    """What was left out, and what does not fit together, in a sentence each."""
    for sentence in bad.named:
        typer.echo(f"skipped: {sentence}", err=True)
    if bad.count:
        typer.echo(f"freshet: {bad.count} rows that cannot be used are left out", err=True)
    if undescribed:
        typer.echo(
            f"freshet: {undescribed} of {log.items()} items of the events are not in the items file, for example "
            f"{min({event.item_id for event in log.events} - log.catalog.keys())!r}",
            err=True,
        )


def _known(known: DatasetName, place: Path | None) -> Dataset:
    from offline.datasets.known import KNOWN
    from ops.configuration.settings_sources import load_settings

    place = place or load_settings().data_dir
    if place is None:
        raise CannotEvaluate(f"no data: give --data DIR or set FRESHET_DATA_DIR to the folder that holds {known}/")
    return KNOWN[known](place)


def log_of(dataset: Dataset, limit: int | None) -> EvaluationLog:
    """The log of a data set. Raises `CannotEvaluate`."""
    from offline.datasets.dataset import DatasetError
    from offline.evaluate.log import EvaluationLog

    try:
        log = EvaluationLog.of(dataset, limit)
    except DatasetError as problem:
        raise CannotEvaluate(str(problem)) from problem
    return log


def log_of_kafka(limit: int | None) -> EvaluationLog:
    """The log of Kafka as it is configured."""
    from ops.configuration.command_settings import command_settings
    from ops.operator.inspect.running import run
    from ops.operator.versions.evaluation_log import read_evaluation_log
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    return run(read_evaluation_log(settings.kafka, topics, limit))


def _held_out(
    log: EvaluationLog,
    protocol: Protocol,
    first: int,
    files: tuple[Path | None, Path | None],
    names: list[str],
    sequence_model: SequenceModel | None,
    seed: int,
) -> dict[str, Any]:
    """The report of what is held out, by the split that is given or made."""
    from offline.evaluate.foreknowledge import KnownBefore, refuse_known_targets
    from offline.evaluate.held_out_evaluation import evaluate_held_out
    from offline.evaluate.models import EvaluationConditions

    given, to_write = files
    held = held_out_split(log, protocol, first, given)
    try:
        if to_write is not None:
            held.write(to_write)
    except OSError as problem:
        raise CannotEvaluate(f"{to_write}: {problem}") from None
    if not held.targets(log.events):
        raise CannotEvaluate("nobody has a target: there are too few events by user, or none after the split")
    if sequence_model is not None:
        try:
            refuse_known_targets(sequence_model, held, log.events)
        except KnownBefore as problem:
            raise CannotEvaluate(f"--sequence-model: {problem}") from None
    conditions = EvaluationConditions(log.catalog, seed=seed, sequence_model=sequence_model)
    evaluation = evaluate_held_out(log, held, names, conditions, _progress, _say_finished)
    return {"protocol": protocol.value, "split": str(given) if given else "made", **evaluation.as_dict()}


def _refuse_known(model: SequenceModel, log: EvaluationLog, first: int, stop: int, whole_lists: bool) -> None:
    """Raises `CannotEvaluate` when the model may know what it would be evaluated by."""
    from offline.evaluate.foreknowledge import KnownBefore, refuse_known

    if whole_lists:
        raise CannotEvaluate(
            "--sequence-model: whole lists are evaluated by the last events of every user, which it was trained with: "
            "give --no-whole-lists"
        )
    try:
        refuse_known(model, log.events[first:stop])
    except KnownBefore as problem:
        raise CannotEvaluate(f"--sequence-model: {problem}") from None


def held_out_split(log: EvaluationLog, protocol: Protocol, first: int, given: Path | None) -> Split:
    """The split of a file, or the one that the protocol makes; a time split at the event with number `first`. Raises
    `CannotEvaluate`."""
    from offline.evaluate.splits import InvalidSplit, Split

    if given is not None:
        try:
            return Split.read(given, log.events)
        except InvalidSplit as problem:
            raise CannotEvaluate(str(problem)) from None
    if protocol is Protocol.LEAVE_ONE_OUT:
        return Split.leave_one_out(log.events)
    return Split.at_time(log.events, first)


def _progress(what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
    from ops.publish_progress import progress_bar

    return progress_bar(what, total, "events")


def _say_finished(name: str, evaluated: EvaluatedEvents) -> None:
    """A line a model as soon as its figures are there: the others may take their time."""
    from offline.evaluate.metrics import gains, hits, mean

    rank = evaluated.rank
    typer.echo(f"{name}: HR@10 {mean(hits(rank, 10))}, NDCG@10 {mean(gains(rank, 10))}", err=True)


def _evaluation(
    log: EvaluationLog,
    part: tuple[int, int, int],
    names: list[str],
    given: EvaluationConditions,
    whole_lists: bool,
) -> Evaluation:
    from offline.evaluate.evaluation import evaluate as evaluate_models
    from offline.evaluate.prequential import Window

    first, stop, every = part
    window = Window(first, stop, every, phase=given.seed % every)
    return evaluate_models(log, window, names, given, _progress, with_whole_lists=whole_lists, finished=_say_finished)


def _draw(evaluation: Evaluation, path: Path) -> None:
    from offline.evaluate.picture import draw

    try:
        draw(evaluation.evaluated, path)
    except (OSError, ValueError) as problem:
        raise CannotEvaluate(f"{path}: {problem}") from problem


def _show(report: dict[str, Any]) -> None:
    from ops.evaluation_table import figures_table, history_table

    if "split" in report:
        console().print(f"{report['protocol']}: {report['learned']} events learned, the split was {report['split']}")
    console().print(
        f"{report['evaluated']} of {report['events']} events evaluated; "
        f"{report['users']} users, {report['items']} items, "
        f"{report['repeats_left_out']} repeated interactions left out"
    )
    console().print(figures_table(report))
    console().print("HR@10 by what the user had met, of new items, and NDCG@10 of whole lists:")
    console().print(history_table(report))
    for name, reason in report["skipped"].items():
        console().print(f"{name} left out: {reason}")
    if "time" in report:
        console().print(f"time is {report['time']}")
