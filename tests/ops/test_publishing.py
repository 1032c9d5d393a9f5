"""How `--speed` and `--rate` are read."""

import pytest
import typer

from ops.publishing import parse_speed


def test_numbers_and_max() -> None:
    assert [parse_speed(text) for text in ("60", "0.5", "200/s", "max")] == [60.0, 0.5, 200.0, None]


@pytest.mark.parametrize("text", ["fast", "", "0", "-1", "nan", "inf", "200/m", "MAX"])
def test_anything_else_is_a_usage_error(text: str) -> None:
    with pytest.raises(typer.BadParameter, match="neither a number above 0 nor 'max'"):
        parse_speed(text)
