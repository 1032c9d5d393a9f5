"""Headings of `freshet --help`; `ops/cli.py` says which command is under which."""

from typing import Final

START: Final = "Start here"
SERVERS: Final = "1. Servers: a Kafka and a Valkey"
LOG: Final = "2. The log: topics and events"
RUN: Final = "3. From events to lists"
LOOK: Final = "4. What is in force, and what goes on"
REPAIR: Final = "5. By hand, on a running system"
EXPERIMENTS: Final = "6. Experiments: who is ranked how, and what it is worth"
VERSIONS: Final = "7. Model versions: replay, evaluate, promote, roll back"
