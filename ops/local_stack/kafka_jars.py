"""Kafka itself: jar files from Maven Central, downloaded once into the user's Maven folder (~/.m2)."""

import logging
import os
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from ops.local_stack.errors import StackError
from ops.local_stack.file_lock import file_lock

log = logging.getLogger(__name__)

KAFKA_VERSION = "4.3.1"

# kafka-clients is named because an older one is picked otherwise; the last one gives Kafka a log.
_COORDINATES = "+".join(
    (
        f"org.apache.kafka:kafka_2.13:{KAFKA_VERSION}",
        f"org.apache.kafka:kafka-clients:{KAFKA_VERSION}",
        "org.apache.logging.log4j:log4j-slf4j-impl:2.25.4",
    )
)


def kafka_class_path() -> str:
    """The Java class path of Kafka; downloads about 50 MB the first time. Raises `StackError`."""
    with _downloads_alone():
        try:
            return os.pathsep.join(str(jar) for jar in _jars())
        except ImportError as missing:
            raise StackError("Kafka is fetched with jgo: `pip install 'freshet[local]'`") from missing
        except Exception as failure:  # jgo documents no error types; whatever it was, Kafka is not here
            raise StackError(f"Kafka {KAFKA_VERSION} could not be fetched from Maven Central: {failure}") from failure


@contextmanager
def _downloads_alone() -> Iterator[None]:
    folder = _cache_folder()
    with ExitStack() as held:
        try:
            held.enter_context(file_lock(folder / "kafka-download.lock"))
        except OSError as refusal:
            raise StackError(f"Kafka is fetched into {folder}, which cannot be used: {refusal.strerror}") from refusal
        yield


def _jars() -> list[Path]:
    # Not `jgo.build`, which downloads a JDK as well to sort jars into modules, and Kafka needs no modules.
    import jgo

    artifacts = jgo.resolve(_COORDINATES)
    for jar in (artifact.resolve() for artifact in artifacts):
        if not zipfile.is_zipfile(jar):  # a download that was interrupted
            log.warning("%s is not complete and is downloaded again", jar)
            jar.unlink()
    return [artifact.resolve() for artifact in artifacts]


def _cache_folder() -> Path:
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "freshet"
    except RuntimeError:
        raise StackError("Kafka is fetched into the home folder, and there is none: set HOME") from None
