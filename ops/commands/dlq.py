"""`freshet dlq`: records that could not be used, and publishing them again."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json
from streams.contract.reasons import Reason

if TYPE_CHECKING:
    from ops.configuration.settings import Settings
    from streams.contract.dead_letters import DeadLetter

ReasonOption = Annotated[Reason | None, typer.Option("--reason", help="Only dead letters with this reason.")]


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    dlq = typer.Typer(no_args_is_help=True, help="Look at records that could not be used; publish them again.")
    dlq.command("list")(list_dead_letters)
    dlq.command("show")(show)
    dlq.command("redrive")(redrive)
    app.add_typer(dlq, name="dlq")


def list_dead_letters(
    reason: ReasonOption = None,
    topic: Annotated[
        str | None, typer.Option("--topic", help="Only dead letters of this topic, for example catalog.items.")
    ] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Number of dead letters to show, the newest ones.")] = 20,
    json: JsonOption = False,
) -> None:
    """List dead letters in the order of their originals, with counts by reason: events, items, profiles and whatever
    else could not be used.

    A dead letter is named by where its original is: TOPIC:PARTITION:OFFSET.
    """
    from ops.operator.dead_letters.records import read_dead_letters
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    kept = run(read_dead_letters(settings.kafka, Topics(settings.namespace, settings.model_version)))
    dead_letters = [
        item.dead_letter
        for item in kept
        if (reason is None or item.dead_letter.reason is reason)
        and (topic is None or _named(item.dead_letter, topic, settings))
    ]
    for dead_letter in dead_letters[-limit:]:
        again = f"  (again at {dead_letter.redriven})" if dead_letter.redriven else ""
        console().print(f"{dead_letter.name}  {dead_letter.reason}: {dead_letter.detail}{again}", markup=False)
    by_reason = Counter(dead_letter.reason.value for dead_letter in dead_letters)
    by_topic = Counter(dead_letter.topic for dead_letter in dead_letters)
    console().print(_counts(by_reason) or "no dead letters")
    if len(by_topic) > 1:
        console().print(_counts(by_topic))
    if json:
        print_json(
            {
                "count": len(dead_letters),
                "redriven": sum(bool(dead_letter.redriven) for dead_letter in dead_letters),
                "by_reason": dict(by_reason.most_common()),
                "by_topic": dict(by_topic.most_common()),
                "letters": [_described(dead_letter) for dead_letter in dead_letters[-limit:]],
            }
        )


def show(
    coordinates: Annotated[
        str, typer.Argument(help="Dead letter to show: TOPIC:PARTITION:OFFSET, or PARTITION:OFFSET of interactions.")
    ],
    json: JsonOption = False,
) -> None:
    """Show one dead letter with its original bytes."""
    from ops.operator.dead_letters.records import find_dead_letter
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    dead_letter = run(find_dead_letter(settings.kafka, topics, coordinates))
    described = _described(dead_letter) | {"key": _text(dead_letter.key), "value": _text(dead_letter.value)}
    for name, value in described.items():
        console().print(f"{name}: {value}", markup=False, soft_wrap=True)
    if json:
        print_json(described)


@audited("dlq redrive", unless="dry_run")
def redrive(
    reason: ReasonOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be done; change nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Publish the originals of dead letters again, each once, under the key and in the partition of their user.

    For dead letters that became usable: sent to the wrong partition, from a clock that ran ahead, or refused by code
    that is mended now. Each user's records keep their order. What still cannot be parsed is refused and stays. Running
    it again, or after a crash, or twice at once publishes nothing twice. Letters `too_old` and `fold_failed` are only
    published again when --reason names them.
    """
    from ops.operator.dead_letters.redrive import preview
    from ops.operator.dead_letters.redrive import redrive as publish_again
    from ops.operator.inspect.running import run
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    done = run((preview if dry_run else publish_again)(settings.kafka, topics, reason))
    result = done.as_dict()
    for refusal in done.plan.refused:
        console().print(f"refused {refusal.name}: {refusal.why}", markup=False)
    verb = f"{result['would_publish']} would be published" if dry_run else f"{done.published} published"
    before = done.plan.done + done.recovered
    console().print(f"{verb}, {len(done.plan.refused)} refused, {before} were published before", markup=False)
    if json:
        print_json(result)


def _named(dead_letter: "DeadLetter", topic: str, settings: "Settings") -> bool:
    """With or without the namespace."""
    return dead_letter.topic in (topic, f"{settings.namespace}.{topic}")


def _counts(counter: "Counter[str]") -> str:
    return ", ".join(f"{count} {name}" for name, count in counter.most_common())


def _described(dead_letter: "DeadLetter") -> dict[str, Any]:
    return {
        "letter": dead_letter.name,
        "reason": dead_letter.reason.value,
        "detail": dead_letter.detail,
        "append_time_ms": dead_letter.append_time_ms,
        "bytes": len(dead_letter.value or b"") if dead_letter.original_bytes is None else dead_letter.original_bytes,
        "redriven": dead_letter.redriven or None,
    }


def _text(raw: bytes | None) -> str | None:
    """Bytes that are no UTF-8 are shown as \\xNN."""
    return None if raw is None else raw.decode("utf-8", "backslashreplace")
