"""Records of `freshet.experiments`: what is tried on whom. One record an experiment, under its id; the topic is
compacted and nothing is ever removed from it: an experiment is stopped, and its record says what it was.

    {"experiment_id": "no-explore", "layer": "ranking", "seed": "no-explore", "buckets": [0, 10000],
     "variants": [{"name": "control", "share_pct": 50},
                  {"name": "quiet", "share_pct": 50, "ranking": {"explore_items": 0}}],
     "targeting": {"countries": ["DE"], "devices": [], "users": "all"},
     "metric": "ctr", "guardrails": [{"metric": "watch_time", "margin_pct": 2}], "min_users": 10000,
     "state": "running", "changed_ms": 1764500000000, "started_ms": 1764500000000, "who": "ana@desk"}

Who gets which variant follows from the record and the user's stored id alone: `serving.experiments`. So whatever
decides that does not change once an experiment runs; `changed_ms` grows with every record of the topic.
"""

from __future__ import annotations

import re
from typing import Annotated, Final, Literal, get_args

import msgspec

from streams.contract import wire
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.wire import WireCountry

#: Users of a layer fall into so many buckets, and those of an experiment again: a hundredth of a percent each.
BUCKETS: Final = 10_000
#: At most so many layers have a running experiment at a time: a list names one experiment of each of them, and the
#: names together must fit into the field of an event (streams/contract/wire.py, 128 characters).
MAX_LAYERS: Final = 4
MAX_ID_LENGTH: Final = 30
MAX_VARIANTS: Final = 20
MIN_USERS: Final = 10_000

_NAME: Final = re.compile(rf"[a-z0-9][a-z0-9_-]{{0,{MAX_ID_LENGTH - 1}}}\Z")
_VERSION: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}\Z")

GeneratorName = Literal[
    "co_occurrence",
    "sequential",
    "embedding",
    "trending",
    "popular",
    "explore",
    "trending_in_segment",
    "sequence_model",
]
FeatureName = Literal[
    "co_occurrence",
    "co_occurrence_recent",
    "sequential",
    "sequential_newest",
    "embedding",
    "embedding_long_term",
    "trend_28d",
    "trend_24h",
    "popularity",
    "genre",
    "freshness",
    "language",
    "popularity_weekend",
    "popularity_night",
    "popularity_handheld",
    "recurrent",
    "recurrent_odds",
    "linear_sequential",
    "linear_sequential_root",
]
MetricName = Literal[
    "impressions",
    "ctr",
    "clickers",
    "watch_rate",
    "watch_time",
    "completion",
    "ratings",
    "mean_rating",
    "list_diversity",
    "fallback_share",
]
METRICS: Final[tuple[str, ...]] = get_args(MetricName)


