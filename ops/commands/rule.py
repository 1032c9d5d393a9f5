"""`freshet rule`: what lists are to show whatever the ranker has learned."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from ops.commands.audited import audited
from ops.configuration.command_settings import command_settings
from ops.output import JsonOption, console, print_json

if TYPE_CHECKING:
    from streams.contract.rules import OperatorRule

RuleArgument = Annotated[str, typer.Argument(metavar="ID", help="The rule's id.")]


def register(app: typer.Typer) -> None:
    """Adds the command group."""
    group = typer.Typer(
        no_args_is_help=True,
        help="Pin, boost, bury or block items on lists: editorial picks, seasons, contracts.",
    )
    for command in (add, show, remove):
        group.command(command.__name__)(command)
    group.command("list")(list_all)
    app.add_typer(group, name="rule")


@audited("rule add")
def add(
    rule_id: RuleArgument,
    action: Annotated[str, typer.Argument(metavar="ACTION", help="pin, boost, bury or block.")],
    item: Annotated[list[str] | None, typer.Option(help="An item's id; a pin names its items in their order.")] = None,
    genre: Annotated[str, typer.Option(help="Items of this genre.")] = "",
    item_type: Annotated[str, typer.Option(help="Items of this type.")] = "",
    attribute: Annotated[
        list[str] | None, typer.Option(metavar="NAME=VALUE", help="Items with this value of an attribute.")
    ] = None,
    factor: Annotated[
        float | None,
        typer.Option(help="What scores are multiplied with: a boost above 1 to 10, a bury 0.1 to below 1."),
    ] = None,
    position: Annotated[int | None, typer.Option(help="The slot of a pin's first item, from 1; others follow.")] = None,
    country: Annotated[list[str] | None, typer.Option(help="Only there; of a user, where they were seen last.")] = None,
    device: Annotated[
        list[str] | None, typer.Option(help="Only users who were seen on it last; needs --lists personal.")
    ] = None,
    lists: Annotated[str, typer.Option(help="personal, shared (popular, trending, rows, similar) or all.")] = "all",
    since: Annotated[
        str | None, typer.Option("--from", metavar="TIME", help="From this day or time on; UTC unless it says so.")
    ] = None,
    until: Annotated[str | None, typer.Option(metavar="TIME", help="Up to this day or time, exclusive.")] = None,
    about: Annotated[str, typer.Option(help="Why, in a sentence.")] = "",
    replace: Annotated[bool, typer.Option("--replace", help="Put it in the place of the rule of this id.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Block although readers are left with less than a page of items.")
    ] = False,
    json: JsonOption = False,
) -> None:
    """Add a rule; lists that it concerns follow within seconds, idle users' at the pace of all maintenance.

    An item is matched that is all of what is given. Eligibility always wins: no rule shows what a reader may not see.
    A block is what a withdrawal is: it holds on every route, search and continue watching included.
    """
    from ops.operator.inspect.running import run
    from ops.operator.rules.changes import add_rule
    from ops.operator.rules.spelling import parse_attributes, parse_moment, rule_of
    from streams.kafka.topics import Topics

    rule = rule_of(
        {
            "rule_id": rule_id,
            "action": action,
            "match": {
                "items": item,
                "genre": genre,
                "item_type": item_type,
                "attributes": parse_attributes(attribute or ()),
            },
            "factor": factor,
            "position": position,
            "countries": [name.upper() for name in country or ()],
            "devices": [name.lower() for name in device or ()],
            "lists": lists,
            "from_ms": parse_moment("--from", since),
            "until_ms": parse_moment("--until", until),
            "about": about,
        }
    )
    settings = command_settings()
    added, matched = run(add_rule(settings.kafka, Topics(settings.namespace), rule, replace=replace, force=force))
    console().print(f"{added.rule_id} is about {matched.count} items of the catalogue", markup=False)
    for country_of, maturity, before, left in matched.too_few if added.action == "block" else ():
        where = f" in {country_of}" if country_of else ""
        console().print(f"warning: readers up to {maturity}{where} are left {left} of {before} items", markup=False)
    if json:
        print_json({**_told(added), "matched": matched.count})


@audited("rule remove")
def remove(rule_id: RuleArgument, json: JsonOption = False) -> None:
    """Take a rule away; lists that it concerned are made again without it."""
    from ops.operator.inspect.running import run
    from ops.operator.rules.changes import remove_rule
    from streams.kafka.topics import Topics

    settings = command_settings()
    run(remove_rule(settings.kafka, Topics(settings.namespace), rule_id))
    console().print(f"{rule_id} is removed", markup=False)
    if json:
        print_json({"rule_id": rule_id, "removed": True})


def list_all(json: JsonOption = False) -> None:
    """List all rules, and which are in force."""
    from rich.table import Table

    from ops.operator.inspect.running import run
    from ops.operator.rules.changes import read_rules
    from streams.kafka.topics import Topics

    settings = command_settings()
    book = run(read_rules(settings.kafka, Topics(settings.namespace)))
    rules = [_told(rule) for _, rule in sorted(book.by_id.items())]
    table = Table("Rule", "State", "Action", "Match", "Where", "From", "Until", "By")
    for told in rules:
        match = ", ".join(f"{name} {value}" for name, value in told["match"].items())
        strength = told.get("factor") or told.get("position")
        action = f"{told['action']} {strength:g}" if strength else told["action"]
        where = " ".join((*told.get("countries", ()), *told.get("devices", ()), told.get("lists", "")))
        table.add_row(
            told["rule_id"], told["state"], action, match, where, told["from"] or "", told["until"] or "", told["who"]
        )
    console().print(table)
    if json:
        print_json({"rules": rules})


def show(rule_id: RuleArgument, json: JsonOption = False) -> None:
    """Show a rule as it was written down."""
    from ops.operator.inspect.running import run
    from ops.operator.rules.changes import found_in, read_rules
    from streams.kafka.topics import Topics

    settings = command_settings()
    told = _told(found_in(run(read_rules(settings.kafka, Topics(settings.namespace))), rule_id))
    for name, value in told.items():
        console().print(f"{name}: {value}", markup=False, soft_wrap=True)
    if json:
        print_json(told)


def _told(rule: "OperatorRule") -> dict[str, Any]:
    """A rule as its record has it, with its state and its window as people read it."""
    import time

    import msgspec

    from serving.fragments import rfc3339

    now_ms = time.time_ns() // 1_000_000
    is_over = rule.until_ms is not None and rule.until_ms <= now_ms
    state = "in force" if rule.holds_at(now_ms) else "over" if is_over else "waiting"
    window = {
        "from": None if rule.from_ms is None else rfc3339(rule.from_ms),
        "until": None if rule.until_ms is None else rfc3339(rule.until_ms),
    }
    return {**msgspec.to_builtins(rule), "who": rule.who, "state": state, **window}
