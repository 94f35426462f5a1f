"""Bodies of many orders: whole columns give what one order at a time gives, and a refusal names the first at fault."""

import contextlib
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from wattmark.api.batch import order_rows, outcome_fields, records, verdicts_as_bytes, verdicts_as_json
from wattmark.api.commit import MAX_BATCH
from wattmark.api.models import MAX_SESSION, PlaceOrder
from wattmark.api.routes.orders import prefers_octets
from wattmark.core.energy import MAX_WH
from wattmark.core.errors import MalformedInput, NotAuthorised, Refused
from wattmark.core.ids import id_hex
from wattmark.core.money import MAX_PRICE_SEN
from wattmark.engine.commands import Kind, id_of, stack, to_bytes
from wattmark.engine.outcomes import Outcome

ACCOUNT = 12
MASK = (1 << 64) - 1
IDS = st.integers(1, (1 << 128) - 1)
ROWS = st.integers(0, (1 << 31) - 1)


LIMIT = st.fixed_dictionaries(
    {"price_sen_per_kwh": st.integers(1, MAX_PRICE_SEN)},
    optional={
        "type": st.just("limit"),
        "time_in_force": st.sampled_from(["rest", "ioc", "fok", "post_only", None]),
    },
)
MARKET = st.fixed_dictionaries(
    {"type": st.just("market")}, optional={"time_in_force": st.sampled_from(["rest", "ioc", "fok"])}
)
EXTRAS = st.fixed_dictionaries(
    {},
    optional={
        "expires_ms": st.integers(1, 1 << 45),
        "min_quantity_wh": st.integers(1, MAX_WH),
        "display_wh": st.integers(1, MAX_WH) | st.none(),
        "self_trade": st.sampled_from(["cancel_newest", "cancel_oldest", "cancel_both", "decrement"]),
        "session": st.integers(1, MAX_SESSION),
        "area": st.integers(1, 9),
    },
)


@st.composite
def orders(draw: st.DrawFn) -> PlaceOrder:
    sells = draw(st.booleans())
    return PlaceOrder(
        id=id_hex(draw(IDS)),
        product=draw(ROWS),
        side="sell" if sells else "buy",
        quantity_wh=draw(st.integers(1, MAX_WH)),
        **({"lot": draw(ROWS), "start": draw(st.integers(0, MAX_WH))} if sells else {}),
        **draw(LIMIT | MARKET),
        **draw(EXTRAS),
    )


def one_by_one(order: PlaceOrder) -> np.ndarray:
    """The words of a record, as ``docs/reference/batch-body.md`` has them."""
    identity = int(order.id, 16)
    times = ["rest", "ioc", "fok", "post_only"]
    words = [
        *(identity & MASK, identity >> 64, 20 | ACCOUNT << 32, order.product, 1 if order.side == "buy" else 2),
        *(order.price_sen_per_kwh or 0, order.quantity_wh, order.lot or 0, order.start or 0),
        times.index(order.time_in_force or ("rest" if order.type == "limit" else "ioc")),
        *(order.expires_ms or 0, order.min_quantity_wh or 0, order.display_wh or 0),
        ["cancel_newest", "cancel_oldest", "cancel_both", "decrement"].index(order.self_trade),
        *(order.session or 0, order.area or 0),
    ]
    return np.array([word - (word >> 63 << 64) for word in words], np.int64)


@given(st.lists(orders(), min_size=1, max_size=20))
def test_columns_are_the_orders_one_by_one(some: list[PlaceOrder]) -> None:
    rows = order_rows(some, ACCOUNT)
    assert np.array_equal(rows, stack(map(one_by_one, some)))
    assert np.array_equal(records(to_bytes(rows), ACCOUNT), rows)


def order(**changes: object) -> PlaceOrder:
    fields = {"id": "0" * 31 + "1", "product": 0, "side": "buy", "price_sen_per_kwh": 1, "quantity_wh": 1}
    return PlaceOrder.model_validate(fields | changes)


WRONG_ORDERS = {
    "an id of zeros": (order(id="0" * 32), "ID_INVALID", "id", "0" * 32),
    "a sale of nothing": (order(side="sell"), "ORDER_LOT", "lot", ""),
    "a sale without a serial": (order(side="sell", lot=4), "ORDER_LOT", "lot", 4),
    "a sale without a lot": (order(side="sell", start=4), "ORDER_LOT", "lot", ""),
    "a purchase with a lot": (order(lot=0), "ORDER_LOT", "lot", 0),
    "a purchase with a serial": (order(start=0), "ORDER_LOT", "lot", ""),
    "a purchase with both": (order(lot=3, start=0), "ORDER_LOT", "lot", 3),
    "a limit without a price": (order(price_sen_per_kwh=None), "ORDER_PRICE", "price_sen_per_kwh", ""),
    "a limit that says so": (order(type="limit", price_sen_per_kwh=None), "ORDER_PRICE", "price_sen_per_kwh", ""),
    "a market order with one": (order(type="market"), "ORDER_PRICE", "price_sen_per_kwh", 1),
    "a posted market order": (
        order(type="market", price_sen_per_kwh=None, time_in_force="post_only"),
        "ORDER_TIME",
        "time_in_force",
        "post_only",
    ),
}


