"""How people write an experiment on the command line."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from ops.exit_codes import CommandFailed, ExitCode
from streams.contract.experiments import RULE_FIELDS, Guardrail, Targeting, Variant
from streams.contract.reasons import InvalidEvent

T = TypeVar("T")
_GENERATOR, _WEIGHT = "generator.", "weight."


class NotAnExperiment(CommandFailed):
    """What was given describes no experiment."""

    code = ExitCode.USAGE


def parse_variant(text: str) -> Variant:
    """NAME=SHARE[,SETTING=VALUE...]: settings of re-ranking, generator.NAME=off, weight.FEATURE=FACTOR, model_version.

    Raises `NotAnExperiment`.

    >>> parse_variant("quiet=50,explore_items=0,generator.explore=off,weight.popularity=0.5").ranking.weights
    {'popularity': 0.5}
    """
    first, *rest = text.split(",")
    name, equals, share = first.partition("=")
    if not equals:
        raise NotAnExperiment(f"--variant {text!r}: NAME=SHARE[,SETTING=VALUE...] is expected, the share in percent")
    ranking: dict[str, Any] = {"generators_off": [], "weights": {}}
    fields: dict[str, Any] = {"name": name, "share_pct": _number(share, text), "ranking": ranking}
    for part in rest:
        setting, equals, value = part.partition("=")
        if setting == "model_version" and value:
            fields["model_version"] = value
        elif setting.startswith(_GENERATOR) and value == "off":
            ranking["generators_off"].append(setting.removeprefix(_GENERATOR))
        elif setting.startswith(_WEIGHT):
            ranking["weights"][setting.removeprefix(_WEIGHT)] = _number(value, text)
        elif setting in RULE_FIELDS:
            ranking[setting] = _number(value, text)
        else:
            known = f"{', '.join(RULE_FIELDS)}, {_GENERATOR}NAME=off, {_WEIGHT}FEATURE=FACTOR, model_version=VERSION"
            raise NotAnExperiment(f"--variant {text!r}: {part!r} is none of {known}")
    return _converted(fields, Variant, f"--variant {text!r}")


def parse_guardrail(text: str) -> Guardrail:
    """METRIC=MARGIN, the margin in percent. Raises `NotAnExperiment`."""
    metric, _, margin = text.partition("=")
    return _converted({"metric": metric, "margin_pct": _number(margin, text)}, Guardrail, f"--guardrail {text!r}")


def targeting_of(countries: Sequence[str], devices: Sequence[str], users: str) -> Targeting:
    """Whom the options name. Raises `NotAnExperiment`."""
    said = {"countries": [one.upper() for one in countries], "devices": [one.lower() for one in devices]}
    return _converted({**said, "users": users}, Targeting, "targeting")


def parse_buckets(text: str) -> tuple[int, int]:
    """FIRST-END, the end not included. Raises `NotAnExperiment`.

    >>> parse_buckets("0-5000")
    (0, 5000)
    """
    first, _, end = text.partition("-")
    if not (first.isascii() and first.isdecimal() and end.isascii() and end.isdecimal()):
        raise NotAnExperiment(f"--buckets {text!r}: FIRST-END is expected, 0-10000 for the whole layer")
    return int(first), int(end)


def _number(text: str, where: str) -> float | int:
    try:
        return int(text) if text.removeprefix("-").isdecimal() else float(text)
    except ValueError:
        raise NotAnExperiment(f"{where!r}: {text!r} is no number") from None


def _converted(fields: dict[str, Any], kind: type[T], where: str) -> T:
    try:
        return msgspec.convert(fields, kind)
    except (msgspec.ValidationError, InvalidEvent) as error:
        raise NotAnExperiment(f"{where}: {error}") from None
