"""All rules of operators: what `freshet.rules` says, record by record, and which of them are in force."""

from __future__ import annotations

from collections.abc import Iterable

from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.rules import MAX_RULES, OperatorRule, parse_rule, strictest_block


class RuleBook:
    """The rules of a namespace. `apply` takes the records of the topic in their order, any number of times; `version`
    grows when the rules changed."""

    def __init__(self, rules: Iterable[OperatorRule] = ()) -> None:
        self.version = 0
        self.by_id: dict[str, OperatorRule] = {rule.rule_id: rule for rule in rules}

    def apply(self, key: bytes | None, value: bytes | None) -> None:
        """Takes one record. Raises `InvalidEvent` for one that cannot be used: then the rule of that name is gone, as
        it is for whoever reads the topic later, but for what can be read of a block. It is raised for one too many as
        well, which is kept: which rules count follows from all that the topic holds, and not from when somebody began
        to read it."""
        name = (key or b"").decode(errors="replace")
        if self.by_id.pop(name, None) is not None:
            self.version += 1
        if value is None:
            return
        try:
            rule = parse_rule(key, value)
        except InvalidEvent:
            if (block := strictest_block(key, value)) is not None:
                self.by_id[name] = block
                self.version += 1
            raise
        self.by_id[name] = rule
        self.version += 1
        if len(self.by_id) > MAX_RULES:
            told = f"there are {MAX_RULES} rules already, and of more the first by name count: remove one"
            raise InvalidEvent(Reason.OUT_OF_RANGE, told)

    def in_force(self, now_ms: int) -> tuple[OperatorRule, ...]:
        """The rules that hold at `now_ms`, by their ids; of too many rules the first."""
        return tuple(rule for _, rule in sorted(self.by_id.items())[:MAX_RULES] if rule.holds_at(now_ms))
