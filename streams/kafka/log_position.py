"""Where somebody is in a log, and whether the log is still the one they were in.

An offset alone says nothing about that: a topic that was deleted and made again, an unclean leader election and a
restored copy give the same offsets to other records. So a place also keeps Kafka's id of the topic and the leader epoch
of the last record before it. Every leader has an epoch of its own, and a log says at which offset each of them ends.
"""

from typing import NamedTuple

#: The leader epoch of a place of which it is not known.
NO_EPOCH = -1


class LogPosition(NamedTuple):
    """`offset` of the next record. `topic_id` is Kafka's, as text, "" when it is not known; `leader_epoch` is that of
    the last record before the offset."""

    offset: int = 0
    topic_id: str = ""
    leader_epoch: int = NO_EPOCH


class LogNow(NamedTuple):
    """What a partition's leader says of a log. `end` is the offset behind its last record; `epoch_end` where the leader
    epoch of a place ends, or the last one before it, None when nobody asked for one; -1 when the log knows no epoch as
    high."""

    topic_id: str
    end: int
    epoch_end: int | None = None


class LogMismatch(NamedTuple):
    """A log is not the one that a place was in, and `why`. From `go_on_at` on it holds what was not read before."""

    why: str
    go_on_at: int


def log_mismatch(place: LogPosition, now: LogNow) -> LogMismatch | None:
    """Why the log cannot be read on at the place; None when it can. Who has read nothing yet fits every log.

    >>> log_mismatch(LogPosition(400, "a", 3), LogNow("a", 600, 450))
    >>> log_mismatch(LogPosition(0, "a"), LogNow("b", 600))
    >>> log_mismatch(LogPosition(400, "a"), LogNow("b", 600)).why
    'the topic was deleted and made again, or is a copy: its id was a and is b'
    >>> log_mismatch(LogPosition(400), LogNow("a", 350))
    LogMismatch(why='the log ends at offset 350', go_on_at=350)
    """
    offset, topic_id, epoch = place
    if not offset:
        return None
    if topic_id and topic_id != now.topic_id:
        return LogMismatch(
            f"the topic was deleted and made again, or is a copy: its id was {topic_id} and is {now.topic_id}", 0
        )
    if offset > now.end:
        return LogMismatch(f"the log ends at offset {now.end}", now.end)
    if now.epoch_end is None or offset <= now.epoch_end:
        return None
    if now.epoch_end < 0:
        return LogMismatch(f"the log knows nothing of leader epoch {epoch}, in which they were read", offset)
    return LogMismatch(
        f"of what was read in leader epoch {epoch} the log holds only what precedes offset {now.epoch_end}: an unclean "
        "leader election or a lost disk cut it off, and other records have those offsets now",
        now.epoch_end,
    )
