"""Compiled code on disk: compiled once a machine, loaded by every process that starts after that.

The folder is named after everything that the code depends on: the sources of the kernel's package and of this one, the
versions of numba, llvmlite, numpy and Python, the processor that is compiled for. Nothing in it is ever out of date,
and whoever reads what somebody else writes at that moment finds the former file or the whole new one. What cannot be
read is compiled again, what cannot be written is compiled at every start; both are said once a process.

numba keeps code too, but beside or after the path of each source file, does not look at what a file imports, fails
where it may not write and leaves the folder unread that it cannot write to.
"""

import hashlib
import logging
import os
import pickle
import sys
from functools import cache
from pathlib import Path
from typing import Any

import llvmlite
import llvmlite.binding
import numba
import numpy as np
from numba.core.caching import _Cache
from numba.core.compiler import CompileResult
from numba.core.serialize import dumps

logger = logging.getLogger(__name__)

_DIGEST_BYTES = hashlib.sha256().digest_size
_told: set[str] = set()


class CompiledCodeCache(_Cache):
    """The compiled code of one function with one signature in `folder` (None = nowhere): a digest, then what it is a
    digest of."""

    def __init__(self, name: str, folder: Path | None) -> None:
        self._path = None if folder is None else folder / f"{name}.code"

    @property
    def cache_path(self) -> str:
        """Where it is kept; "" = nowhere."""
        return str(self._path or "")

    def load_overload(self, sig: Any, target_context: Any) -> Any:
        """numba asks for compiled code; None = it has to compile."""
        if self._path is None:
            return None
        target_context.refresh()
        try:
            content = self._path.read_bytes()
            if hashlib.sha256(content[_DIGEST_BYTES:]).digest() != content[:_DIGEST_BYTES]:
                raise ValueError("the file is not what was written")
            return CompileResult._rebuild(target_context, *pickle.loads(content[_DIGEST_BYTES:]))  # type: ignore[no-untyped-call]
        except (FileNotFoundError, NotADirectoryError):
            _tell("kernels are compiled, which takes some seconds", logging.INFO)
        except (OSError, ValueError, pickle.UnpicklingError) as error:
            _tell(f"kept kernels are compiled again: {self._path}: {error}")
        return None

    def save_overload(self, sig: Any, data: Any) -> None:
        """numba has compiled."""
        if self._path is None:
            return
        content = dumps(data._reduce())  # type: ignore[no-untyped-call]
        own = self._path.with_suffix(f".{os.getpid()}")
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            own.write_bytes(hashlib.sha256(content).digest() + content)
            own.replace(self._path)
        except OSError as error:
            _tell(f"kernels cannot be kept and are compiled at every start, some seconds each: {error}")

    def enable(self) -> None:
        """Always is."""

    def disable(self) -> None:
        """Never is."""

    def flush(self) -> None:
        """Nothing waits to be written."""


def _tell(what: str, level: int = logging.WARNING) -> None:
    """Says it for the first of the kernels that it is true of."""
    kind = what.split(":")[0]
    if kind not in _told:
        _told.add(kind)
        logger.log(level, "%s", what)


@cache
def code_folder(sources: Path) -> Path | None:
    """Where the code of the kernels in the folder `sources` and no other is kept: below NUMBA_CACHE_DIR, else in the
    user's folder for caches. None when there is no such folder."""
    base = os.environ.get("NUMBA_CACHE_DIR") or os.environ.get("XDG_CACHE_HOME")
    try:
        root = Path(base) if base else Path.home() / ".cache"
    except RuntimeError as error:  # a user without a home
        _tell(f"kernels cannot be kept and are compiled at every start, some seconds each: {error}")
        return None
    return root / "freshet-kernels" / _digest(sources)


def _digest(sources: Path) -> str:
    """Of all that compiled code depends on."""
    digest = hashlib.sha256()
    for source in sorted({*sources.glob("*.py"), *Path(__file__).parent.glob("*.py")}):
        digest.update(source.name.encode() + b"\0" + source.read_bytes() + b"\0")
    made_by = (numba.__version__, llvmlite.__version__, np.__version__, sys.implementation.cache_tag, sys.platform)
    digest.update("\0".join((*made_by, *_processor())).encode())
    return digest.hexdigest()[:20]


def _processor() -> tuple[str, str]:
    """Name and features of what is compiled for: this machine, unless NUMBA_CPU_NAME (and NUMBA_CPU_FEATURES) name
    another, as images do that run elsewhere."""
    name, features = numba.config.CPU_NAME, numba.config.CPU_FEATURES  # type: ignore[attr-defined]  # set by its own loop
    return (
        llvmlite.binding.get_host_cpu_name() if name is None else name,
        llvmlite.binding.get_host_cpu_features().flatten() if features is None else features,
    )
