"""A node of a Redis Cluster is refused with a sentence: it would answer most keys with MOVED."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from harness import patience

from serving.redis_cluster import is_cluster_node

from .conftest import free_port
from .endpoint.conftest import REPOSITORY


@pytest.mark.parametrize("command", ["serve", "worker"])
def test_a_cluster_node_is_refused(start_valkey: Callable[..., Any], tmp_path: Path, command: str) -> None:
    options = ("--cluster-enabled", "yes", "--dir", str(tmp_path), "--cluster-port", str(free_port()))
    url = start_valkey(*options).url
    assert is_cluster_node(url)
    settings = {"FRESHET_REDIS_URL": url, "FRESHET_STATE_DIR": str(tmp_path), "FRESHET_KAFKA_BOOTSTRAP": "127.0.0.1:1"}
    done = patience.run(
        [sys.executable, "-m", "ops.cli", command],
        cwd=REPOSITORY,
        env={**os.environ, **settings},
        limit_s=120,
    )
    assert done.returncode == 2
    assert "MOVED" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_single_redis_or_none_is_no_cluster(valkey: Any) -> None:
    assert not is_cluster_node(valkey.url)
    assert not is_cluster_node(f"redis://127.0.0.1:{free_port()}/0")
