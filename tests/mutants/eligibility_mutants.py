"""Deliberate mutants of who may see what: facts and limits, fallbacks, records beside lists, items restated later."""

from mutant import Mutant

AUDIENCES = ("tests/serving/endpoint/test_audiences.py",)
CARDS_WRITTEN = ("tests/serving/test_item_cards.py",)
CARDS_READ = ("tests/serving/endpoint/test_cards.py",)
TOLD = ("tests/serving/test_limits_writer.py",)
SEGMENTS = ("tests/agents/lists/test_segments.py",)
FOLLOWED = ("tests/agents/followers/test_follower.py",)
PROFILES = ("tests/agents/followers/test_profiles.py",)
PROPERTY = ("tests/serving/endpoint/test_eligibility.py",)

FACTS_FILE = "serving/eligibility.py"
AUDIENCES_FILE = "serving/endpoint/audiences.py"
LIST_FILTER_FILE = "serving/endpoint/list_filter.py"
READ_FILE = "serving/endpoint/reads/recommendations.py"
CARDS_FILE = "serving/endpoint/cards.py"
CARD_WRITER_FILE = "agents/lists/item_cards.py"
FOLLOWER_FILE = "agents/followers/follower.py"
PROFILES_FILE = "agents/followers/profiles.py"
UNREADABLE_FILE = "streams/contract/unreadable.py"

ELIGIBILITY = [
    # -- facts and limits -----------------------------------------------------------------------------------------
    Mutant(
        "any age",
        FACTS_FILE,
        "ViewingLimits._allowed_within",
        "not words[0].isdigit() or int(words[0]) > self.age",
        "not words[0].isdigit()",
        AUDIENCES,
    ),
    Mutant(
        "any country",
        FACTS_FILE,
        "ViewingLimits._allowed_within",
        "countries and not self._is_open_in(countries)",
        "False and not self._is_open_in(countries)",
        AUDIENCES,
    ),
    Mutant(
        "any language",
        FACTS_FILE,
        "ViewingLimits._allowed_within",
        "languages and self.language and self.language not in _codes(languages)",
        "False and self.language and self.language not in _codes(languages)",
        AUDIENCES,
    ),
    Mutant(
        "unwanted genres",
        FACTS_FILE,
        "ViewingLimits._allowed_within",
        "self.unwanted and genres and (ANY_CODE in self.unwanted or not self.unwanted.isdisjoint(_codes(genres)))",
        "False and genres and (ANY_CODE in self.unwanted or not self.unwanted.isdisjoint(_codes(genres)))",
        AUDIENCES,
    ),
    Mutant(
        "any time",
        FACTS_FILE,
        "ViewingLimits._allowed_within",
        "(int(words[4]), int(words[5])) if len(words) >= _WORDS_WITH_TIMES else _ALWAYS",
        "_ALWAYS",
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
        "what was met is offered",
        LIST_FILTER_FILE,
        "left",
        "[item for item in items if not has_met(item[0])]",
        "[item for item in items ]",
        AUDIENCES,
    ),
    # -- the record beside a list ---------------------------------------------------------------------------------
    Mutant(
        "a changed record is not read again",
        READ_FILE,
        "RecommendationsRead.__call__",
        "(start := await asked or b'')[WHICH_ONE] == held.beside",
        "(start := await asked or b'')",
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
        "nobody looks at cards again",
        CARDS_FILE,
        "Cards.join",
        "cleared is None or cleared.generation != self.generation or cleared.end < end",
        "cleared is None or cleared.end < end",
        CARDS_READ,
    ),
    Mutant(
        "whose record is lost sees what was restricted since",
        LIST_FILTER_FILE,
        "as_made",
        "allow(facts, now_ms) and (not restated_ms or restated_ms + UNSURE_MS < prefix.generated_at_ms)",
        "allow(facts, now_ms)",
        AUDIENCES,
    ),
    Mutant(
        "restated with every title",
        CARD_WRITER_FILE,
        "ItemCards._write",
        "now_ms if stored.facts != card.facts else stored.restated_ms",
        "now_ms",
        CARDS_WRITTEN,
    ),
    Mutant(
        "a next owner begins with what comes",
        CARD_WRITER_FILE,
        "ItemCards.write",
        "range(len(model)) if everything else due",
        "due",
        CARDS_WRITTEN,
    ),
    Mutant(
        "a withdrawn item is anybody's",
        CARD_WRITER_FILE,
        "item_facts",
        "not catalog.is_listed(index)",
        "False",
        (*CARDS_WRITTEN, *PROPERTY),
    ),
    Mutant(
        "the former release hides nothing",
        "serving/endpoint/version_cards.py",
        "VersionCards.of_former",
        "told is not None",
        "False",
        CARDS_READ,
    ),
    Mutant(
        "a card is all that is said of a list of the former format",
        "serving/endpoint/version_cards.py",
        "VersionCards.of_former",
        "said.append(card.facts)",
        "said = [card.facts]",
        CARDS_READ,
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
    # -- profiles with their users --------------------------------------------------------------------------------
    Mutant(
        "an owner begins without the profiles of its users",
        FOLLOWER_FILE,
        "Follower.follow",
        "await read_up_to(consumer, ends, self._apply, self._drain, self._damaged)",
        "0",
        FOLLOWED,
    ),
    Mutant("profiles of lost ones stay", FOLLOWER_FILE, "Follower.follow", "left(tp.partition)", "pass", FOLLOWED),
    Mutant(
        "a kept partition is read from its beginning",
        FOLLOWER_FILE,
        "Follower.follow",
        "consumer.seek(tp, position)",
        "consumer.seek(tp, 0)",
        FOLLOWED,
    ),
    Mutant(
        "a profile holds wherever it is",
        PROFILES_FILE,
        "Profiles.apply",
        "(wanted := user_partition(user_id, self._number)) == record.partition",
        "(wanted := user_partition(user_id, self._number)) >= 0",
        FOLLOWED,
    ),
    Mutant(
        "a misplaced profile restricts nobody",
        PROFILES_FILE,
        "PartitionProfiles._is_elsewhere",
        "max(lying.values()) >= self.said_ms(user_id)",
        "False",
        PROFILES,
    ),
    Mutant(
        "of two said at once the one in its place is believed",
        PROFILES_FILE,
        "PartitionProfiles._is_elsewhere",
        "max(lying.values()) >= self.said_ms(user_id)",
        "max(lying.values()) > self.said_ms(user_id)",
        PROFILES,
    ),
    Mutant(
        "the owner is not told what lies elsewhere",
        PROFILES_FILE,
        "Profiles.apply",
        "self._tell_misplaced(MisplacedProfile(self._identities.of(user_id), record.partition, said_ms), wanted)",
        "pass",
        PROFILES,
    ),
    Mutant(
        "what was refused is reported at each reading",
        FOLLOWER_FILE,
        "Follower._report_once",
        "not self._is_repeated",
        "True",
        FOLLOWED,
    ),
]
