"""`freshet dlq`: records that could not be used, and publishing them again."""

from collections import Counter
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.command_settings import command_settings
from ops.output import JsonOption, console, print_json
from streams.reasons import Reason

if TYPE_CHECKING:
    from streams.dead_letters import DeadLetter

ReasonOption = Annotated[Reason | None, typer.Option("--reason", help="Only letters of this reason.")]


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    dlq = typer.Typer(no_args_is_help=True, help="Look at records that could not be used; publish them again.")
    dlq.command("list")(list_letters)
    dlq.command("show")(show)
    dlq.command("redrive")(redrive)
    app.add_typer(dlq, name="dlq")


def list_letters(
    reason: ReasonOption = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="Show at most this many, the newest.")] = 20,
    json: JsonOption = False,
) -> None:
    """List dead letters in the order of their originals, with counts by reason.

    A letter is named by where its original is: TOPIC:PARTITION:OFFSET.
    """
    from ops.operator.letters import read_letters
    from ops.operator.running import run
    from streams.topics import Topics

    settings = command_settings()
    kept = run(read_letters(settings.kafka_bootstrap, Topics(settings.namespace, settings.model_version)))
    letters = [item.letter for item in kept if reason is None or item.letter.reason is reason]
    for letter in letters[-limit:]:
        again = f"  (again at {letter.redriven})" if letter.redriven else ""
        console().print(f"{letter.name}  {letter.reason}: {letter.detail}{again}", markup=False)
    by_reason = Counter(letter.reason.value for letter in letters)
    console().print(", ".join(f"{count} {name}" for name, count in by_reason.most_common()) or "no dead letters")
    if json:
        print_json(
            {
                "count": len(letters),
                "redriven": sum(bool(letter.redriven) for letter in letters),
                "by_reason": dict(by_reason.most_common()),
                "letters": [_described(letter) for letter in letters[-limit:]],
            }
        )


def show(
    coordinates: Annotated[str, typer.Argument(help="TOPIC:PARTITION:OFFSET, or PARTITION:OFFSET of interactions.")],
    json: JsonOption = False,
) -> None:
    """Show one dead letter with its original bytes."""
    from ops.operator.letters import find_letter
    from ops.operator.running import run
    from streams.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    letter = run(find_letter(settings.kafka_bootstrap, topics, coordinates))
    described = _described(letter) | {"key": _text(letter.key), "value": _text(letter.value)}
    for name, value in described.items():
        console().print(f"{name}: {value}", markup=False, soft_wrap=True)
    if json:
        print_json(described)


def redrive(
    reason: ReasonOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be done; change nothing.")] = False,
    json: JsonOption = False,
) -> None:
    """Publish the originals of dead letters again, each once, under the key and in the partition of their user.

    For letters that became usable: sent to the wrong partition, from a clock that ran ahead, or refused by code that
    is mended now. Each user's records keep their order. What still cannot be parsed is refused and stays. Running it
    again, or after a crash, or twice at once publishes nothing twice. Letters `too_old` and `fold_failed` are only
    published again when --reason names them.
    """
    from ops.operator.redrive import preview
    from ops.operator.redrive import redrive as publish_again
    from ops.operator.running import run
    from streams.topics import Topics

    settings = command_settings()
    topics = Topics(settings.namespace, settings.model_version)
    done = run((preview if dry_run else publish_again)(settings.kafka_bootstrap, topics, reason))
    result = done.as_dict()
    for refusal in done.plan.refused:
        console().print(f"refused {refusal.name}: {refusal.why}", markup=False)
    verb = f"{result['would_publish']} would be published" if dry_run else f"{done.published} published"
    before = done.plan.done + done.recovered
    console().print(f"{verb}, {len(done.plan.refused)} refused, {before} were published before", markup=False)
    if json:
        print_json(result)


def _described(letter: "DeadLetter") -> dict[str, Any]:
    return {
        "letter": letter.name,
        "reason": letter.reason.value,
        "detail": letter.detail,
        "append_time_ms": letter.append_time_ms,
        "bytes": len(letter.value or b"") if letter.original_bytes is None else letter.original_bytes,
        "redriven": letter.redriven or None,
    }


def _text(raw: bytes | None) -> str | None:
    """Bytes that are no UTF-8 are shown as \\xNN."""
    return None if raw is None else raw.decode("utf-8", "backslashreplace")
