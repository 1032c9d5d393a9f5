"""The AsyncAPI 3.0 document: which topics there are for producers and operators, and what their records hold."""

from streams.contract.schemas import Schema, schemas
from streams.kafka.topics import Topics


def asyncapi() -> Schema:
    """The AsyncAPI 3.0 document of the topics that producers write and operators read (default namespace)."""
    topics = Topics()
    described = {
        "interactions": (topics.interactions, "interaction", "user_id", "What users did."),
        "catalog": (topics.catalog, "item", "item_id", "The catalogue; a null value removes the item."),
        "profiles": (topics.profiles, "profile", "user_id", "User profiles; a null value removes the profile."),
        "links": (topics.links, "link", "guest_id", "Who guests turned out to be; a null value withdraws the link."),
    }
    channels = {
        name: _channel(address, summary, {payload: {"$ref": f"#/components/messages/{payload}"}})
        for name, (address, payload, _, summary) in described.items()
    }
    channels["deadLetters"] = _channel(
        topics.dead_letters,
        "Interactions that could not be used; same partition number as the source record.",
        {"deadLetter": {"$ref": "#/components/messages/deadLetter"}},
    )
    messages = {payload: _message(payload, key, summary) for _, payload, key, summary in described.values()}
    messages["deadLetter"] = _dead_letter_message()
    operations = {
        f"receive{name.capitalize()}": _operation("receive", name, payload)
        for name, (_, payload, _, _) in described.items()
    }
    operations["sendDeadLetters"] = _operation("send", "deadLetters", "deadLetter")
    bare = {name: {k: v for k, v in schema.items() if k[0] != "$"} for name, schema in schemas().items()}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Freshet",
            "version": "1",
            "description": "Events in, finished recommendation lists out. Record keys are partitioned by murmur2.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": channels,
        "operations": operations,
        "components": {"messages": messages, "schemas": bare},
    }


def _channel(address: str, summary: str, messages: Schema) -> Schema:
    config = next(spec.config for spec in Topics().specs(1, 1) if spec.name == address)
    settings: Schema = {"cleanup.policy": config["cleanup.policy"].split(",")}
    if "retention.ms" in config:
        settings["retention.ms"] = int(config["retention.ms"])
    return {
        "address": address,
        "summary": summary,
        "messages": messages,
        "bindings": {"kafka": {"topicConfiguration": settings, "bindingVersion": "0.5.0"}},
    }


def _message(payload: str, key: str, summary: str) -> Schema:
    return {
        "summary": summary,
        "contentType": "application/json",
        "payload": {"$ref": f"#/components/schemas/{payload}"},
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": f"{key} as UTF-8 text."},
                "bindingVersion": "0.5.0",
            }
        },
    }


def _dead_letter_message() -> Schema:
    text = {"type": "string"}
    names = ("reason", "detail", "topic", "partition", "offset", "append_time_ms")
    return {
        "summary": "A record that could not be used.",
        "contentType": "application/octet-stream",
        "payload": {"description": "The original bytes."},
        "headers": {
            "type": "object",
            "description": "UTF-8 text, except freshet.key. freshet.original_bytes is present when the value was cut, "
            "freshet.no_value when it was null, freshet.key when there was one, freshet.redriven once the original was "
            "published again.",
            "properties": {f"freshet.{name}": text for name in (*names, "original_bytes", "no_value", "redriven")}
            | {"freshet.key": {"description": "The original key."}},
            "required": [f"freshet.{name}" for name in names],
        },
        "bindings": {
            "kafka": {
                "key": {"type": "string", "description": "Where the original is: topic:partition:offset."},
                "bindingVersion": "0.5.0",
            },
        },
    }


def _operation(action: str, channel: str, message: str) -> Schema:
    return {
        "action": action,
        "channel": {"$ref": f"#/channels/{channel}"},
        "messages": [{"$ref": f"#/channels/{channel}/messages/{message}"}],
    }
