"""Whatever is sent as a body, the server refuses it in its one form or carries it out: never a fault, never half of it."""

import json
from collections.abc import Iterator

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from reference.served_home import ServedHome, new_id, served_home
from wattmark.api.models import PlaceOrder
from wattmark.engine.commands import Kind, command, stack, to_bytes
from wattmark.flows.sequence import RESERVED_HIGH_WORD

API = "/api/v1"
OCTETS = {"Content-Type": "application/octet-stream"}
EXAMPLES = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("bodies")) as running:
        yield running


def order(**changes: object) -> dict[str, object]:
    fields = {"id": new_id("body"), "product": 0, "side": "buy", "price_sen_per_kwh": 1, "quantity_wh": 1}
    return fields | changes


NAMES = st.sampled_from([*PlaceOrder.model_fields, "immediate", "x"])
ODD = (
    st.none()
    | st.booleans()
    | st.integers(-(1 << 70), 1 << 70)
    | st.floats()
    | st.text(max_size=40)
    | st.sampled_from(["\ud800", "0" * 32, "A" * 32, f"{RESERVED_HIGH_WORD:016x}" + "0" * 15 + "1", "buy", "sell"])
    | st.lists(st.none() | st.text(max_size=3), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=3)
)
WRONG_ORDERS = st.dictionaries(NAMES, ODD, min_size=1, max_size=3).map(lambda changes: order(**changes))
JSON_BODIES = (
    WRONG_ORDERS
    | st.lists(WRONG_ORDERS | st.just(order()), max_size=4).map(lambda some: {"orders": some})
    | st.dictionaries(st.sampled_from(["orders", "x"]), ODD, max_size=2)
    | ODD
).map(lambda value: json.dumps(value).encode())
RECORDS = st.lists(st.lists(st.integers(-(1 << 63), (1 << 63) - 1), min_size=16, max_size=16), max_size=3)
BODIES = (
    st.binary(max_size=300)
    | JSON_BODIES
    | st.builds(lambda body, cut: body[:cut], JSON_BODIES, st.integers(0, 200))
    | RECORDS.map(lambda rows: b"".join(word.to_bytes(8, "little", signed=True) for row in rows for word in row))
)
TYPES = st.sampled_from(["application/json", "application/octet-stream", "", "text/plain", "application/json; x=\xff"])


def send(home: ServedHome, path: str, body: bytes, kind: str, accept: str = "*/*") -> httpx.Response:
    headers = {b"content-type": kind.encode("latin-1"), b"accept": accept.encode()}
    return home.client("consumer").post(f"{API}{path}", content=body, headers=headers)


@EXAMPLES
@given(body=BODIES, kind=TYPES, path=st.sampled_from(["/orders", "/orders/batch"]), octets=st.booleans())
def test_no_body_is_a_fault_and_a_refused_one_changes_nothing(
    home: ServedHome, body: bytes, kind: str, path: str, octets: bool
) -> None:
    before = home.state_hash()
    answer = send(home, path, body, kind, "application/octet-stream" if octets else "*/*")
    assert answer.status_code in {200, 201, 400, 403, 404, 409, 422}, (answer.status_code, answer.text)
    if answer.status_code >= 400:
        found = answer.json()["error"]
        assert set(found) == {"code", "field", "value", "rule"}
        assert found["code"] != "FAULT"
        assert all((found["code"], found["field"], found["rule"]["en"], found["rule"]["ja"]))
        assert home.state_hash() == before


