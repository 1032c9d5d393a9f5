"""Every text that bytes of unknown origin can be read as, so that whoever looks for a name in them does not miss it.

Records that could not be used hold whatever a producer sent: JSON in a string of JSON, envelopes, percent-encoded
forms, Base64, UTF-16, compressed. Each form is undone wherever it may be one, and what comes out is looked at again, up
to a bound. What stays unreadable, or is more than the bound, is said.
"""

import bz2
import html
import lzma
import quopri
import re
import unicodedata
import zlib
from base64 import b64decode
from binascii import Error as NotBase64
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final
from urllib.parse import unquote_plus, unquote_to_bytes

MAX_DEPTH: Final = 5
MAX_CHARS: Final = 8 * 1024 * 1024
_MAX_UNPACKED_BYTES: Final = 4 * 1024 * 1024

_ESCAPED = r"(?:u\{([0-9a-fA-F]{1,6})\}|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|(.))"
_ESCAPE: Final = re.compile(r"\\" + _ESCAPED, re.DOTALL)
#: As many backslashes as levels of quoting leave.
_ESCAPE_OF_MANY: Final = re.compile(r"\\+" + _ESCAPED, re.DOTALL)
_PERCENT_U: Final = re.compile(r"%u([0-9a-fA-F]{4})")
_LETTERS: Final = {"n": "\n", "r": "\r", "t": "\t", "b": "\b", "f": "\f"}
_BASE64_RUN: Final = re.compile(r"[A-Za-z0-9+/_-]{4,}")
_HEX_RUN: Final = re.compile(r"(?:[0-9a-fA-F]{2}[ :]?){4,}")
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f-\x9f�]")
_MOST_CONTROL_SHARE: Final = 0.02
_C0: Final = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
_ASCII: Final = re.compile(r"[\x20-\x7e\s]")
_LEAST_ASCII_SHARE: Final = 0.4
_LEAST_UNICODE_BYTES: Final = 6

_WIDE: Final = {"utf-16-le": 2, "utf-16-be": 2, "utf-32-le": 4, "utf-32-be": 4}  # bytes a unit

_Unpack = Callable[[bytes], bytes]


@dataclass(frozen=True)
class Forms:
    """`texts` in Unicode's form NFKC, each once; `is_complete` False = there is more in the bytes than these say."""

    texts: tuple[str, ...]
    is_complete: bool


def forms_of(data: bytes) -> Forms:
    """All readable forms of `data`.

    >>> forms_of(b'"\\\\u0075%31%37"').texts
    ('"\\\\u0075%31%37"', '"u%31%37"', '"\\\\u007517"', '"u17"')
    >>> forms_of(bytes(range(128, 255)) * 4).is_complete
    False
    """
    texts: dict[str, None] = {}
    todo: deque[tuple[bytes | str, int]] = deque([(data, 0)])
    seen: set[bytes | str] = set()
    chars, is_complete = 0, True
    while todo:
        form, depth = todo.popleft()
        if form in seen:
            continue
        seen.add(form)
        if isinstance(form, bytes):
            found: list[bytes | str] = []
            is_complete &= _read(form, found)
        else:
            texts[unicodedata.normalize("NFKC", form)] = None
            chars += len(form)
            found = list(_undone(form))
            # Bytes may have been written as letters. A NUL is none of these: UTF-16 has them.
            is_complete &= all(isinstance(each, bytes) or _is_clean(each) for each in found)
        if chars > MAX_CHARS or (depth == MAX_DEPTH and not seen.issuperset(found)):
            return Forms(tuple(texts), False)
        if depth < MAX_DEPTH:
            todo += [(each, depth + 1) for each in found]
    return Forms(tuple(texts), is_complete)


def _read(data: bytes, found: list[bytes | str]) -> bool:
    """Adds what bytes are as text, or unpacked; False when that is not all they may be."""
    unpack = next((unpack for magic, unpack in _UNPACKERS.items() if data.startswith(magic)), None)
    if unpack is not None:
        try:
            found.append(unpack(data))
        except (zlib.error, OSError, EOFError, ValueError, lzma.LZMAError):
            return False
        return len(found[-1]) < _MAX_UNPACKED_BYTES
    if data.startswith(_OPAQUE):
        return False
    texts = list(_decoded(data))
    found += texts
    if _is_utf8(data):
        return len(_CONTROL.findall(texts[0])) <= _MOST_CONTROL_SHARE * len(texts[0])
    return any(_is_readable(text) for text in texts)


def _decoded(data: bytes) -> Iterator[str]:
    yield data.decode("utf-8-sig", "replace")
    if not data.isascii():
        yield data.decode("cp1252", "replace")
    if b"\0" in data:
        yield data.replace(b"\0", b"").decode("utf-8", "replace")  # ASCII in UTF-16 or UTF-32, at any place
    if b"\0" in data or not _is_utf8(data):
        for encoding, width in _WIDE.items():
            for start in range(width):
                yield data[start:].decode(encoding, "ignore").removeprefix("\ufeff")


