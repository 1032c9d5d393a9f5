"""Which logs go on where somebody was, and which only look so."""

from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.log_position import NO_EPOCH, LogNow, LogPosition, log_mismatch

epochs = st.integers(0, 5)


@st.composite
def histories(draw: st.DrawFn) -> list[int]:
    """The leader epoch of each record of a log; never goes back."""
    return sorted(draw(st.lists(epochs, max_size=30)))


def answer(log: list[int], topic_id: str, epoch: int) -> LogNow:
    """What Kafka answers of a log: where the last epoch up to the one that was asked for ends."""
    if epoch == NO_EPOCH:
        return LogNow(topic_id, len(log))
    if epoch > max(log, default=-1):
        return LogNow(topic_id, len(log), -1)
    return LogNow(topic_id, len(log), sum(each <= epoch for each in log))


@given(histories(), st.data())
def test_a_log_that_only_grew_fits(log: list[int], data: st.DataObject) -> None:
    read = data.draw(st.integers(0, len(log)))
    epoch = log[read - 1] if read else NO_EPOCH
    grown = log + sorted(data.draw(st.lists(st.integers(max(log, default=0), 9), max_size=9)))
    for known in (epoch, NO_EPOCH):
        assert log_mismatch(LogPosition(read, "id", known), answer(grown, "id", known)) is None
    assert log_mismatch(LogPosition(read, "", epoch), answer(grown, "id", epoch)) is None, "a former release kept no id"


@given(histories().filter(bool), st.data())
def test_a_log_that_lost_what_was_read_never_fits(log: list[int], data: st.DataObject) -> None:
    """However much was written in its place, by a later leader as every leader after the loss is."""
    read = data.draw(st.integers(1, len(log)))
    left = log[: data.draw(st.integers(0, read - 1))]
    after = [max(log) + 1] * data.draw(st.integers(0, 40))
    place = LogPosition(read, "id", log[read - 1])
    found = log_mismatch(place, answer(left + after, "id", place.leader_epoch))
    assert found is not None
    assert found.go_on_at <= read


def test_a_position_behind_the_end_never_fits_whatever_is_known_of_it() -> None:
    for place in (LogPosition(400), LogPosition(400, "id"), LogPosition(400, "id", 3)):
        assert log_mismatch(place, LogNow("id", 399, 400 if place.leader_epoch >= 0 else None)) is not None


def test_another_topic_never_fits_and_the_first_record_is_nobodys() -> None:
    assert log_mismatch(LogPosition(400, "a", 3), LogNow("b", 600, 600)) is not None
    assert log_mismatch(LogPosition(400, "a", 3), LogNow("", 0)) is not None, "it is gone"
    assert log_mismatch(LogPosition(0, "a"), LogNow("b", 600)) is None
