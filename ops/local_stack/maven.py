"""Servers that come as jar files from Maven Central, downloaded once into the user's Maven folder (~/.m2)."""

import logging
import os
import zipfile
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ops.local_stack.errors import StackError
from ops.local_stack.file_lock import file_lock

log = logging.getLogger(__name__)


def class_path(what: str, coordinates: Sequence[str]) -> str:
    """The Java class path of what the coordinates name and need; `what` is its name and version. Raises
    `StackError`."""
    with _downloads_alone(what):
        try:
            return os.pathsep.join(str(jar) for jar in _jars("+".join(coordinates)))
        except ImportError as missing:
            raise StackError(f"{what} is fetched with jgo: `pip install 'freshet[local]'`") from missing
        except Exception as failure:  # jgo documents no error types; whatever it was, the server is not here
            raise StackError(f"{what} could not be fetched from Maven Central: {failure}") from failure


@contextmanager
def _downloads_alone(what: str) -> Iterator[None]:
    folder = cache_folder(what)
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(folder / "download.lock"))
        except OSError as refusal:
            raise StackError(f"{what} is fetched into {folder}, which cannot be used: {refusal.strerror}") from refusal
        yield


def _jars(coordinates: str) -> list[Path]:
    # Not `jgo.build`, which downloads a JDK as well to sort jars into modules, and no server of ours needs modules.
    import jgo

    artifacts = jgo.resolve(coordinates)
    for jar in (artifact.resolve() for artifact in artifacts):
        if not zipfile.is_zipfile(jar):  # a download that was interrupted
            log.warning("%s is not complete and is downloaded again", jar)
            jar.unlink()
    return [artifact.resolve() for artifact in artifacts]


def cache_folder(what: str) -> Path:
    """Where Freshet keeps what it downloads besides jars. Raises `StackError` when there is no home folder."""
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "freshet"
    except RuntimeError:
        raise StackError(f"{what} is fetched into the home folder, and there is none: set HOME") from None
