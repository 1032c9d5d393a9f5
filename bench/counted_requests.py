"""Runs a command of Freshet with its requests to Kafka counted by kind; the counts are written to a file all the time.

python counted_requests.py FILE -m MODULE ARGUMENT...
python counted_requests.py FILE SCRIPT ARGUMENT...
"""

import json
import os
import runpy
import sys
import threading
import time
from collections import Counter
from pathlib import Path
from typing import Any

from aiokafka.conn import AIOKafkaConnection

EVERY_S = 0.25
#: Room for the counts: written in one call, over what was there, because opening files costs more than counting.
SIZE_BYTES = 4096
_SUFFIX = "Request"


def count_into(file: Path) -> None:
    """From now on, in this process."""
    counts: Counter[str] = Counter()
    send = AIOKafkaConnection.send

    def counted(self: AIOKafkaConnection, request: Any, *arguments: Any, **named: Any) -> Any:
        counts[type(request).__name__.partition(_SUFFIX)[0]] += 1
        return send(self, request, *arguments, **named)

    def write() -> None:
        place = os.open(file, os.O_WRONLY | os.O_CREAT)
        while True:
            os.pwrite(place, json.dumps(dict(counts)).ljust(SIZE_BYTES).encode(), 0)
            time.sleep(EVERY_S)

    AIOKafkaConnection.send = counted
    threading.Thread(target=write, daemon=True).start()


def main() -> None:
    """Command line."""
    file, *command = sys.argv[1:]
    count_into(Path(file))
    if command[0] == "-m":
        sys.argv = command[1:]
        runpy.run_module(command[1], run_name="__main__", alter_sys=True)
    else:
        sys.argv = command
        runpy.run_path(command[0], run_name="__main__")


if __name__ == "__main__":
    main()
