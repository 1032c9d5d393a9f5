"""Deliberate mutants of who may see what: facts and limits, fallbacks, records beside lists, items restated later."""

from mutant import Mutant

AUDIENCES = ("tests/serving/endpoint/test_audiences.py",)
RESTATED = ("tests/serving/test_restated.py",)
TOLD = ("tests/serving/test_limits_writer.py",)
SEGMENTS = ("tests/agents/lists/test_segments.py",)
PROPERTY = ("tests/serving/endpoint/test_eligibility.py",)

FACTS_FILE = "serving/eligibility.py"
AUDIENCES_FILE = "serving/endpoint/audiences.py"
HIDDEN_FILE = "serving/endpoint/blocked.py"
LIST_FILTER_FILE = "serving/endpoint/list_filter.py"
READ_FILE = "serving/endpoint/reads/recommendations.py"
RESTATED_FILE = "agents/lists/restated.py"
UNREADABLE_FILE = "streams/contract/unreadable.py"

ELIGIBILITY = [
    # -- facts and limits -----------------------------------------------------------------------------------------
    Mutant(
        "any age",
        FACTS_FILE,
        "ViewingLimits._allow",
        "not words[0].isdigit() or int(words[0]) > self.age",
        "not words[0].isdigit()",
        AUDIENCES,
    ),
    Mutant(
        "any country",
        FACTS_FILE,
        "ViewingLimits._allow",
        "countries and not (self.countries and _countries(countries).issuperset(self.countries))",
        "False and not (self.countries and _countries(countries).issuperset(self.countries))",
        AUDIENCES,
    ),
    Mutant(
        "any language",
        FACTS_FILE,
        "ViewingLimits._allow",
        "languages and self.language and self.language not in _codes(languages)",
        "False and self.language and self.language not in _codes(languages)",
        AUDIENCES,
    ),
    Mutant(
        "unwanted genres",
        FACTS_FILE,
        "ViewingLimits._allow",
        "self.unwanted and genres and (ANY_CODE in self.unwanted or not self.unwanted.isdisjoint(_codes(genres)))",
        "False and genres and (ANY_CODE in self.unwanted or not self.unwanted.isdisjoint(_codes(genres)))",
        AUDIENCES,
    ),
    Mutant(
        "any time",
        FACTS_FILE,
        "ViewingLimits._allow",
        "len(words) < 6 or int(words[4]) <= now_ms < int(words[5])",
        "True",
        AUDIENCES,
    ),
    Mutant("a request lifts limits", FACTS_FILE, "narrowed", "min", "max", AUDIENCES),
    # -- fallbacks ------------------------------------------------------------------------------------------------
    Mutant(
        "strangers see everything",
        AUDIENCES_FILE,
        "Audiences.limits",
        'OPEN if "token_age" in given else self._default',
        "OPEN",
        AUDIENCES,
        is_core=True,
    ),
    Mutant(
        "whose record is lost is a stranger", AUDIENCES_FILE, "Audiences.limits", "LOST", "self._default", AUDIENCES
    ),
    Mutant(
        "nobody is known while Redis is away",
        AUDIENCES_FILE,
        "Audiences.held",
        "known is not None",
        "known is None",
        AUDIENCES,
    ),
    Mutant(
        "a list is as it was made",
        AUDIENCES_FILE,
        "may_be_shown_as_made",
        "not made or now_ms >= until_ms",
        "now_ms >= until_ms",
        AUDIENCES,
    ),
    Mutant(
        "what is over stays",
        AUDIENCES_FILE,
        "may_be_shown_as_made",
        "not made or now_ms >= until_ms",
        "not made",
        AUDIENCES,
    ),
    Mutant(
        "what was met is offered",
        LIST_FILTER_FILE,
        "left",
        "[item for item in items if not has_met(_hash(item[0]))]",
        "[item for item in items ]",
        AUDIENCES,
    ),
    # -- the record beside a list ---------------------------------------------------------------------------------
    Mutant(
        "a changed record is not read again",
        READ_FILE,
        "RecommendationsRead.__call__",
        "(start := await asked)[WHICH_ONE] == held.beside",
        "(start := await asked)",
        AUDIENCES,
    ),
    Mutant(
        "a list does not count that its limits changed",
        "serving/change_audience.lua",
        "",
        "redis.call('SETRANGE', KEYS[1], CHANGED_AT,",
        "redis.call('SETRANGE', KEYS[1] .. '?', CHANGED_AT,",
        (*AUDIENCES, *TOLD),
    ),
    # -- items that are restricted later --------------------------------------------------------------------------
    Mutant(
        "an item stays what it was",
        HIDDEN_FILE,
        "Hidden.hides",
        "token in self.blocked or not limits.allow(self.restated[token], at_ms)",
        "token in self.blocked",
        AUDIENCES,
    ),
    Mutant(
        "whose record is lost sees it still",
        AUDIENCES_FILE,
        "Audiences.surely",
        "self.limits(audience, given, lost=True)",
        "self.own_limits(audience, given)",
        AUDIENCES,
    ),
    Mutant(
        "a next owner begins with what comes",
        RESTATED_FILE,
        "Restated._write",
        "[] if noted is None else said.since_offsets(noted)",
        "[]",
        RESTATED,
    ),
    Mutant(
        "nothing is noted again",
        RESTATED_FILE,
        "Restated.write",
        "self._rounds >= COMPARE_EVERY or await self._is_lost()",
        "self._rounds >= COMPARE_EVERY",
        RESTATED,
    ),
    Mutant("noted for ever", RESTATED_FILE, "Restated._is_over", "LISTS_LIVE_MS", "9 * LISTS_LIVE_MS", RESTATED),
    Mutant(
        "facts are not compared",
        "agents/followers/item_follower.py",
        "ItemFollower._take",
        "before and before != item_facts(model, index)",
        "False",
        (*RESTATED, *PROPERTY),
    ),
    # -- what cannot be read, and other readers -------------------------------------------------------------------
    Mutant("an unreadable rating is for all", UNREADABLE_FILE, "_shown_to_fewest", "-1", "0", PROPERTY),
    Mutant(
        "sorted sets of every rating",
        "agents/lists/segments.py",
        "SegmentLists._write_trending",
        "make(age=maturity_age(model.default_maturity))",
        "make()",
        SEGMENTS,
    ),
]
