"""The one JSON form of errors: status by leaf, pydantic's faults as field, value and rule in both languages."""

import pytest
from fastapi.exceptions import RequestValidationError
from pydantic import TypeAdapter, ValidationError

from wattmark.api.errors import refusal_fields, status_of, validation_error
from wattmark.api.models import OpenAccount, PlaceOrder, Range
from wattmark.core.errors import MalformedInput, NotAuthorised, Refused, RuleViolated, UnknownReference
from wattmark.core.text import Text
from wattmark.engine.commands import FIELDS, Kind, command
from wattmark.engine.outcomes import Outcome, refusal

RULE = Text(en="rule", ja="規則")


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (MalformedInput("NOT_JSON", "body", "", RULE), 400),
        (MalformedInput("RECORD_LENGTH", "body", 3, RULE), 400),
        (MalformedInput("FIELD_INVALID", "price", 0, RULE), 422),
        (NotAuthorised("KEY_REQUIRED", "authorization", "", RULE), 401),
        (NotAuthorised("NOT_OWNER", "actor", 3, RULE), 403),
        (UnknownReference("UNKNOWN_LOT", "lot", 3, RULE), 404),
        (RuleViolated("INSUFFICIENT_CASH", "price", 3, RULE), 409),
    ],
)
def test_status(error: Refused, status: int) -> None:
    assert status_of(error) == status


GOOD = {"id": "0" * 31 + "1", "product": 1, "side": "buy", "price_sen_per_kwh": 1200, "quantity_wh": 5}


@pytest.mark.parametrize(
    ("change", "field", "words"),
    [
        ({"price_sen_per_kwh": 0}, "price_sen_per_kwh", "at least 1"),
        ({"price_sen_per_kwh": 99_901}, "price_sen_per_kwh", "at most 99900"),
        ({"quantity_wh": 1.5}, "quantity_wh", "a whole number"),
        ({"quantity_wh": "5"}, "quantity_wh", "a whole number"),
        ({"quantity_wh": True}, "quantity_wh", "a whole number"),
        ({"side": "give"}, "side", "one of 'buy' or 'sell'"),
        ({"id": "xyz"}, "id", "text of the form"),
        ({"spare": 1}, "spare", "only the documented fields"),
        ({"product": None}, "product", "a whole number"),
    ],
)
def test_a_malformed_field_is_named_with_its_value_and_rule(change: dict, field: str, words: str) -> None:
    with pytest.raises(ValidationError) as raised:
        PlaceOrder.model_validate(GOOD | change)
    error = validation_error(RequestValidationError(raised.value.errors()))
    assert error.field == field
    assert words in error.rule.en
    assert error.rule.ja != error.rule.en
    assert error.value == change[field] or str(change[field]) in str(error.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(ValidationError) as raised:
        Range.model_validate({"id": GOOD["id"], "start": 0})
    error = validation_error(RequestValidationError(raised.value.errors()))
    assert (error.code, error.field, error.rule.en) == ("FIELD_MISSING", "end", "required")


def test_a_long_value_is_cut() -> None:
    with pytest.raises(ValidationError) as raised:
        OpenAccount.model_validate({"id": GOOD["id"], "roles": 4, "name": "x" * 5_000})
    error = validation_error(RequestValidationError(raised.value.errors()))
    assert len(str(error.value)) < 210


def test_every_form_of_pydantic_that_a_body_can_break_is_in_both_languages() -> None:
    """A body with every kind of fault never falls back to a rule without its numbers."""
    adapter = TypeAdapter(list[PlaceOrder])
    with pytest.raises(ValidationError) as raised:
        adapter.validate_python([GOOD | {"price_sen_per_kwh": -1}, {}, 5, GOOD | {"quantity_wh": 1 << 60}])
    for fault in raised.value.errors():
        rule = validation_error(RequestValidationError([fault])).rule
        assert "{" not in rule.en + rule.ja


def test_a_refusal_of_the_market_has_the_words_of_bodies() -> None:
    words = {"product": 0, "side": 2, "price_sen_per_kwh": 5, "quantity_wh": 5, "tif": 3, "self_trade": 1}
    row = command(Kind.PLACE_ORDER, id=1, actor=3, **dict.fromkeys(FIELDS[Kind.PLACE_ORDER], 0) | words)
    for outcome, field, value in (
        (Outcome.TIF_INVALID, "time_in_force", "post_only"),
        (Outcome.SELF_TRADE_INVALID, "self_trade", "cancel_oldest"),
        (Outcome.SIDE_INVALID, "side", "sell"),
        (Outcome.QUANTITY_TOO_LARGE, "quantity_wh", 5),
    ):
        told = refusal_fields(refusal(row, outcome))
        assert (told["code"], told["field"], told["value"]) == (outcome.name, field, value)
    target = {"target_id_low": 7, "target_id_high": 0}
    told = refusal_fields(refusal(command(Kind.CANCEL, id=1, actor=3, **target), Outcome.UNKNOWN_ORDER))
    assert (told["field"], told["value"]) == ("order", f"{7:032x}")
    assert refusal_fields(MalformedInput("X", "tif", 9, Text(en="x", ja="x")))["value"] == 9
    assert isinstance(refusal_fields(MalformedInput("X", "x", 1 << 200, Text(en="x", ja="x")))["value"], str)
