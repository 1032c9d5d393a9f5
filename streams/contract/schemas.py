"""JSON Schemas of what producers write, generated from the very types that parse the records.

The schemas and the parser accept the same records, but for what has no words in JSON Schema: timestamps in the future,
aliases that differ, size and depth, the record's key, text that is no Unicode (half a surrogate pair), and a field that
is there twice. Everything that the parser accepts is valid against the schema.
"""

from typing import Any, Final

import msgspec

from streams.contract.catalog import WireItem, WireProfile
from streams.contract.events import EventType, WireInteraction
from streams.contract.links import WireLink

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"

Schema = dict[str, Any]

#: What an optional field holds when it is as good as not there.
_ABSENT: Final[tuple[Schema, ...]] = ({"type": "null"}, {"const": ""})

_EVENT_FIELDS: Final = {
    "event_type": "What the user did, in lower or in upper case.",
    "user_id": "Who did it; also the record key. Integers are kept as decimal strings.",
    "item_id": "To what; required except for searches.",
    "timestamp": "When it happened: milliseconds since the epoch, or RFC 3339 text with an offset.",
    "event_id": "Dedupe key: send the same id when you retry. Without it, user, item, type and timestamp identify.",
    "content_id": "Alias of item_id. Both given must be equal.",
    "watch_duration": "Seconds watched.",
    "completion_pct": "How far the user got in the item, in percent.",
    "completion_percentage": "Alias of completion_pct. All given must be equal.",
    "progress_pct": "Alias of completion_pct. All given must be equal.",
    "rating": "Stars; required for events of type rating.",
    "session_id": "The visit it belongs to.",
    "device_type": "For example mobile, tv, web.",
    "country": "ISO 3166-1 alpha-2, in upper or lower case.",
    "language": "BCP 47 tag.",
    "referrer": "Where the user came from.",
    "query": "What the user searched for.",
    "recommendation_id": "The list the item was shown in.",
    "position": "Place in that list, from 0.",
    "experiment_id": "The experiment the user was in.",
    "variant": "The variant of that experiment.",
    "schema_version": "Version of this schema that the producer used.",
}
_ITEM_FIELDS: Final = {
    "item_id": "Equal to the record key, or absent.",
    "title": "Shown to users.",
    "description": "Plain text.",
    "genres": "Names, as users know them.",
    "cast": "Names.",
    "director": "Name.",
    "year": "Year of release.",
    "language": "BCP 47 tag of the original.",
    "duration_s": "Length in seconds.",
    "maturity": "Lowest age that may see it; without it the item is for 16.",
    "regions": "ISO 3166-1 alpha-2 codes where it may be shown; none = everywhere.",
    "released_at": "Milliseconds since the epoch, RFC 3339 text, or a day as YYYY-MM-DD.",
    "thumbnail_url": "Address of a picture.",
    "item_type": "For example movie, series, product.",
    "available_from": "First moment it may be shown; same forms as released_at.",
    "available_until": "First moment it may no longer be shown; same forms as released_at.",
    "attributes": "Anything else; passed through.",
    "titles": "Titles in other languages, by BCP 47 tag.",
}
_PROFILE_FIELDS: Final = {
    "user_id": "Equal to the record key, or absent.",
    "country": "ISO 3166-1 alpha-2, in upper or lower case.",
    "language": "BCP 47 tag.",
    "timezone": "IANA name.",
    "age_group": "For example 25-34.",
    "favorite_genres": "Names as in the catalogue.",
    "disliked_genres": "Names as in the catalogue.",
    "seed_items": "Items picked while onboarding, in the order picked.",
    "maturity_max": "Highest maturity to show; without it the default of the installation.",
    "kids": "Whether the profile belongs to a child.",
    "created_at": "Milliseconds since the epoch, RFC 3339 text, or a day as YYYY-MM-DD.",
}
_LINK_FIELDS: Final = {
    "guest_id": "The anonymous id; equal to the record key, or absent.",
    "user_id": "Who the guest turned out to be.",
    "linked_at": "When that was known; milliseconds since the epoch, RFC 3339 text, or a day as YYYY-MM-DD.",
}


def schemas() -> dict[str, Schema]:
    """JSON Schemas by name: `interaction`, `item`, `link`, `profile`.

    >>> sorted(schemas())
    ['interaction', 'item', 'link', 'profile']
    """
    return {
        "interaction": _standalone("interaction", _interaction()),
        "item": _standalone("item", _described(WireItem, "An item of the catalogue.", _ITEM_FIELDS)),
        "link": _standalone("link", _link()),
        "profile": _standalone("profile", _described(WireProfile, "What a user told us.", _PROFILE_FIELDS)),
    }


def _link() -> Schema:
    schema = _described(WireLink, "A guest turned out to be a user. The two ids differ.", _LINK_FIELDS)
    required = schema["properties"]["user_id"]
    required["anyOf"] = [form for form in required["anyOf"] if form not in _ABSENT]
    schema["required"] = ["user_id"]
    return schema


def _interaction() -> Schema:
    schema = _described(WireInteraction, "One thing a user did. Unknown fields pass through.", _EVENT_FIELDS)
    properties = schema["properties"]
    lower = [kind.value for kind in EventType]
    properties["event_type"] = {
        "enum": lower + [name.upper() for name in lower],
        "description": _EVENT_FIELDS["event_type"],
    }
    for field in ("user_id", "timestamp"):
        properties[field]["anyOf"] = [form for form in properties[field]["anyOf"] if form not in _ABSENT]
    schema["required"] = ["event_type", "user_id", "timestamp"]
    schema["allOf"] = [
        {
            "if": _type_is(EventType.SEARCH),
            "else": {"anyOf": [_present("item_id"), _present("content_id")]},
        },
        {"if": _type_is(EventType.RATING), "then": _present("rating")},
    ]
    return schema


def _described(wire: type[msgspec.Struct], description: str, fields: dict[str, str]) -> Schema:
    """msgspec's schema of a wire type, with a sentence for every field and without the private class name."""
    (_, components) = msgspec.json.schema_components([wire], ref_template="{name}")
    properties = components[wire.__name__]["properties"]
    for name, sentence in fields.items():
        del properties[name]["default"]
        forms = properties[name]["anyOf"]
        for form in forms:
            form.pop("format", None)  # its pattern says more, and a validator that checks formats less
        forms += [form for form in _ABSENT if form not in forms]
        properties[name]["description"] = sentence
    return {"type": "object", "description": description, "properties": properties}


def _standalone(name: str, schema: Schema) -> Schema:
    return {"$schema": DIALECT, "$id": f"urn:freshet:{name}"} | schema


def _type_is(kind: EventType) -> Schema:
    return {"properties": {"event_type": {"enum": [kind.value, kind.value.upper()]}}}


def _present(field: str) -> Schema:
    return {"required": [field], "properties": {field: {"not": {"enum": [None, ""]}}}}
