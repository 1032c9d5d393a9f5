"""`freshet erase`: forgets one user everywhere."""

from typing import TYPE_CHECKING, Annotated

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.exit_codes import ExitCode
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from ops.operator.erasure.check import Leftovers

_HOURS = 24


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(erase)


@audited("erase", users=frozenset({"user_id"}), unless="verify")
def erase(
    user_id: Annotated[str, typer.Argument(help="The user's id.")],
    verify: Annotated[
        bool, typer.Option("--verify", help="Erase nothing; only report what is left of the user.")
    ] = False,
    strict: Annotated[
        bool, typer.Option("--strict", help="Also fail while bytes wait for compaction on the brokers' disks.")
    ] = False,
    wait_s: Annotated[float, typer.Option("--wait-s", min=0, help="Seconds to wait for running workers.")] = 30.0,
    json: JsonOption = False,
) -> None:
    """Forget a user: what they did up to now is never folded again, by any model version.

    Removes the rows, the Redis keys, the profile, the content of dead letters and served records, what snapshots and
    the archive below FRESHET_STORAGE_URL hold, the rows in analytic stores that a sink writes, and all of that of
    guests who are linked with the user, with the links; then looks into every such place and exits with 1 unless
    nothing is left. Removed records are bytes on the brokers' disks until compaction, a day at most. The interactions
    log keeps what was sent until its retention ends, unread. Counts and neighbours of items hold no user ids; the
    user's share in them decays. A user who comes back starts anew.
    """
    from ops.configuration.identities import identities_of
    from ops.operator.erasure.check import Leftovers, Names, check
    from ops.operator.erasure.erase import erase as forget
    from ops.operator.erasure.stores import in_stores
    from ops.operator.inspect.running import run
    from ops.operator.snapshots.kept_files import RetainedFiles
    from streams.kafka.topics import Topics

    settings = command_settings()
    topics, identities = Topics(settings.namespace, settings.model_version), identities_of(settings)
    files = RetainedFiles(settings.storage, topics)
    names = Names.of(user_id, identities)
    if verify:
        left = run(check(settings.kafka, settings.redis_url, topics, names, files))
        left.found |= run(in_stores(settings, topics, names)).left
        result = {"user_id": user_id, **left.as_dict()}
    else:
        erased = run(forget(settings.kafka, settings.redis_url, topics, user_id, identities, files, wait_s))
        left = erased.left
        console().print(f"events before offset {erased.end_offset} of partition {erased.partition} are erased")
        for version, answer in erased.versions.items():
            console().print(f"version {version}: {answer}", markup=False)
        if erased.guests:
            console().print(f"with {len(erased.guests)} guests who were linked with the user")
        reached: dict[str, str] = {}
        for one in (*erased.guests, user_id):
            stores = run(in_stores(settings, topics, Names.of(one, identities), wait_s))
            left.add(Leftovers(stores.left))
            reached |= stores.reached
        for store, by in reached.items():
            console().print(f"{store}: erased by {by}", markup=False)
        result = {**erased.as_dict(), "stores": reached}
    _print(left)
    if json:
        print_json(result)
    if left.total or (strict and any(left.superseded.values())):
        raise typer.Exit(ExitCode.CHECK_FAILED)


def _print(left: "Leftovers") -> None:
    for place, count in left.found.items():
        waiting = left.superseded.get(place, 0)
        note = f" ({waiting} removed ones are on disk for up to {_HOURS} h)" if waiting else ""
        console().print(f"{place}: {count}{note}", markup=False)
