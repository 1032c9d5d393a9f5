"""Ends the process on the unexpected, so that nothing half-done is ever acknowledged."""

import asyncio
import inspect
import logging
import os
import sys
import threading
import traceback

logger = logging.getLogger(__name__)

#: Exit code of a worker that met something it cannot recover from in place; a supervisor restarts it.
EXIT_UNEXPECTED = 70
#: Exit code of a worker whose partitions were taken over while it slept (`ProducerFenced`).
EXIT_FENCED = 71
#: Exit code of a worker whose transaction was open for longer than Kafka allows, though nobody else owns its partition.
EXIT_TIMED_OUT = 72
#: Exit code of a worker whose log is not the one that its rows are of, or does not hold what they need next. Starting
#: it again changes nothing: an operator has to decide.
EXIT_LOG = 73


def die(what: str, error: BaseException, code: int = EXIT_UNEXPECTED) -> None:
    """Logs `error` and ends the process at once with `code`, skipping every clean-up handler.

    A handler that ran now could commit or acknowledge the very work that failed; the open transaction is aborted by
    the next owner instead.
    """
    try:
        logger.critical("%s: %s; ending the process with code %d", what, error, code)
        traceback.print_exception(error, file=sys.stderr)
        sys.stderr.flush()
        sys.stdout.flush()
        logging.shutdown()
    finally:  # a full disk is no place for last words and no reason to live on
        os._exit(code)


def end_within(seconds: float, what: str, loop: asyncio.AbstractEventLoop) -> None:
    """Ends the process with `EXIT_UNEXPECTED` unless it has ended by itself after `seconds`, and says what the tasks of
    `loop` wait for.

    For an orderly end that needs servers which may be gone: their clients try to connect again for ever. A thread, so
    that it works whatever the event loop is doing.
    """
    timer = threading.Timer(seconds, _end_late, (seconds, what, loop))
    timer.daemon = True
    timer.start()


def _end_late(seconds: float, what: str, loop: asyncio.AbstractEventLoop) -> None:
    try:
        waiting = "\n".join(sorted(_waits_of(loop)))
    except Exception as error:  # noqa: BLE001  the loop runs on in its own thread while its tasks are looked at
        waiting = f"unknown: {error!r}"
    late = TimeoutError(f"not done after {seconds:g} s, and nothing uncommitted is acknowledged; waiting:\n{waiting}")
    die(what, late)


def _waits_of(loop: asyncio.AbstractEventLoop) -> list[str]:
    """Where each task is, from its own coroutine inwards."""
    found = []
    for task in asyncio.all_tasks(loop):
        frames: list[str] = []
        inner: object = task.get_coro()
        while inspect.iscoroutine(inner) and inner.cr_frame is not None:
            frames.append(f"{inner.__qualname__}:{inner.cr_frame.f_lineno}")
            inner = inner.cr_await
        found.append(" > ".join(frames))
    return found