def _is_clean(text: str) -> bool:
    return len(_C0.findall(text.replace("\0", ""))) <= _MOST_CONTROL_SHARE * len(text)


def _is_utf8(data: bytes) -> bool:
    try:
        data.decode()
    except UnicodeDecodeError:
        return False
    return True


def _is_readable(text: str) -> bool:
    """Whether somebody wrote this: hardly any control characters and, as any bytes are letters in some encoding, much
    of it ASCII."""
    ascii_share = len(_ASCII.findall(text)) / max(1, len(text))
    return len(_CONTROL.findall(text)) <= _MOST_CONTROL_SHARE * len(text) and ascii_share >= _LEAST_ASCII_SHARE


def _undone(text: str) -> Iterator[bytes | str]:
    """What a text is when one form of encoding is undone wherever it may be."""
    if "\0" in text:
        yield text.replace("\0", "")
        if all(char <= "\xff" for char in text):
            yield text.encode("latin-1")  # bytes that were written letter by letter
    if "\\" in text:
        yield _paired(_ESCAPE.sub(_unescaped, text))
        yield _paired(_ESCAPE_OF_MANY.sub(_unescaped, text))
    if "%" in text:
        yield _paired(_PERCENT_U.sub(lambda found: chr(int(found[1], 16)), text))
        yield unquote_to_bytes(text)
        yield unquote_plus(text)
    if "&" in text:
        yield html.unescape(text)
    if "=" in text and text.isascii():
        yield quopri.decodestring(text.encode())
    if not text.isascii():
        yield from _mended(text)
    joined = text.replace("\n", "").replace("\r", "") if "\n" in text else text
    for run in dict.fromkeys(_BASE64_RUN.findall(joined)):
        yield from filter(_is_text, _base64(run))
    for run in dict.fromkeys(_HEX_RUN.findall(text)):
        decoded = bytes.fromhex(run.replace(":", " "))
        if _is_text(decoded):
            yield decoded


def _unescaped(found: re.Match[str]) -> str:
    braced, four, eight, two, octal, letter = found.groups()
    if number := braced or four or eight or two:
        code = int(number, 16)
        return chr(code) if code <= 0x10FFFF else "�"
    return chr(int(octal, 8)) if octal else _LETTERS.get(letter, letter)


def _paired(text: str) -> str:
    """With pairs of surrogates as the characters that they are."""
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")


def _mended(text: str) -> Iterator[str]:
    """UTF-8 that somebody took for another encoding."""
    for encoding in ("latin-1", "cp1252"):
        try:
            yield text.encode(encoding).decode()
        except UnicodeError:
            continue


def _base64(run: str) -> Iterator[bytes]:
    """What a run of letters is in Base64 of either alphabet, wherever in it that begins."""
    standard = run.replace("-", "+").replace("_", "/")
    for start in range(min(4, len(standard))):
        part = standard[start:]
        part = part[: len(part) - (len(part) % 4 == 1)]
        try:
            yield b64decode(part + "=" * (-len(part) % 4))
        except NotBase64:
            continue


def _is_text(data: bytes) -> bool:
    """Whether decoded letters make sense: most letters that are no Base64 do not."""
    if data.startswith(tuple(_UNPACKERS)):
        return True
    plain = data.replace(b"\0", b"")
    if len(plain) < _LEAST_UNICODE_BYTES and not plain.isascii():
        return False
    try:
        text = plain.decode()
    except UnicodeDecodeError:
        return False
    return bool(text) and not _C0.search(text)


def _inflated(data: bytes, window: int) -> bytes:
    return zlib.decompressobj(window).decompress(data, _MAX_UNPACKED_BYTES)


_UNPACKERS: Final[dict[bytes, _Unpack]] = {
    b"\x1f\x8b": lambda data: _inflated(data, 31),
    b"\x78\x01": lambda data: _inflated(data, 15),
    b"\x78\x5e": lambda data: _inflated(data, 15),
    b"\x78\x9c": lambda data: _inflated(data, 15),
    b"\x78\xda": lambda data: _inflated(data, 15),
    b"BZh": lambda data: bz2.BZ2Decompressor().decompress(data, _MAX_UNPACKED_BYTES),
    b"\xfd7zXZ\0": lambda data: lzma.LZMADecompressor().decompress(data, _MAX_UNPACKED_BYTES),
}
#: zstd, lz4, snappy, zip: nobody looks into them.
_OPAQUE: Final = (b"\x28\xb5\x2f\xfd", b"\x04\x22\x4d\x18", b"\xff\x06\0\0sNaPpY", b"PK\x03\x04")
