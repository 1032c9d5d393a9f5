"""`freshet train`: a sequence model of a log, as a file that a new model version ranks with."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.evaluate import (
    DataOption,
    DatasetArgument,
    EventsOption,
    ItemsOption,
    LimitOption,
    Protocol,
    dataset_of,
    held_out_split,
    log_of,
    log_of_kafka,
)
from ops.exit_codes import CommandFailed, ExitCode
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from offline.training.recurrent import Epoch


class CannotTrain(CommandFailed):
    """There is nothing to train on, or what is needed is not installed: exit code 2."""

    code = ExitCode.USAGE


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    output: Annotated[Path, typer.Argument(metavar="FILE", help="File to write the model to.")],
    dataset: DatasetArgument = None,
    log: Annotated[
        bool, typer.Option("--log", help="Train on your own log: user.interactions and catalog.items in Kafka.")
    ] = False,
    data: DataOption = None,
    events: EventsOption = None,
    items: ItemsOption = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(metavar="FIELD=COLUMN,…", help="What the columns are, as of `freshet evaluate`."),
    ] = None,
    skip_bad_rows: Annotated[
        bool, typer.Option("--skip-bad-rows", help="Skip rows that cannot be used; they are counted.")
    ] = False,
    limit: LimitOption = None,
    protocol: Annotated[
        Protocol,
        typer.Option(
            help="What is kept back to tune on. time-split: the last item of everybody who came in the last fifth of "
            "what is trained on. leave-one-out: the last item but one of every user, and the last one is not learned "
            "either: for figures to compare with others'."
        ),
    ] = Protocol.TIME_SPLIT,
    from_fraction: Annotated[
        float,
        typer.Option(
            min=0,
            max=1,
            help="Of time-split: train on what is before this fraction of the log, as `freshet evaluate` with the same "
            "--from-fraction asks for what is behind it. 1 = on all of it, for lists and not for figures.",
        ),
    ] = 1.0,
    split: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="File of a split, as `freshet evaluate --write-split` writes it."),
    ] = None,
    epochs: Annotated[int, typer.Option(min=1, max=1000, help="Most passes over the log of one training.")] = 28,
    rate: Annotated[float, typer.Option(min=1e-6, max=1.0, help="Highest learning rate.")] = 4e-3,
    seeds: Annotated[int, typer.Option(min=1, max=20, help="Number of trainings, of which the best is kept.")] = 1,
    checkpoints: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Folder of checkpoints; a training that was ended goes on from them."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Train a sequence model of a log: what people use next, given what they used before.

    Writes one file with a checksum: a recurrent and a linear model of sequences, and the ranker's weights beside them.
    It is part of a model version: set FRESHET_SEQUENCE_MODEL, `freshet replay` a new version, compare and promote it.
    Run the command again to go on after a training that was ended.
    """
    from offline.datasets.bad_rows import BadRows
    from offline.datasets.table_file import TextFormat
    from ops.publish_progress import progress_bar
    from tables.sequence.sequence_model import UnusableSequenceModel

    try:
        from offline.training.recurrent import RecurrentSettings, TrainingDiverged
        from offline.training.train import TooLittleToTrain, TrainingPlan
        from offline.training.train import train as train_model
    except ImportError as missing:
        raise CannotTrain(f"{missing}: pip install 'freshet[train]'") from missing
    if protocol is Protocol.PREQUENTIAL:
        raise CannotTrain("--protocol is leave-one-out or time-split")
    if log and (dataset or events or items):
        raise CannotTrain("give one of a data set, --events and --log")
    bad = BadRows(skip_bad_rows)
    if log:
        read = log_of_kafka(limit)
    else:
        read = log_of(dataset_of(dataset, data, events, items, columns or [], TextFormat(), bad), limit)
    for sentence in bad.named:
        typer.echo(f"skipped: {sentence}", err=True)
    held = held_out_split(read, protocol, int(len(read.events) * from_fraction), split)
    folder = checkpoints or output.with_name(f"{output.name}.checkpoints")
    plan = TrainingPlan(folder, range(seeds), RecurrentSettings(epochs, rate))

    def told(seed: int, epoch: Epoch) -> None:
        typer.echo(
            f"seed {seed}, epoch {epoch.number}: loss {epoch.loss:.4f}, validation HR@10 {epoch.hr_at_10:.4f}, "
            f"NDCG@10 {epoch.ndcg_at_10:.4f}",
            err=True,
        )

    try:
        model = train_model(read, held, plan, lambda what, total: progress_bar(what, total, "events"), told)
        data_bytes = model.encode()
        partial = output.with_name(f".{output.name}.partial")
        partial.write_bytes(data_bytes)
        partial.replace(output)
    except (TooLittleToTrain, TrainingDiverged) as problem:
        raise CannotTrain(str(problem)) from None
    except UnusableSequenceModel as problem:
        raise CannotTrain(f"what was trained is no model to rank with: {problem}; a lower --rate may help") from None
    except OSError as problem:
        raise CannotTrain(f"{output}: {problem}") from None
    console().print(f"{output}: {len(model.items)} items, checksum {model.digest[:16]}…", markup=False)
    if json:
        print_json({"file": str(output), "digest": model.digest, "bytes": len(data_bytes), **model.about})
