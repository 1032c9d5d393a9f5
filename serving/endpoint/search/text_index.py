"""The words of a version's items, by which they are found (tantivy, decision 49).

One index a process and version, in memory, made of the cards that the process holds. It follows them: what changed is
put into it once a refresh. Nothing here knows who may see what; whoever asks looks at the card of each item found.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

import tantivy

from serving.endpoint.search.words import allowed_typos, words_of
from streams.contract.item_details import decode_details

_HEAP_BYTES: Final = 15_000_000  # the least that the library takes
_FIELDS: Final = ("title", "people", "genres")
#: Words come with spaces between. The library's default would leave out those of 40 bytes: fourteen letters of Hangul.
_SPACES: Final = "spaces"
_ANALYZER: Final = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.whitespace()).build()
_KEY: Final = "key"
_KEYS: Final = 1 << 64
#: How much a word counts in each place, and in each of the ways in which it may be there.
_BOOSTS: Final = {"title": 3.0, "people": 2.0, "genres": 1.0}
_WHOLE: Final = 1.5
_BEGUN: Final = 1.0
_MISTYPED: Final = 0.4
_IN_ORDER: Final = 2.0


class IndexedItem(NamedTuple):
    """What an item is found by; without a title it is found no more."""

    key: int
    title: str | None
    details: bytes = b""


class Match(NamedTuple):
    """An item that was found, and how well its words fit: > 0, more is better."""

    key: int
    score: float


class TextIndex:
    """`put` and `find` may run in other threads, each in one at a time."""

    def __init__(self) -> None:
        builder = tantivy.SchemaBuilder()
        builder.add_integer_field(_KEY, stored=True, indexed=True, fast=True)
        for field in _FIELDS:
            builder.add_text_field(field, stored=False, tokenizer_name=_SPACES)
        self._schema = builder.build()
        self._index = tantivy.Index(self._schema)
        self._index.register_tokenizer(_SPACES, _ANALYZER)
        self._writer = self._index.writer(_HEAP_BYTES, num_threads=1)
        self._index.config_reader("Manual", 0)
        self._searcher = self._index.searcher()

    def put(self, items: Iterable[IndexedItem]) -> None:
        """Replaces what is known of items; they are found by it once this returns."""
        for item in items:
            self._writer.delete_documents_by_term(_KEY, _signed(item.key))
            if item.title is None:
                continue
            details = decode_details(item.details)
            texts = (item.title, *details.titles.values()), details.people, details.genres
            said = {
                field: " ".join(word for text in found for word in words_of(text))
                for field, found in zip(_FIELDS, texts, strict=True)
            }
            self._writer.add_document(tantivy.Document(**{_KEY: _signed(item.key)}, **said))
        self._writer.commit()
        self._index.reload()
        self._searcher = self._index.searcher()

    def find(self, words: Sequence[str], limit: int, *, mistyped: bool = False) -> list[Match]:
        """Up to `limit` items that have all the words, the last one at least begun, best first. `mistyped`: words may
        have wrong letters."""
        if not words:
            return []
        last = len(words) - 1
        parts = [(tantivy.Occur.Must, self._word(word, place == last, mistyped)) for place, word in enumerate(words)]
        if last > 0 and not mistyped:
            in_order = tantivy.Query.phrase_prefix_query(self._schema, "title", list(words))
            parts.append((tantivy.Occur.Should, tantivy.Query.boost_query(in_order, _IN_ORDER)))
        searcher = self._searcher
        hits = searcher.search(tantivy.Query.boolean_query(parts), limit, count=False).hits
        keys = searcher.fast_field_values(_KEY, [address for _, address in hits]) if hits else []
        return [
            Match(key % _KEYS, float(score))
            for key, (score, _) in zip(keys, hits, strict=True)
            if isinstance(key, int) and isinstance(score, float)
        ]

    def _word(self, word: str, is_last: bool, mistyped: bool) -> tantivy.Query:
        ways = []
        typos = allowed_typos(word) if mistyped else 0
        for field in _FIELDS:
            boost = _BOOSTS[field]
            whole = tantivy.Query.const_score_query(tantivy.Query.term_query(self._schema, field, word), 1.0)
            ways.append(tantivy.Query.boost_query(whole, boost * _WHOLE))
            if is_last or typos:
                alike = tantivy.Query.fuzzy_term_query(
                    self._schema, field, word, distance=typos, transposition_cost_one=True, prefix=is_last
                )
                ways.append(tantivy.Query.boost_query(alike, boost * (_MISTYPED if typos else _BEGUN)))
        return tantivy.Query.disjunction_max_query(ways)


def _signed(key: int) -> int:
    """The library reads larger whole numbers as floats."""
    return key if key < _KEYS // 2 else key - _KEYS
