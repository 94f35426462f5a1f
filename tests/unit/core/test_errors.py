"""A refusal can always be shown, whatever was refused (found by fuzzing)."""

import json

import pytest

from wattmark.core.errors import VALUE_CHARS_SHOWN, MalformedInput
from wattmark.core.text import Text

VALUES = [1 << 100_000, -(1 << 100_000), [1 << 100_000], (1, {2: 1 << 100_000}), "x" * 10_000]


@pytest.mark.parametrize("number", range(len(VALUES)))
def test_a_value_that_python_does_not_write_out_is_named_by_its_type(number: int) -> None:
    error = MalformedInput("CODE", "field", VALUES[number], Text(en="a rule", ja="規則"))
    assert "a rule" in str(error)
    assert len(str(error)) < VALUE_CHARS_SHOWN + 100
    assert json.loads(json.dumps(error.to_dict()))["code"] == "CODE"


@pytest.mark.parametrize("value", [0, -1, True, (1 << 63) - 1, 1 << 100])
def test_numbers_stay_numbers(value: int) -> None:
    assert MalformedInput("CODE", "field", value, Text(en="", ja="")).to_dict()["value"] == value
