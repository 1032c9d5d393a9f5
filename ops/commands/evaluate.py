"""`freshet evaluate`: the production path over a log, beside what everybody else would do with it."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.dataset_name import DatasetName
from ops.exit_codes import CommandFailed, ExitCode
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from offline.datasets.dataset import Dataset
    from offline.evaluate.evaluation import Evaluation
    from offline.evaluate.log import EvaluationLog

_ALL = "all"


class CannotEvaluate(CommandFailed):
    """There is nothing to evaluate, or not with these options: exit code 2."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(evaluate)


def evaluate(
    dataset: Annotated[
        DatasetName | None, typer.Argument(help="A known data set; else give --events.", metavar="[DATASET]")
    ] = None,
    log: Annotated[
        bool, typer.Option("--log", help="Your own log: user.interactions and catalog.items in Kafka.")
    ] = False,
    data: Annotated[Path | None, typer.Option(metavar="DIR", help="Its folder (default: FRESHET_DATA_DIR).")] = None,
    events: Annotated[Path | None, typer.Option(metavar="FILE", help="Your events: CSV or Parquet.")] = None,
    items: Annotated[Path | None, typer.Option(metavar="FILE", help="Your items: CSV or Parquet.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            metavar="FIELD=COLUMN,…",
            help="What the columns of --events are: user=…,item=…,time=…[:s|:ms|:iso][,rating=…]. Given again, those "
            "of --items: item=…[,title=…,description=…,genres=…,cast=…,director=…,year=…,language=…].",
        ),
    ] = None,
    from_fraction: Annotated[
        float, typer.Option(min=0, max=1, help="Judge from here on; everything is learned from.")
    ] = 0.8,
    to_fraction: Annotated[float, typer.Option(min=0, max=1, help="Stop here.")] = 1.0,
    every: Annotated[int, typer.Option(min=1, help="Judge every so many-th event only.")] = 1,
    limit: Annotated[int | None, typer.Option(min=1, help="Read only the first so many events.")] = None,
    models: Annotated[str, typer.Option(metavar="NAME,…|all", help="Which models to judge.")] = _ALL,
    whole_lists: Annotated[bool, typer.Option(help="Judge whole lists too, on the last 20 % of every user.")] = True,
    production_lag: Annotated[
        int, typer.Option(min=0, metavar="MS", help="Let Freshet know items so much later than their events.")
    ] = 0,
    seed: Annotated[int, typer.Option(min=0, help="Of samples, intervals and models.")] = 1,
    picture: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Draw HR@10 over time: .png, .svg or .pdf.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Judge lists by what people did next, over your log in Kafka, a known data set or any CSV or Parquet file.

    Recommend, then learn: before every judged event its user is given a list by each model, through the very steps
    that workers run, and the event says what the list was worth. The first interaction of each (user, item) counts,
    every rating is a target whatever its stars, and the target is ranked among all items seen so far in the log that
    the user has not met. An item never seen before is a miss for every model. The rules against bots and floods are
    off. Nightly models learn at midnight (UTC) of the log's time.
    """
    if from_fraction >= to_fraction:
        raise CannotEvaluate("--from-fraction must be below --to-fraction")
    names = _names(models)
    if log and (dataset or events or items):
        raise CannotEvaluate("give one of a data set, --events and --log")
    judged = _kafka(limit) if log else _log(_dataset(dataset, data, events, items, columns or []), limit)
    if not judged.events:
        raise CannotEvaluate("there are no events")
    first, stop = (int(len(judged.events) * fraction) for fraction in (from_fraction, to_fraction))
    evaluation = _evaluation(judged, (first, stop, every), names, production_lag, seed, whole_lists)
    if picture is not None:
        _draw(evaluation, picture)
    report = evaluation.as_dict()
    if dataset is DatasetName.MOVIELENS_1M:
        report["time"] = "pseudo: one second an event, so that a night is every 86,400 events"
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


def _dataset(
    known: DatasetName | None, place: Path | None, events: Path | None, items: Path | None, columns: list[str]
) -> Dataset:
    from offline.datasets.dataset import DatasetError

    try:
        if events is not None:
            return _own_files(known, events, items, columns)
        if known is None:
            raise CannotEvaluate(f"name a data set ({', '.join(DatasetName)}) or give --events FILE --columns …")
        return _known(known, place)
    except DatasetError as problem:
        raise CannotEvaluate(str(problem)) from problem


def _own_files(known: DatasetName | None, events: Path, items: Path | None, columns: list[str]) -> Dataset:
    from offline.datasets.column_map import ColumnMap
    from offline.datasets.own_files import OwnFiles, TableFile

    if known is not None:
        raise CannotEvaluate("give a data set or --events, not both")
    files = [file for file in (events, items) if file is not None]
    if len(columns) != len(files):
        raise CannotEvaluate(f"--columns is needed once for every file: {len(files)} times, not {len(columns)}")
    items_file = None if items is None else TableFile(items, ColumnMap.of_items(columns[1]))
    return OwnFiles(TableFile(events, ColumnMap.of_events(columns[0])), items_file)


def _known(known: DatasetName, place: Path | None) -> Dataset:
    from offline.datasets.known import KNOWN
    from ops.settings_sources import load_settings

    place = place or load_settings().data_dir
    if place is None:
        raise CannotEvaluate(f"no data: give --data DIR or set FRESHET_DATA_DIR to the folder that holds {known}/")
    return KNOWN[known](place)


def _log(dataset: Dataset, limit: int | None) -> EvaluationLog:
    from offline.datasets.dataset import DatasetError
    from offline.evaluate.log import EvaluationLog

    try:
        log = EvaluationLog.of(dataset, limit)
    except DatasetError as problem:
        raise CannotEvaluate(str(problem)) from problem
    return log


def _kafka(limit: int | None) -> EvaluationLog:
    from ops.command_settings import command_settings
    from ops.operator.evaluation_log import read_evaluation_log
    from ops.operator.running import run
    from streams.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    return run(read_evaluation_log(settings.kafka_bootstrap, topics, limit))


def _evaluation(
    log: EvaluationLog, part: tuple[int, int, int], names: list[str], lag_ms: int, seed: int, whole_lists: bool
) -> Evaluation:
    from offline.evaluate.evaluation import evaluate as judge
    from offline.evaluate.models import Circumstances
    from offline.evaluate.prequential import Window
    from ops.publish_progress import progress_bar

    first, stop, every = part
    window = Window(first, stop, every, phase=seed % every)
    given = Circumstances(log.catalog, lag_ms, seed)

    def progress(what: str, total: int) -> AbstractContextManager[Callable[[int], None]]:
        return progress_bar(what, total, "events")

    return judge(log, window, names, given, progress, with_whole_lists=whole_lists)


def _draw(evaluation: Evaluation, path: Path) -> None:
    from offline.evaluate.picture import draw

    try:
        draw(evaluation.judged, path)
    except (OSError, ValueError) as problem:
        raise CannotEvaluate(f"{path}: {problem}") from problem


def _show(report: dict[str, Any]) -> None:
    from ops.evaluation_table import figures_table, history_table

    console().print(
        f"{report['evaluated']} of {report['events']} events judged; {report['users']} users, {report['items']} items, "
        f"{report['repeats_left_out']} repeated interactions left out"
    )
    console().print(figures_table(report))
    console().print("HR@10 by what the user had met, of new items, and NDCG@10 of whole lists:")
    console().print(history_table(report))
    for name, reason in report["skipped"].items():
        console().print(f"{name} left out: {reason}")
    if "time" in report:
        console().print(f"time is {report['time']}")
