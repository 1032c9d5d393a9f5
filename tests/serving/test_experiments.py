"""Who gets which variant: stable, shared out as said, independent between layers, exclusive within one."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_up_experiments import HALVES, QUIET, STARTED_MS, running, treated
from scipy.stats import chi2_contingency, chisquare

from serving.experiments import (
    STRANGER,
    UNTREATED,
    ExperimentBook,
    UserTraits,
    conflicts,
    free_buckets,
    is_targeted,
    layer_bucket,
    variant_bucket,
    variant_in,
    variant_of,
)
from streams.contract.experiments import Experiment, Targeting, Variant
from streams.contract.reasons import InvalidEvent

USERS = [f"u{number}" for number in range(20_000)]
LAYER_BUCKETS = [4290, 5522, 9930, 603]
VARIANT_BUCKETS = [915, 1549, 1488, 1481]


def test_an_assignment_never_changes() -> None:
    """These values are a contract: another hash would give users of running experiments another variant."""
    assert [layer_bucket("ranking", user) for user in USERS[:4]] == LAYER_BUCKETS
    assert [variant_bucket("no-explore", user) for user in USERS[:4]] == VARIANT_BUCKETS


@given(st.text(min_size=1), st.text(min_size=1, max_size=64))
def test_buckets_are_buckets(stored_id: str, seed: str) -> None:
    assert 0 <= layer_bucket(seed, stored_id) < 10_000
    assert 0 <= variant_bucket(seed, stored_id) < 10_000


def test_shares_are_what_they_say() -> None:
    experiment = running(variants=(Variant("control", 70), Variant("b", 29.5), Variant("c", 0.5)))
    found = Counter(variant_of(experiment, user).name for user in USERS)
    wanted = [len(USERS) * share for share in (0.7, 0.295, 0.005)]
    assert chisquare([found["control"], found["b"], found["c"]], wanted).pvalue > 0.001


def test_a_layer_and_an_experiment_of_one_name_are_independent() -> None:
    table = Counter((layer_bucket("x", user) // 5_000, variant_bucket("x", user) // 5_000) for user in USERS)
    assert chi2_contingency([[table[0, 0], table[0, 1]], [table[1, 0], table[1, 1]]]).pvalue > 0.001


def test_nobody_is_in_two_experiments_of_a_layer() -> None:
    book = ExperimentBook([running("a", buckets=(5_000, 9_000)), running("b", buckets=(0, 5_000))])
    found = Counter(book.untargeted(user).experiment_id for user in USERS)
    assert chisquare([found[name] for name in ("a", "b", "")], [8_000, 10_000, 2_000]).pvalue > 0.001


def test_a_user_of_several_layers_has_a_variant_of_each() -> None:
    book = ExperimentBook([running("b", "second"), running("a", "first")])
    treatment = book.untargeted("u1")
    assert treatment.experiment_id == "a,b"
    for experiment in book.running:
        wanted = variant_of(experiment, "u1").name
        assert variant_in(treatment.experiment_id, treatment.variant, experiment.experiment_id) == wanted


def test_only_what_runs_counts() -> None:
    book = ExperimentBook()
    draft = running(state="draft", started_ms=None)
    book.apply(*draft.record())
    assert (book.untargeted("u"), book.version) == (UNTREATED, 1)
    book.apply(*running().record())
    assert book.untargeted("u").experiment_id == "a"
    before = book.version
    book.apply(*running().record())
    assert book.version == before, "nothing changed"
    book.apply(*running(state="stopped", stopped_ms=STARTED_MS + 5, changed_ms=STARTED_MS + 5).record())
    assert (book.untargeted("u"), book.version > before) == (UNTREATED, True)


def test_what_is_removed_by_hand_is_stopped_for_all_who_follow() -> None:
    book = ExperimentBook([running("a"), running("b", "other", changed_ms=STARTED_MS - 5)])
    with pytest.raises(InvalidEvent, match="stopped, not removed"):
        book.apply(b"a", None)
    assert ([one.experiment_id for one in book.running], book.changed_ms) == (["b"], STARTED_MS + 1)
    with pytest.raises(InvalidEvent):
        book.apply(b"nobody", None)
    assert book.changed_ms == STARTED_MS + 1


def test_of_two_that_overlap_the_earlier_one_has_the_bucket_in_whatever_order_they_come() -> None:
    first, later = running("z"), running("a", started_ms=STARTED_MS + 1)
    for order in ([first, later], [later, first]):
        assert {ExperimentBook(order).untargeted(user).experiment_id for user in USERS[:100]} == {"z"}


KNOWN = UserTraits("DE", "mobile", STARTED_MS - 1)


@pytest.mark.parametrize(
    ("targeting", "traits", "is_theirs"),
    [
        (Targeting(), STRANGER, True),
        (Targeting(countries=("DE",)), KNOWN, True),
        (Targeting(countries=("FR",)), KNOWN, False),
        (Targeting(countries=("FR",)), STRANGER, False),
        (Targeting(devices=("mobile",)), KNOWN._replace(device="Mobile"), True),
        (Targeting(devices=("tv",)), KNOWN, False),
        (Targeting(users="known"), KNOWN, True),
        (Targeting(users="known"), STRANGER, False),
        (Targeting(users="new"), KNOWN, False),
        (Targeting(users="new"), STRANGER, True),
        (Targeting(users="new"), KNOWN._replace(known_since_ms=STARTED_MS), True),
    ],
)
def test_targeting(targeting: Targeting, traits: UserTraits, is_theirs: bool) -> None:
    experiment = running(targeting=targeting)
    assert is_targeted(experiment, traits) == is_theirs
    assert bool(ExperimentBook([experiment]).treatment("u", traits).parts) == is_theirs


def test_one_object_for_all_who_get_the_same() -> None:
    book = ExperimentBook([running(variants=treated(QUIET))])
    assert len({id(book.untargeted(user)) for user in USERS[:100]}) == 2


def test_the_copy_for_endpoints_says_the_same() -> None:
    book = ExperimentBook([running("a"), running("b", state="draft", started_ms=None, changed_ms=STARTED_MS + 9)])
    sequence, copy = ExperimentBook.decode_running(book.encode_running())
    assert (sequence, copy.running) == (STARTED_MS + 9, book.running)


@pytest.mark.parametrize("value", [b"", b"[]", b'{"sequence": 1}', b'{"sequence": 1, "running": [{}]}'])
def test_anything_else_is_no_copy(value: bytes) -> None:
    with pytest.raises(ValueError, match=r"."):
        ExperimentBook.decode_running(value)


@pytest.mark.parametrize(
    ("wanted", "says"),
    [
        (running("b", buckets=(5_000, 10_000)), None),
        (running("b", buckets=(4_999, 10_000)), "a has the buckets 4999-5000 of the layer ranking"),
        (running("b", "other", variants=treated(QUIET)), "a of the layer ranking changes explore_items, generator ex"),
        (running("b", "other", variants=HALVES), None),
    ],
)
def test_what_may_not_run_beside_another(wanted: Experiment, says: str | None) -> None:
    found = conflicts(wanted, [running("a", buckets=(0, 5_000), variants=treated(QUIET))])
    assert (found == []) if says is None else found[0].startswith(says)


def test_more_layers_than_names_fit_into_an_event_are_refused() -> None:
    others = [running(f"e{number}", f"l{number}") for number in range(4)]
    assert conflicts(running("b", "l0", buckets=(0, 1)), others)[0].startswith("e0 has the buckets")
    assert "4 layers may" in conflicts(running("b", "l5"), others)[0]


def test_free_buckets() -> None:
    some = [running("a", buckets=(100, 200)), running("b", buckets=(200, 9_000)), running("c", "other")]
    assert free_buckets("ranking", some) == [(0, 100), (9_000, 10_000)]
    assert free_buckets("nobody's", some) == [(0, 10_000)]