@pytest.mark.parametrize("name", WRONG_ORDERS)
def test_a_wrong_order_is_named_by_its_index(name: str) -> None:
    wrong, code, field, value = WRONG_ORDERS[name]
    for some, where, named in (
        ([wrong], "", field),
        ([order(), order(), wrong, wrong], "orders.{}.", f"orders.2.{field}"),
    ):
        with pytest.raises(MalformedInput) as raised:
            order_rows(some, ACCOUNT, where)
        assert (raised.value.code, raised.value.field, raised.value.value) == (code, named, value)


def head(kind: int, actor: int = ACCOUNT, flags: int = 0) -> int:
    return kind | flags << 16 | actor << 32


def body(*heads: int) -> bytes:
    rows = np.zeros((len(heads), 16), np.int64)
    rows[:, 0], rows[:, 2] = 1 + np.arange(len(heads)), heads
    return to_bytes(rows)


GOOD = head(Kind.PLACE_ORDER)
WRONG_RECORDS = {
    "nothing": (b"", MalformedInput, "BATCH_LENGTH", "body", 0),
    "one too many": (body(*[GOOD] * (MAX_BATCH + 1)), MalformedInput, "BATCH_LENGTH", "body", MAX_BATCH + 1),
    "a byte too many": (body(GOOD) + b"x", MalformedInput, "RECORD_LENGTH", "body", 129),
    "another kind": (body(GOOD, head(Kind.DEPOSIT)), MalformedInput, "KIND_NOT_ALLOWED", "1.kind", Kind.DEPOSIT),
    "the log's own": (body(head(Kind.STATE_HASH)), MalformedInput, "KIND_NOT_ALLOWED", "0.kind", Kind.STATE_HASH),
    "no kind": (body(GOOD, GOOD, head(0)), MalformedInput, "KIND_NOT_ALLOWED", "2.kind", 0),
    "another's": (body(GOOD, head(Kind.CANCEL, 13)), NotAuthorised, "NOT_AUTHORISED", "1.actor", 13),
    "the operator's": (body(head(Kind.PLACE_ORDER, 0)), NotAuthorised, "NOT_AUTHORISED", "0.actor", 0),
    "nobody's": (body(GOOD, head(Kind.CANCEL, -1)), NotAuthorised, "NOT_AUTHORISED", "1.actor", -1),
    "the first of two": (body(head(21, 13), head(9)), NotAuthorised, "NOT_AUTHORISED", "0.actor", 13),
    "both in one": (body(GOOD, head(9, 13)), MalformedInput, "KIND_NOT_ALLOWED", "1.kind", 9),
}


@pytest.mark.parametrize("name", WRONG_RECORDS)
def test_a_wrong_record_is_named_by_its_index(name: str) -> None:
    data, error, code, field, value = WRONG_RECORDS[name]
    with pytest.raises(error) as raised:
        records(data, ACCOUNT)
    assert (raised.value.code, raised.value.field, raised.value.value) == (code, field, value)


@given(st.binary(max_size=1_024) | st.lists(st.integers(-(1 << 63), (1 << 63) - 1), max_size=4).map(lambda h: body(*h)))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Refused):
        assert to_bytes(records(data, ACCOUNT)) == data


@given(st.lists(st.tuples(orders(), st.sampled_from([0, 0, *Outcome])), min_size=1, max_size=20))
def test_an_answer_in_one_piece_is_the_answers_one_by_one(some: list[tuple[PlaceOrder, int]]) -> None:
    rows = stack(one_by_one(item) for item, _ in some)
    verdicts = np.array([[1_790_000_000_000, outcome, index, 7] for index, (_, outcome) in enumerate(some)], np.int64)
    answer = json.loads(verdicts_as_json(rows, verdicts))
    listed = zip(rows, verdicts.tolist(), strict=True)
    assert answer["outcomes"] == [{"id": id_hex(id_of(row)), **outcome_fields(row, verdict)} for row, verdict in listed]
    assert answer["accepted"] == sum(outcome == Outcome.OK for _, outcome in some)
    assert answer["accepted"] + answer["refused"] == len(some)
    assert np.array_equal(np.frombuffer(verdicts_as_bytes(verdicts), "<i8").reshape(-1, 4), verdicts)


@pytest.mark.parametrize(
    ("accept", "binary"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("application/octet-stream", True),
        ("Application/Octet-Stream; q=1", True),
        ("text/html, application/octet-stream, */*", True),
        ("application/json, application/octet-stream", False),
        ("nonsense", False),
    ],
)
def test_the_form_of_the_answer_is_the_first_that_is_offered(accept: str, binary: bool) -> None:
    assert prefers_octets(accept) is binary
