"""Ways in which a producer may have written an id: each makes bytes of it that somebody could read it back from."""

import base64
import gzip
import html
import json
import quopri
import zlib
from collections.abc import Callable
from urllib.parse import quote

Disguise = Callable[[str], bytes]


def _every_u(text: str) -> str:
    units = text.encode("utf-16-be")
    return "".join(f"\\u{units[place]:02x}{units[place + 1]:02X}" for place in range(0, len(units), 2))


def _first_u(text: str) -> str:
    return f"\\u{ord(text[0]):04x}" + json.dumps(text[1:])[1:-1] if ord(text[0]) < 0xD800 else _every_u(text)


def _event(user: str) -> str:
    return f'{{"event_type":"view","user_id":"{user}","item_id":"i1","timestamp":1}}'


DISGUISES: dict[str, Disguise] = {
    "plain": lambda user: _event(json.dumps(user, ensure_ascii=False)[1:-1]).encode(),
    "a list": lambda user: json.dumps([{"user_id": user}], ensure_ascii=False).encode(),
    "an envelope": lambda user: json.dumps({"specversion": "1.0", "data": {"user_id": user}}).encode(),
    "a subject": lambda user: json.dumps({"subject": f"users/{user}/events"}).encode(),
    "userId": lambda user: json.dumps({"userId": user}).encode(),
    "a name of a field": lambda user: json.dumps({user: 1}).encode(),
    "all escaped": lambda user: _event(_every_u(user)).encode(),
    "first letter escaped": lambda user: _event(_first_u(user)).encode(),
    "escaped, and broken": lambda user: _event(_every_u(user)).encode()[:-7],
    "JSON in JSON": lambda user: json.dumps({"message": json.dumps({"user_id": user})}).encode(),
    "JSON in JSON in JSON": lambda user: json.dumps({"m": json.dumps({"m": json.dumps({"user_id": user})})}).encode(),
    "percent": lambda user: f"user_id={quote(user, safe='')}&item=i1".encode(),
    "percent, every byte": lambda user: ("u=" + "".join(f"%{byte:02x}" for byte in user.encode())).encode(),
    "percent twice": lambda user: f"u={quote(quote(user, safe=''), safe='')}".encode(),
    "UTF-16": lambda user: _event(user).encode("utf-16"),
    "UTF-16 big-endian": lambda user: _event(user).encode("utf-16-be"),
    "UTF-32": lambda user: _event(user).encode("utf-32"),
    "UTF-16 inside": lambda user: b'{"raw": "' + user.encode("utf-16-le") + b'"}',
    "a byte order mark": lambda user: b"\xef\xbb\xbf" + _event(user).encode(),
    "UTF-8 twice": lambda user: _event(user).encode().decode("latin-1").encode(),
    "HTML": lambda user: f"<user>{''.join(f'&#{ord(char)};' for char in user)}</user>".encode(),
    "HTML names": lambda user: f"<user>{html.escape(user)}</user>".encode(),
    "quoted-printable": lambda user: quopri.encodestring(f"user: {user}".encode()),
    "Base64": lambda user: base64.b64encode(_event(user).encode()),
    "Base64, for addresses": lambda user: base64.urlsafe_b64encode(_event(user).encode()).rstrip(b"="),
    "Base64 of the id alone": lambda user: b'{"uid":"%b"}' % base64.b64encode(user.encode()),
    "Base64 in lines": lambda user: base64.encodebytes(_event(user).encode() * 3),
    "hexadecimal": lambda user: b'{"raw":"%b"}' % _event(user).encode().hex().encode(),
    "hexadecimal, with spaces": lambda user: _event(user).encode().hex(" ").encode(),
    "gzip": lambda user: gzip.compress(_event(user).encode()),
    "zlib": lambda user: zlib.compress(_event(user).encode()),
    "gzip in Base64": lambda user: b'{"z":"%b"}' % base64.b64encode(gzip.compress(_event(user).encode())),
    "a form": lambda user: b"user_id\t" + user.encode() + b"\titem_id\ti1",
    "Python": lambda user: repr({"user": user.encode()}).encode(),
    "beside bytes that are no text": lambda user: b"\x00\x01\xff\xfe\x80" + user.encode() + b"\x00\xff",
    "Avro": lambda user: bytes([2 * len(user.encode())]) + user.encode() + b"\x08view",
}
