"""Quality over time as a picture."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from offline.evaluate.metrics import hits
from offline.evaluate.prequential import EvaluatedEvents

MOST_POINTS = 40
LEAST_EVENTS = 100  # per point: fewer say nothing


def draw(evaluated: Mapping[str, EvaluatedEvents], path: Path) -> None:
    """HR@10 of every model over the evaluated part of the log, in up to 40 stretches, in the format that the suffix of
    `path` says. Raises OSError, and ValueError for a suffix that is no picture's."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(10, 5), layout="constrained")
    axes = figure.subplots()
    for name, rows in evaluated.items():
        points = min(MOST_POINTS, max(len(rows) // LEAST_EVENTS, 1))
        stretches = [stretch for stretch in np.array_split(np.arange(len(rows)), points) if len(stretch)]
        found = hits(rows.rank, 10)
        axes.plot(
            [float(rows.event[stretch].mean()) for stretch in stretches],
            [float(found[stretch].mean()) for stretch in stretches],
            label=name,
            linewidth=2.5 if name == "freshet" else 1.2,
        )
    axes.set_xlabel("event of the log")
    axes.set_ylabel("HR@10")
    axes.set_ylim(bottom=0)
    axes.grid(alpha=0.3)
    axes.legend(loc="upper left", bbox_to_anchor=(1, 1))
    figure.savefig(path)
