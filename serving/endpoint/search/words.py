"""What people type and what titles say, brought to the same words: without case, accents and width, one word a
character where a script puts no spaces between words."""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from typing import Final

MAX_WORDS: Final = 8
MAX_WORD_CHARACTERS: Final = 32
#: Of longer texts the rest is not looked at; taken apart a text is up to eighteen times as long.
MAX_TEXT_CHARACTERS: Final = 1024
MAX_NAME_WORDS: Final = 64
#: Han and kana. Hangul has spaces; it is taken apart into its letters, so that a half typed syllable is a beginning.
_UNSPACED: Final = re.compile(r"([\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff])")
_WORD: Final = re.compile(r"[^\W_]+")
#: Letters that no decomposition brings to their plain form.
_PLAIN: Final = str.maketrans({"ø": "o", "đ": "d", "ð": "d", "ł": "l", "æ": "ae", "œ": "oe", "þ": "th", "ı": "i"})


def words_of(text: str) -> tuple[str, ...]:
    """The words of the first MAX_TEXT_CHARACTERS of a text.

    >>> words_of("Amélie & STRAßE"), words_of("東京 物語"), words_of("ｶﾞﾝﾀﾞﾑ")
    (('amelie', 'strasse'), ('東', '京', '物', '語'), ('カ', 'ン', 'タ', 'ム'))
    """
    text = text[:MAX_TEXT_CHARACTERS]
    plain = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold()).translate(_PLAIN)
    bare = "".join(character for character in plain if not unicodedata.combining(character))
    return tuple(word[:MAX_WORD_CHARACTERS] for word in _WORD.findall(_UNSPACED.sub(r" \1 ", bare)))


def query_words(query: str) -> tuple[str, ...]:
    """The words of what was typed, the last MAX_WORDS of them: the end is what is being typed."""
    return words_of(query[-MAX_TEXT_CHARACTERS:])[-MAX_WORDS:]


def is_named(words: tuple[str, ...], typed: tuple[str, ...]) -> bool:
    """Whether a name has all the words that were typed, the last one at least begun.

    >>> is_named(words_of("The Matrix"), ("mat",)), is_named(words_of("The Matrix"), ("matrix", "the"))
    (True, True)
    """
    if not typed:
        return False
    return set(words).issuperset(typed[:-1]) and any(word.startswith(typed[-1]) for word in words)


def allowed_typos(word: str) -> int:
    """How many letters of a word may be wrong: none of three or less, two of eight or more."""
    return 0 if len(word) <= _EXACT else 1 if len(word) < _LONG else 2


_EXACT: Final = 3
_LONG: Final = 8


@lru_cache(maxsize=65_536)  # names of 200 cards in 30 languages are 8,000
def name_words(name: str) -> tuple[str, ...]:
    """The first MAX_NAME_WORDS words of what the catalogue calls something. Remembered: of the catalogue alone, never
    of what people type, or whoever types much fills the memory."""
    return words_of(name)[:MAX_NAME_WORDS]
