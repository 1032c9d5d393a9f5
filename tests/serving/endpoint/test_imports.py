"""The endpoint's process loads neither model nor stream processor: it must start fast, stay small and never rank."""

from __future__ import annotations

import sys

from harness import patience

FOREIGN = {"agents", "faust", "faiss", "mode", "numpy", "offline", "ranking", "river", "scipy", "tables"}


def test_the_endpoint_imports_no_model_and_no_faust() -> None:
    code = "import sys, serving.endpoint.app; print(*{name.partition('.')[0] for name in sys.modules})"
    done = patience.run([sys.executable, "-c", code], limit_s=60, check=True)
    loaded = set(done.stdout.split())
    assert "hiredis" in loaded
    assert not loaded & FOREIGN


def test_nor_does_the_server_process() -> None:
    code = "import sys, ops.processes.endpoint_process; print(*{name.partition('.')[0] for name in sys.modules})"
    done = patience.run([sys.executable, "-c", code], limit_s=60, check=True)
    assert not set(done.stdout.split()) & FOREIGN
