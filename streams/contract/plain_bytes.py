"""Bytes of a file or pipe as they were before somebody packed or encoded them, piece by piece.

gzip, zstd, bzip2 and xz are told by their first bytes; UTF-16 and UTF-32 by their byte order mark, or by the zeros that
only they have beside the first character of JSON or of a table. What comes out is UTF-8 without a mark, or whatever
bytes there were when nothing is told: whether those are UTF-8 is for the reader to see.
"""

import bz2
import codecs
import io
import lzma
import zlib
from pathlib import Path
from typing import Any, Final

_CHUNK_BYTES: Final = 1 << 18
#: Enough for every mark below.
_HEAD_BYTES: Final = 6
_PACKED: Final = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd", b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz"}
_MARKS: Final = (  # longer ones first: UTF-32 begins like UTF-16
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


#: Where the first four bytes are zero when there is no mark.
_ZEROS: Final = {
    b"\0\1\1\1": "utf-32-le",
    b"\1\1\1\0": "utf-32-be",
    b"\0\1\0\1": "utf-16-le",
    b"\1\0\1\0": "utf-16-be",
}


class UnreadableInput(ValueError):
    """The bytes are cut off, damaged, or not of the encoding that was said; the message says which."""


class PlainBytes:
    """Feed it the bytes as they are and end it. `encoding` None = as told by the bytes, else what somebody said."""

    def __init__(self, encoding: str | None = None) -> None:
        self._unpacked = _Unpacked()
        self._decoded = _Decoded(encoding)

    def feed(self, chunk: bytes) -> bytes:
        """More of the plain bytes. Raises `UnreadableInput`."""
        return self._decoded.feed(self._unpacked.feed(chunk))

    def end(self) -> bytes:
        """The rest of them. Raises `UnreadableInput`."""
        return self._decoded.feed(self._unpacked.end()) + self._decoded.end()


class PlainFile(io.RawIOBase):
    """The same of a file, for readers of files. Raises `OSError` and `UnreadableInput`."""

    def __init__(self, path: Path, encoding: str | None = None) -> None:
        self._file = path.open("rb")
        self._plain = PlainBytes(encoding)
        self._ready = memoryview(b"")
        self._ended = False

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any) -> int:
        """As `io.RawIOBase` has it."""
        while not self._ready and not self._ended:
            chunk = self._file.read(_CHUNK_BYTES)
            self._ended = not chunk
            self._ready = memoryview(self._plain.feed(chunk) if chunk else self._plain.end())
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def close(self) -> None:
        """Closes the file too."""
        self._file.close()
        super().close()


def is_plain(head: bytes) -> bool:
    """Whether bytes that begin so are the plain ones already.

    >>> is_plain(b'{"a": 1}'), is_plain(b"\\x1f\\x8b\\x08")
    (True, False)
    """
    return _packing_of(head) is None and not _encoding_of(head)[0]


def known_encoding(name: str) -> str:
    """The name as Python has it. Raises ValueError for a name that says nothing, or that is none of a text.

    >>> known_encoding("Latin-1")
    'iso8859-1'
    """
    try:
        found = codecs.lookup(name)
        "".encode(found.name)
    except LookupError:
        raise ValueError(
            f"{name!r} is no encoding of text that is known here, as utf-8, latin-1 or utf-16 are"
        ) from None
    return found.name


class _Unpacked:
    def __init__(self) -> None:
        self._head: bytes | None = b""
        self._name: str | None = None
        self._unpacker: Any = None

    def feed(self, chunk: bytes) -> bytes:
        if self._head is not None:
            self._head += chunk
            if len(self._head) < _HEAD_BYTES:
                return b""
            chunk = self._begin()
        return self._unpack(chunk) if self._name else chunk

    def end(self) -> bytes:
        rest = b"" if self._head is None else self.feed(self._begin())
        if self._unpacker is not None and not self._unpacker.eof:
            raise UnreadableInput(f"the {self._name} data is cut off")
        return rest

    def _begin(self) -> bytes:
        head, self._head = self._head or b"", None
        self._name = _packing_of(head)
        self._unpacker = _unpacker(self._name) if self._name else None
        return head

    def _unpack(self, chunk: bytes) -> bytes:
        done = []
        try:
            while chunk:
                if self._unpacker.eof:  # files that were packed one by one and put together
                    chunk = chunk.lstrip(b"\0")
                    if not chunk:
                        break
                    self._unpacker = _unpacker(str(self._name))
                done.append(self._unpacker.decompress(chunk))
                chunk = self._unpacker.unused_data if self._unpacker.eof else b""
        except (OSError, EOFError, zlib.error, lzma.LZMAError) as problem:
            raise UnreadableInput(f"the {self._name} data is damaged: {problem}") from None
        return b"".join(done)


class _Decoded:
    def __init__(self, encoding: str | None) -> None:
        self._said = encoding
        self._head: bytes | None = b""
        self._decoder: codecs.IncrementalDecoder | None = None
        self._at_start = True

    def feed(self, chunk: bytes) -> bytes:
        if self._head is not None:
            self._head += chunk
            if len(self._head) < _HEAD_BYTES:
                return b""
            chunk = self._begin()
        return self._decode(chunk)

    def end(self) -> bytes:
        rest = self._begin() if self._head is not None else b""
        return self._decode(rest, final=True)

    def _begin(self) -> bytes:
        head, self._head = self._head or b"", None
        told, mark = _encoding_of(head)
        if self._said and self._said not in ("utf-8", "utf_8_sig"):
            self._decoder = codecs.getincrementaldecoder(self._said)()
            return head
        if told not in ("", "utf-8"):
            self._decoder = codecs.getincrementaldecoder(told)()
        return head[len(mark) :]

    def _decode(self, chunk: bytes, *, final: bool = False) -> bytes:
        if self._decoder is None:
            return chunk
        try:
            text = self._decoder.decode(chunk, final)
        except UnicodeError as problem:
            raise UnreadableInput(str(problem)) from None
        if text and self._at_start:  # a mark that was not told by its bytes, because the encoding was said
            self._at_start, text = False, text.removeprefix("\ufeff")
        return text.encode()


def _packing_of(head: bytes) -> str | None:
    return next((name for mark, name in _PACKED.items() if head.startswith(mark)), None)


def _encoding_of(head: bytes) -> tuple[str, bytes]:
    """(encoding, mark to drop); ("", b"") when nothing is told."""
    for mark, encoding in _MARKS:
        if head.startswith(mark):
            return encoding, mark
    zeros = bytes(byte == 0 for byte in head[:4])
    return _ZEROS.get(zeros, ""), b""


def _unpacker(name: str) -> Any:
    """An object with `decompress`, `eof` and `unused_data`."""
    if name == "gzip":
        return zlib.decompressobj(zlib.MAX_WBITS | 16)
    if name == "bzip2":
        return bz2.BZ2Decompressor()
    if name == "xz":
        return lzma.LZMADecompressor()
    return _ZstdFrame()


class _ZstdFrame:
    """One frame, by the words of the others: their errors, too."""

    def __init__(self) -> None:
        import zstandard  # few need it

        self._frame = zstandard.ZstdDecompressor(max_window_size=1 << 31).decompressobj()
        self._error = zstandard.ZstdError

    def decompress(self, chunk: bytes) -> bytes:
        try:
            return self._frame.decompress(chunk)
        except self._error as problem:
            raise OSError(str(problem)) from None

    @property
    def eof(self) -> bool:
        return bool(self._frame.eof)

    @property
    def unused_data(self) -> bytes:
        return bytes(self._frame.unused_data)
