"""Java for brokers that live for a test: quick to start, and compiled no further than a test is worth.

A broker that is started as in production spends more on its start and on optimizing itself than on all that a test asks
of it. Here it compiles once and simply, collects garbage with one thread, and reads its classes from an archive that is
made once a machine. What Kafka does and promises stays the same.
"""

import os
import subprocess
import tempfile
from functools import cache
from hashlib import sha256
from pathlib import Path

from ops.local_stack.file_lock import file_lock
from ops.local_stack.java import find_java
from ops.local_stack.kafka_jars import kafka_class_path
from ops.local_stack.stack import LocalStack
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

#: Read by every `java` that is started from here on, by our children too.
VARIABLE = "JDK_JAVA_OPTIONS"
OPTIONS = "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"


@cache
def use_cheap_java() -> None:
    """For whatever this process and its children start from now on."""
    given = os.environ.get(VARIABLE, "")
    os.environ[VARIABLE] = f"{given} {OPTIONS}".strip()
    archive = _archive()
    with file_lock(archive.with_suffix(".lock")):
        if not archive.exists():
            _make(archive)
    if archive.stat().st_size:
        os.environ[VARIABLE] += f" -XX:SharedArchiveFile={archive}"


def _archive() -> Path:
    """Named after what it fits: this Java, these jars."""
    version = subprocess.run([find_java(), "-version"], capture_output=True, check=True).stderr
    digest = sha256(version + kafka_class_path().encode()).hexdigest()[:20]
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path.home() / ".cache") / "freshet" / "tests" / f"kafka-{digest}.jsa"


def _make(archive: Path) -> None:
    """Has a broker write down which classes it loaded, as it ends."""
    options = os.environ[VARIABLE]
    with tempfile.TemporaryDirectory(dir=archive.parent) as folder:
        made = Path(folder) / archive.name
        os.environ[VARIABLE] = f"{options} -XX:ArchiveClassesAtExit={made}"
        try:
            servers = LocalStack.on_free_ports(Path(folder) / "state")
            servers.start_kafka()
            ensure_topics(servers.bootstrap, Topics("archive"), partitions=1, replication=1, timeout_s=30)
            servers.stop_kafka()
        finally:
            os.environ[VARIABLE] = options
        if not made.exists():  # this Java cannot, and is not asked again
            made.touch()
        made.replace(archive)