WRONG = {
    "no number": (order(quantity_wh="5"), "FIELD_INVALID", "quantity_wh", "5"),
    "no whole number": (order(quantity_wh=1.5), "FIELD_INVALID", "quantity_wh", "1.5"),
    "true is no number": (order(product=True), "FIELD_INVALID", "product", 1),
    "too much": (order(price_sen_per_kwh=99_901), "FIELD_INVALID", "price_sen_per_kwh", 99_901),
    "nothing": (order(quantity_wh=0), "FIELD_INVALID", "quantity_wh", 0),
    "neither side": (order(side="hold"), "FIELD_INVALID", "side", "hold"),
    "another field": (order(limit=3), "FIELD_INVALID", "limit", 3),
    "an id in capitals": (order(id="A" * 32), "FIELD_INVALID", "id", "A" * 32),
    "a sale of nothing": (order(side="sell"), "ORDER_LOT", "lot", ""),
    "no price": (order(price_sen_per_kwh=None), "ORDER_PRICE", "price_sen_per_kwh", ""),
    "a price of nothing": (order(price_sen_per_kwh=0), "FIELD_INVALID", "price_sen_per_kwh", 0),
    "a market order with a price": (order(type="market"), "ORDER_PRICE", "price_sen_per_kwh", 1),
    "a type of its own": (order(type="stop"), "FIELD_INVALID", "type", "stop"),
    "no time in force": (order(time_in_force="day"), "FIELD_INVALID", "time_in_force", "day"),
    "no end": (order(expires_ms=0), "FIELD_INVALID", "expires_ms", 0),
    "less than nothing": (order(min_quantity_wh=-1), "FIELD_INVALID", "min_quantity_wh", -1),
    "nothing shown": (order(display_wh=0), "FIELD_INVALID", "display_wh", 0),
    "no way out": (order(self_trade="allow"), "FIELD_INVALID", "self_trade", "allow"),
    "no session": (order(session=0), "FIELD_INVALID", "session", 0),
    "no area": (order(area=10), "FIELD_INVALID", "area", 10),
    "an id of zeros": (order(id="0" * 32), "ID_INVALID", "id", "0" * 32),
}


@pytest.mark.parametrize("name", WRONG)
def test_a_refusal_names_index_field_and_value(home: ServedHome, name: str) -> None:
    wrong, code, field, value = WRONG[name]
    before = home.state_hash()
    for path, body, named in (
        ("/orders", wrong, field),
        ("/orders/batch", {"orders": [order(), wrong, order()]}, f"orders.1.{field}"),
    ):
        answer = send(home, path, json.dumps(body).encode(), "application/json")
        assert answer.status_code == 422, answer.text
        found = answer.json()["error"]
        assert (found["code"], found["field"], found["value"]) == (code, named, value)
    assert home.state_hash() == before


def test_an_order_without_a_field_is_told_which(home: ServedHome) -> None:
    body = order()
    del body["side"]
    found = send(home, "/orders/batch", json.dumps({"orders": [body]}).encode(), "application/json").json()["error"]
    assert (found["code"], found["field"], found["value"]) == ("FIELD_MISSING", "orders.0.side", "")


def test_ids_of_the_log_itself_are_nobodys(home: ServedHome) -> None:
    reserved = RESERVED_HIGH_WORD << 64 | 5
    alone = send(home, "/orders", json.dumps(order(id=f"{reserved:032x}")).encode(), "application/json")
    assert (alone.status_code, alone.json()["error"]["field"]) == (422, "id")
    account, fields = home.accounts["consumer"], {"target_id_low": 1, "target_id_high": 1}
    rows = stack(command(Kind.CANCEL, id=identity, actor=account, **fields) for identity in (1 << 90, reserved))
    answer = home.client("consumer").post(f"{API}/orders/batch", content=to_bytes(rows), headers=OCTETS)
    found = answer.json()["error"]
    assert (answer.status_code, found["code"], found["field"]) == (422, "ID_RESERVED", "1.id")
    assert home.platform.sequencer.find(1 << 90) is None, "refused whole"


def test_the_limits_of_a_body(home: ServedHome) -> None:
    assert send(home, "/orders", b" " * (64 << 10), "application/json").status_code == 400
    assert send(home, "/orders", b" " * ((64 << 10) + 1), "application/json").status_code == 413
    assert send(home, "/orders/batch", b" " * (4 << 20), "application/json").status_code == 400
    assert send(home, "/orders/batch", b" " * ((4 << 20) + 1), "application/json").status_code == 413
    assert send(home, "/orders/batch", bytes(128 * 8_193), "application/octet-stream").status_code == 422


def test_the_description_tells_both_forms(home: ServedHome) -> None:
    described = home.client("consumer").get(f"{API}/openapi.json").json()["paths"]
    batch = described[f"{API}/orders/batch"]["post"]["requestBody"]["content"]
    single = described[f"{API}/orders"]["post"]["requestBody"]["content"]["application/json"]["schema"]
    assert set(batch) == {"application/json", "application/octet-stream"}
    assert batch["application/json"]["schema"]["properties"]["orders"]["items"] == single
    assert set(single["required"]) == {"id", "product", "side", "quantity_wh"}
    assert set(single["properties"]) == set(PlaceOrder.model_fields)
