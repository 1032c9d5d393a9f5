"""How long-running processes log: lines for people, or a JSON object a line with a name for what happened
(`FRESHET_LOG_FORMAT`).

    {"time": "2026-01-31T12:00:00.123Z", "level": "INFO", "event": "worker_ready", "message": "worker ready: group ...",
     "logger": "agents.worker", "process": "worker", "pid": 7, "model_version": "v1"}

`event` is in `log_events` and stays when the sentence changes; lines of libraries have none. `error` is a traceback.
The same sentence is written 60 times a minute at most; the next one after that says how many were not (`suppressed`).
"""

import json
import logging
import time
from collections.abc import Callable
from typing import Any

from ops.configuration.settings import Settings
from ops.processes.log_events import event_of

MOST_A_MINUTE = 60
_MINUTE_S = 60.0
#: Sentences that are remembered: some libraries log finished texts, each a sentence of its own.
MOST_SENTENCES = 1_000
TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s%(more)s"
#: They log at DEBUG inside their inner loops, which costs 7 % of CPU even when nothing is written; `abc` is where
#: Faust's services come from by their own account.
CHATTY = ("faust", "aiokafka", "mode", "abc")


class RepeatLimit(logging.Filter):
    """Lets so many entries with the same sentence through a minute, and counts the others. `clock` gives seconds."""

    def __init__(self, most: int = MOST_A_MINUTE, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._most, self._clock = most, clock
        self._minutes: dict[tuple[str, str], tuple[float, int]] = {}  # its beginning, and entries in it

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether it is written; `suppressed` and `more` say how many before it were not."""
        sentence, now_s = (record.name, str(record.msg)), self._clock()
        if len(self._minutes) >= MOST_SENTENCES:
            fresh = {known: entry for known, entry in self._minutes.items() if now_s - entry[0] < _MINUTE_S}
            self._minutes = fresh if len(fresh) < MOST_SENTENCES else {}
        began_s, count = self._minutes.get(sentence, (now_s, 0))
        suppressed = 0
        if now_s - began_s >= _MINUTE_S:
            suppressed, began_s, count = max(0, count - self._most), now_s, 0
        record.suppressed = suppressed
        record.more = f" ({suppressed} more like it)" if suppressed else ""
        self._minutes[sentence] = began_s, count + 1
        return count < self._most


class JsonFormatter(logging.Formatter):
    """One line of JSON for an entry; `always` are members of every line."""

    def __init__(self, **always: Any) -> None:
        super().__init__()
        self._always = always

    def format(self, record: logging.LogRecord) -> str:
        """ASCII, without a line break."""
        seconds, fraction = divmod(record.created, 1.0)
        moment = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(seconds))
        line: dict[str, Any] = {"time": f"{moment}.{int(fraction * 1000):03d}Z", "level": record.levelname}
        event = event_of(record.name, str(record.msg))
        if event is not None:
            line["event"] = event
        line |= {"message": record.getMessage(), "logger": record.name, "pid": record.process, **self._always}
        if suppressed := getattr(record, "suppressed", 0):
            line["suppressed"] = suppressed
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, default=str)


def log_as(settings: Settings, process: str) -> None:
    """Logs to standard error from now on, as the settings say; `process` is worker, endpoint, collect or sink."""
    handler = logging.StreamHandler()
    handler.addFilter(RepeatLimit())
    if settings.log_format == "json":
        handler.setFormatter(JsonFormatter(process=process, model_version=settings.model_version))
    else:
        handler.setFormatter(logging.Formatter(TEXT))
    logging.basicConfig(level=settings.log_level, handlers=[handler], force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)


def granian_logs(settings: Settings, process: str) -> dict[str, Any] | None:
    """How granian is to log what its processes do; None = as it does by itself. `process` is endpoint or collect."""
    if settings.log_format != "json":
        return None
    formatter = {
        "()": "ops.processes.logs.JsonFormatter",
        "process": process,
        "model_version": settings.model_version,
    }
    return {"formatters": {"generic": formatter, "access": formatter}}