class RankingOverrides(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a variant ranks differently; what is not named stays as the worker's settings have it. The rules of
    re-ranking by their names and in their ranges; generators that name no candidates; factors on what the ranker has
    learned of a feature, 0 = it does not count."""

    mmr_lambda: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] | None = None
    min_genres: Annotated[int, msgspec.Meta(ge=0, le=20)] | None = None
    category_max: Annotated[int, msgspec.Meta(ge=0, le=10)] | None = None
    genre_share_max: Annotated[float, msgspec.Meta(gt=0.0, le=1.0)] | None = None
    boost_7d: Annotated[float, msgspec.Meta(ge=1.0, le=10.0)] | None = None
    boost_30d: Annotated[float, msgspec.Meta(ge=1.0, le=10.0)] | None = None
    new_item_share: Annotated[float, msgspec.Meta(ge=0.0, le=0.5)] | None = None
    explore_items: Annotated[int, msgspec.Meta(ge=0, le=10)] | None = None
    generators_off: tuple[GeneratorName, ...] = ()
    weights: dict[FeatureName, Annotated[float, msgspec.Meta(ge=0.0, le=10.0)]] = {}

    def names(self) -> frozenset[str]:
        """The settings that are changed, one name each."""
        rules = {name for name in RULE_FIELDS if getattr(self, name) is not None}
        generators = {f"generator {name}" for name in self.generators_off}
        return frozenset(rules | generators | {f"weight {name}" for name in self.weights})


#: The fields that are settings of re-ranking.
RULE_FIELDS: Final = tuple(
    name for name in RankingOverrides.__struct_fields__ if name not in ("generators_off", "weights")
)


class Variant(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """One way to be served: `share_pct` of the experiment's users, in hundredths of a percent; ranked as `ranking`
    says, from the lists of `model_version` (None = of whichever serves the user)."""

    name: str
    share_pct: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)]
    ranking: RankingOverrides = RankingOverrides()
    model_version: str | None = None

    @property
    def buckets(self) -> int:
        """The share as a number of buckets."""
        return round(self.share_pct * BUCKETS / 100)


class Targeting(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Whom an experiment is about: users of `countries` and on `devices` (lower case), as they were seen last, of any
    when there are none; new users are those of whom nothing was known before the experiment began."""

    countries: Annotated[tuple[WireCountry, ...], msgspec.Meta(max_length=300)] = ()
    devices: Annotated[tuple[str, ...], msgspec.Meta(max_length=50)] = ()
    users: Literal["all", "new", "known"] = "all"


class Guardrail(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A metric that a variant may make worse by less than `margin_pct` percent of the control's."""

    metric: MetricName
    margin_pct: Annotated[float, msgspec.Meta(gt=0.0, le=100.0)]


class Experiment(msgspec.Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """An experiment. The first variant is the control. `buckets` are the first bucket of the layer that belongs to it
    and the one behind its last; times in ms since the epoch, None = not yet."""

    experiment_id: str
    layer: str
    seed: str
    buckets: tuple[Annotated[int, msgspec.Meta(ge=0)], Annotated[int, msgspec.Meta(le=BUCKETS)]]
    variants: Annotated[tuple[Variant, ...], msgspec.Meta(min_length=2, max_length=MAX_VARIANTS)]
    state: Literal["draft", "running", "stopped"]
    changed_ms: Annotated[int, msgspec.Meta(ge=0)]
    targeting: Targeting = Targeting()
    metric: MetricName = "ctr"
    guardrails: tuple[Guardrail, ...] = ()
    min_users: Annotated[int, msgspec.Meta(ge=2)] = MIN_USERS
    started_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
    stopped_ms: Annotated[int, msgspec.Meta(ge=0)] | None = None
    who: str = ""
    about: str = ""

    def record(self) -> tuple[bytes, bytes]:
        """Key and value."""
        return self.experiment_id.encode(), msgspec.json.encode(self)

    @property
    def control(self) -> Variant:
        """What the others are compared with."""
        return self.variants[0]

    @property
    def by_version(self) -> bool:
        """Whether a variant is served by a version of its own."""
        return any(variant.model_version is not None for variant in self.variants)

    def changed_settings(self) -> frozenset[str]:
        """Every setting that a variant changes."""
        versions = {"model_version"} if self.by_version else set()
        return frozenset(versions).union(*(variant.ranking.names() for variant in self.variants))


_DECODER = msgspec.json.Decoder(Experiment)


def parse_experiment(key: bytes | None, value: bytes | None) -> Experiment:
    """The experiment in one record. Raises `InvalidEvent` that says which field and what was expected."""
    if value is None:
        raise InvalidEvent(Reason.NOT_JSON, "an experiment is stopped, not removed: its lists and events name it")
    experiment = _decoded(value)
    if (key or b"").decode(errors="replace") != experiment.experiment_id:
        raise InvalidEvent(Reason.KEY_MISMATCH, f"the key is not the experiment_id {experiment.experiment_id!r}")
    if problem := problem_of(experiment):
        raise InvalidEvent(Reason.OUT_OF_RANGE, problem)
    return experiment


def _decoded(value: bytes) -> Experiment:
    try:
        return wire.decode(_DECODER, value)
    except InvalidEvent as refusal:
        if refusal.detail.startswith("Object missing required field"):
            raise InvalidEvent(Reason.MISSING_FIELD, refusal.detail) from None
        raise


def problem_of(experiment: Experiment) -> str | None:
    """What is wrong with an experiment though each of its fields may be as it is; None when nothing is.

    >>> problem_of(Experiment("a", "l", "a", (0, 10), (Variant("x", 50), Variant("x", 50)), "draft", 0))
    "two variants are called 'x'"
    >>> problem_of(Experiment("a", "l", "a", (0, 10), (Variant("x", 50), Variant("y", 49.99)), "draft", 0))
    'share_pct of the variants add up to 99.99, not to 100'
    """
    return _problem_of_names(experiment) or _problem_of_variants(experiment) or _problem_of_times(experiment)


def _problem_of_names(experiment: Experiment) -> str | None:
    names = {"experiment_id": experiment.experiment_id, "layer": experiment.layer}
    for field, name in (*names.items(), *((f"the variant name {v.name!r}", v.name) for v in experiment.variants)):
        if not _NAME.match(name):
            return f"{field} must be 1-{MAX_ID_LENGTH} lower-case letters, digits, '_' or '-', and is {name[:100]!r}"
    if not 1 <= len(experiment.seed) <= 64 or not experiment.seed.isprintable():
        return "seed must be 1-64 printable characters"
    for variant in experiment.variants:
        if variant.model_version is not None and not _VERSION.match(variant.model_version):
            return f"model_version {variant.model_version[:100]!r} of {variant.name} is no version's name"
    return None


def _problem_of_variants(experiment: Experiment) -> str | None:
    first, end = experiment.buckets
    if first >= end:
        return f"buckets must be a first one and a later end, 0-{BUCKETS}, and are {first}-{end}"
    names = [variant.name for variant in experiment.variants]
    for name in names:
        if names.count(name) > 1:
            return f"two variants are called {name!r}"
    for variant in experiment.variants:
        if abs(variant.share_pct * BUCKETS / 100 - variant.buckets) > 1e-6:
            return f"share_pct of {variant.name} must be whole hundredths of a percent, and is {variant.share_pct}"
    if sum(variant.buckets for variant in experiment.variants) != BUCKETS:
        total = sum(variant.buckets for variant in experiment.variants) * 100 / BUCKETS
        return f"share_pct of the variants add up to {total:g}, not to 100"
    targeting = experiment.targeting
    for country in targeting.countries:
        if not (country.isascii() and country.isalpha() and country.isupper()):
            return f"targeting names a country {country!r}: two upper-case letters are expected"
    for device in targeting.devices:
        if not 1 <= len(device) <= 32 or device != device.lower():
            return f"targeting names a device {device[:100]!r}: 1-32 characters in lower case are expected"
    if experiment.by_version and targeting != Targeting():
        return "variants by model_version are for all users: who chooses the version knows their id alone"
    return None


def _problem_of_times(experiment: Experiment) -> str | None:
    started, stopped = experiment.started_ms, experiment.stopped_ms
    if (started is None) != (experiment.state == "draft"):
        return f"started_ms must be there once an experiment runs, and not before: it is {experiment.state}"
    if (stopped is None) != (experiment.state != "stopped"):
        return f"stopped_ms must be there once an experiment is stopped, and not before: it is {experiment.state}"
    if started is not None and stopped is not None and stopped < started:
        return "stopped_ms is before started_ms"
    return None
