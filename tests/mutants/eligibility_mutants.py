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
    Mutant("any age", FACTS_FILE, " or int(words[0]) > self.age:", ":", AUDIENCES),
    Mutant("any country", FACTS_FILE, "        if countries and not (", "        if False and not (", AUDIENCES),
    Mutant("any language", FACTS_FILE, "        if languages and self", "        if False and self", AUDIENCES),
    Mutant(
        "unwanted genres", FACTS_FILE, "        if self.unwanted and genres", "        if False and genres", AUDIENCES
    ),
    Mutant(
        "any time",
        FACTS_FILE,
        "        return len(words) < 6 or int(words[4]) <= now_ms < int(words[5])",
        "        return True",
        AUDIENCES,
    ),
    Mutant(
        "a request lifts limits",
        FACTS_FILE,
        "ViewingLimits(min(age, limits.age)",
        "ViewingLimits(max(age, limits.age)",
        AUDIENCES,
    ),
    # -- fallbacks ------------------------------------------------------------------------------------------------
    Mutant(
        "strangers see everything",
        AUDIENCES_FILE,
        'limits = OPEN if "token_age" in given else self._default',
        "limits = OPEN",
        AUDIENCES,
        is_core=True,
    ),
    Mutant(
        "whose record is lost is a stranger",
        AUDIENCES_FILE,
        "            limits = LOST\n",
        "            limits = self._default\n",
        AUDIENCES,
    ),
    Mutant(
        "nobody is known while Redis is away",
        AUDIENCES_FILE,
        "return known.audience if known is not None and",
        "return known.audience if known is None and",
        AUDIENCES,
    ),
    Mutant("a list is as it was made", AUDIENCES_FILE, "    if not made or now_ms", "    if now_ms", AUDIENCES),
    Mutant("what is over stays", AUDIENCES_FILE, "if not made or now_ms >= until_ms:", "if not made:", AUDIENCES),
    Mutant("what was met is offered", LIST_FILTER_FILE, "if not has_met(_hash(item[0]))]", "]", AUDIENCES),
    # -- the record beside a list ---------------------------------------------------------------------------------
    Mutant(
        "a changed record is not read again",
        READ_FILE,
        "elif (start := await asked)[WHICH_ONE] == held.beside:",
        "elif (start := await asked):",
        AUDIENCES,
    ),
    Mutant(
        "a list does not count that its limits changed",
        "serving/change_audience.lua",
        "    redis.call('SETRANGE', KEYS[1], CHANGED_AT,",
        "    redis.call('SETRANGE', KEYS[1] .. '?', CHANGED_AT,",
        (*AUDIENCES, *TOLD),
    ),
    # -- items that are restricted later --------------------------------------------------------------------------
    Mutant(
        "an item stays what it was",
        HIDDEN_FILE,
        "return token in self.blocked or not limits.allow(self.restated[token], at_ms)",
        "return token in self.blocked",
        AUDIENCES,
    ),
    Mutant(
        "whose record is lost sees it still",
        AUDIENCES_FILE,
        "return self.limits(audience, given, lost=True)",
        "return self.own_limits(audience, given)",
        AUDIENCES,
    ),
    Mutant(
        "a next owner begins with what comes",
        RESTATED_FILE,
        "changed = [] if noted is None else said.since_offsets(noted)",
        "changed = []",
        RESTATED,
    ),
    Mutant("nothing is noted again", RESTATED_FILE, "or await self._is_lost()", "", RESTATED),
    Mutant("noted for ever", RESTATED_FILE, "> LISTS_LIVE_MS", "> 9 * LISTS_LIVE_MS", RESTATED),
    Mutant(
        "facts are not compared",
        "agents/followers/item_follower.py",
        "(before and before != item_facts(model, index))",
        "False",
        (*RESTATED, *PROPERTY),
    ),
    # -- what cannot be read, and other readers -------------------------------------------------------------------
    Mutant(
        "an unreadable rating is for all",
        UNREADABLE_FILE,
        "            kept[name] = MATURITIES[-1]\n",
        "            kept[name] = MATURITIES[0]\n",
        PROPERTY,
    ),
    Mutant(
        "sorted sets of every rating",
        "agents/lists/segments.py",
        "listed = make(age=maturity_age(model.default_maturity))",
        "listed = make()",
        SEGMENTS,
    ),
]
