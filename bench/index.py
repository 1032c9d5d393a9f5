"""Nearest item vectors at growing catalogue sizes, beside an exact matrix product by numpy.

    freshet bench index [--items N ...] [--json]

One thread, made-up catalogues from a fixed seed (bench/index_catalogue.py), users' vectors as queries. Both searches
answer each query in turn. Times are the caller's CPU time, medians, so that neighbours on the machine count little; the
99th percentile of the wall time stands beside it.
"""

from __future__ import annotations

import os

os.environ["OPENBLAS_NUM_THREADS"] = "1"  # read when numpy is loaded; FAISS is held to one thread too

import argparse
import gc
import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import psutil
from index_catalogue import item_vectors, user_embeddings
from numpy.typing import NDArray
from ranking.vector_index import VECTOR_DIM, VectorIndex

SIZES = (10_000, 50_000, 500_000)
CANDIDATES, JUDGED = 500, 50
QUERIES, WARM_UP, SAMPLE = 200, 5, 100
UPDATES, ROWS_PER_UPDATE = 20, 500
NUDGE = 0.05
SEED = 7
Row = dict[str, Any]
Vectors = NDArray[np.float32]


def measure(count: int) -> Row:
    """One catalogue size."""
    generator = np.random.default_rng(SEED)
    vectors, topic_of = item_vectors(count, VECTOR_DIM, generator)
    users = user_embeddings(vectors, topic_of, QUERIES, generator)
    before_bytes = psutil.Process().memory_info().rss
    index = VectorIndex()
    build_s = _wall_s(lambda: index.put(np.arange(count, dtype=np.int32), vectors))
    memory_bytes = psutil.Process().memory_info().rss - before_bytes
    row = {"items": count, "kind": index.kind, "build_s": round(build_s, 2), "memory_mb": round(memory_bytes / 1e6)}
    row |= _searches(index, vectors, users)
    row |= _updates(index, vectors, generator)
    sample = generator.integers(0, count, SAMPLE, dtype=np.int32)
    return row | {"recall_at_50_items_after_updates": round(index.recall(sample, JUDGED), 4)}


def exact(vectors: Vectors, query: Vectors, k: int) -> NDArray[np.intp]:
    """intp[k] rows, best first: what one writes without an index."""
    scores = vectors @ query
    some = np.argpartition(-scores, k)[:k]
    return some[np.argsort(-scores[some])]


def _searches(index: VectorIndex, vectors: Vectors, users: Vectors) -> Row:
    for query in users[:WARM_UP]:
        index.search(query, CANDIDATES)
        exact(vectors, query, CANDIDATES)
    ours, plain, shared = [], [], 0
    for query in users:
        ours.append(_timed(lambda query=query: index.search(query, CANDIDATES)))
        plain.append(_timed(lambda query=query: exact(vectors, query, CANDIDATES)))
        best = exact(vectors, query, JUDGED)
        shared += len(np.intersect1d(index.search(query, CANDIDATES)[0][:JUDGED], best))
    ours_us, plain_us = _median_us(ours), _median_us(plain)
    return {
        "top_500_us": ours_us,
        "top_500_wall_p99_us": round(float(np.quantile([wall for _, wall in ours], 0.99)) * 1e6),
        "numpy_top_500_us": plain_us,
        "numpy_over_ours": round(plain_us / ours_us, 2),
        "recall_at_50": round(shared / (JUDGED * len(users)), 4),
    }


def _updates(index: VectorIndex, vectors: Vectors, generator: np.random.Generator) -> Row:
    """Vectors nudged as by online learning, vectors that go elsewhere, and numpy's assignment beside them."""
    count = len(vectors)
    nudged, replaced, plain = [], [], []
    for _ in range(UPDATES):
        rows = generator.choice(count, ROWS_PER_UPDATE, replace=False).astype(np.int32)
        noise = generator.standard_normal((ROWS_PER_UPDATE, VECTOR_DIM), np.float32)
        near = vectors[rows] + NUDGE * vectors[rows].std() * noise
        nudged.append(_timed(lambda rows=rows, near=near: index.put(rows, near)))
        plain.append(_timed(lambda rows=rows, near=near: vectors.__setitem__(rows, near)))
        far = vectors[generator.permutation(rows)]
        replaced.append(_timed(lambda rows=rows, far=far: index.put(rows, far)))
        vectors[rows] = far
    per_row = {"update_us": nudged, "replace_us": replaced, "numpy_update_us": plain}
    return {name: round(_median_us(times) / ROWS_PER_UPDATE, 3) for name, times in per_row.items()}


def _timed(call: Callable[[], object]) -> tuple[float, float]:
    """(CPU s of this process, wall s)."""
    wall_s, cpu_s = time.perf_counter(), time.process_time()
    call()
    return time.process_time() - cpu_s, time.perf_counter() - wall_s


def _median_us(times: list[tuple[float, float]]) -> float:
    return round(float(np.median([cpu_s for cpu_s, _ in times])) * 1e6, 1)


def _wall_s(call: Callable[[], object]) -> float:
    return _timed(call)[1]


def main() -> int:
    """Prints a table, or JSON as the last line with --json."""
    parser = argparse.ArgumentParser(prog="freshet bench index", description=__doc__.splitlines()[0])
    parser.add_argument("--items", type=int, nargs="+", default=SIZES, metavar="N", help="catalogue sizes, over 500")
    parser.add_argument("--json", action="store_true", help="the result as the last line")
    arguments = parser.parse_args()
    if min(arguments.items) <= CANDIDATES:
        parser.error(f"--items must be over {CANDIDATES}")
    rows = []
    for count in arguments.items:
        rows.append(measure(count))
        gc.collect()
        if not arguments.json:
            print("  ".join(f"{name} {value}" for name, value in rows[-1].items()), flush=True)
    if arguments.json:
        print(json.dumps({"rows": rows}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
