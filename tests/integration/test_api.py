"""The API over a real server: the whole way of a watt-hour, idempotency, and refusals that change nothing."""

import base64
import concurrent.futures
import hashlib
import json
import re
from collections.abc import Callable, Iterator

import cbor2
import httpx
import numpy as np
import pytest

from reference.served_home import SECRETS, ServedHome, new_id, served_home
from wattmark.certificates.verify import verify
from wattmark.core.ids import derive_id, id_words
from wattmark.core.periods import DAY_S
from wattmark.engine.commands import Kind, command, to_bytes
from wattmark.flows.statements import read_statement
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.merkle import leaf_hash
from wattmark.ledger.proof import LogProof, verify_log_proof
from wattmark.testing.small_home import DAY, NIGHT_MS, PSEUDONYMS, START_S
from wattmark.tokens import layout as k

API = "/api/v1"


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServedHome]:
    with served_home(tmp_path_factory.mktemp("api")) as running:
        yield running


def ok(response: httpx.Response, status: int = 200) -> dict:
    assert response.status_code == status, response.text
    return response.json()


def error(response: httpx.Response, status: int) -> dict:
    assert response.status_code == status, response.text
    found = response.json()["error"]
    assert set(found) == {"code", "field", "value", "rule"}
    assert set(found["rule"]) == {"en", "ja"}
    assert all(found["rule"].values())
    return found


def list_product(home: ServedHome, name: str, start_s: int = START_S + 4 * DAY_S) -> int:
    body = {
        "id": new_id("product", name),
        "area": 3,
        "source": 1,
        "period_start_s": start_s,
        "duration_s": 1_800,
        "gate_open_ms": 0,
        "gate_close_ms": NIGHT_MS + 10 * DAY_S * 1_000,
    }
    return ok(home.client("operator").post(f"{API}/products", json=body), 201)["product"]


def held_lot(home: ServedHome, account: int, at_least: int = 2) -> tuple[int, int, int]:
    """Return (lot, start, end) of a lot an account holds."""
    lots = home.platform.state.lots
    fits = (lots[:, k.L_OWNER] == account) & (lots[:, k.L_STATE] == k.HELD) & (lots[:, k.L_KIND] == k.GENERATION)
    fits &= lots[:, k.L_END] - lots[:, k.L_START] >= at_least
    row = int(np.flatnonzero(fits)[0])
    return row, int(lots[row, k.L_START]), int(lots[row, k.L_END])


def test_an_account_is_opened_gets_a_key_money_and_trades(home: ServedHome) -> None:
    operator = home.client("operator")
    opened = ok(operator.post(f"{API}/accounts", json={"id": new_id("open"), "roles": 4, "name": "新しい家"}), 201)
    account = opened["account"]
    key = hashlib.sha256(b"a new secret").hexdigest()
    body = {"id": new_id("key"), "key_sha256": hashlib.sha256(key.encode()).hexdigest(), "roles": 4}
    ok(operator.post(f"{API}/accounts/{account}/keys", json=body), 201)
    amount = {"id": new_id("money"), "amount_e5jpy": 10_000_000}
    ok(operator.post(f"{API}/accounts/{account}/deposits", json=amount))
    mine = home.client_with(key)
    me = ok(mine.get(f"{API}/accounts/me"))
    assert (me["account"], me["name"]["ja"], me["cash_e5jpy"]) == (account, "新しい家", 10_000_000)
    product = list_product(home, "trading")
    order = {
        "id": new_id("order"),
        "product": product,
        "side": "buy",
        "price_sen_per_kwh": 1_000,
        "quantity_wh": 100,
    }
    placed = ok(mine.post(f"{API}/orders", json=order), 201)
    assert placed["filled_wh"] == 0
    book = ok(mine.get(f"{API}/products/{product}/book"))
    assert book["bids"] == [{"price_sen": 1_000, "quantity_wh": 100, "orders": 1}]
    assert ok(mine.get(f"{API}/accounts/me"))["held_e5jpy"] == 100_000
    assert ok(mine.get(f"{API}/orders/{order['id']}"))["remaining_wh"] == 100
    assert ok(mine.get(f"{API}/commands/{order['id']}"))["result0"] == placed["order"]
    cancelled = ok(mine.post(f"{API}/orders/{order['id']}/cancel", json={"id": new_id("cancel")}))
    assert cancelled["released_wh"] == 100
    assert ok(mine.get(f"{API}/accounts/me"))["held_e5jpy"] == 0
    ok(mine.post(f"{API}/keys/{me['key']}/revoke", json={"id": new_id("revoke")}))
    error(mine.get(f"{API}/accounts/me"), 401)


def test_the_same_id_has_the_same_outcome_and_another_body_is_refused(home: ServedHome) -> None:
    operator = home.client("operator")
    body = {"id": new_id("twice"), "roles": 4, "name": "twice"}
    first = ok(operator.post(f"{API}/accounts", json=body), 201)
    position = home.platform.sequencer.position
    assert ok(operator.post(f"{API}/accounts", json=body), 201) == first
    assert home.platform.sequencer.position == position
    before = home.state_hash()
    found = error(operator.post(f"{API}/accounts", json=body | {"name": "another"}), 409)
    assert (found["code"], found["field"], found["value"]) == ("ID_REUSED", "id", body["id"])
    assert home.state_hash() == before


def test_orders_in_batches_as_json_and_as_records(home: ServedHome) -> None:
    product = list_product(home, "batch")
    consumer = home.client("consumer")
    orders = [
        {
            "id": new_id("batch", number),
            "product": product if number % 10 else 999_999,
            "side": "buy",
            "price_sen_per_kwh": 100 + number,
            "quantity_wh": 1 + number % 7,
        }
        for number in range(200)
    ]
    answer = ok(consumer.post(f"{API}/orders/batch", json={"orders": orders}))
    assert (answer["accepted"], answer["refused"]) == (180, 20)
    assert [item["id"] for item in answer["outcomes"]] == [order["id"] for order in orders]
    refused = answer["outcomes"][0]["error"]
    assert (refused["code"], refused["field"], refused["value"]) == ("UNKNOWN_PRODUCT", "product", 999_999)
    account = home.accounts["consumer"]
    rows = [
        command(
            Kind.PLACE_ORDER,
            id=derive_id("record", number),
            actor=account,
            product=product,
            side=1,
            price_sen_per_kwh=50,
            quantity_wh=1,
            lot=0,
            start=0,
            tif=0,
        )
        for number in range(500)
    ]
    low, high = id_words(derive_id("record", 0))
    rows.append(
        command(Kind.CANCEL, id=derive_id("cancel record"), actor=account, target_id_low=low, target_id_high=high)
    )
    headers = {"Content-Type": "application/octet-stream"}
    answer = ok(consumer.post(f"{API}/orders/batch", content=to_bytes(np.stack(rows)), headers=headers))
    assert (answer["accepted"], answer["refused"]) == (501, 0)
    assert answer["outcomes"][-1]["result1"] == 1
    again = consumer.post(
        f"{API}/orders/batch",
        content=to_bytes(np.stack(rows)),
        headers=headers | {"Accept": "application/octet-stream"},
    )
    verdicts = np.frombuffer(again.content, "<i8").reshape(501, 4)
    assert verdicts[:, 2].tolist() == [item["result0"] for item in answer["outcomes"]], "a retry has the same outcome"
    foreign = rows[1].copy()
    foreign[2] = int(foreign[2]) & 0xFFFFFFFF | home.accounts["other"] << 32
    error(consumer.post(f"{API}/orders/batch", content=to_bytes(foreign.reshape(1, 16)), headers=headers), 403)
    deposit = command(Kind.DEPOSIT, id=derive_id("theft"), actor=account, account=account, amount_e5jpy=5)
    found = error(consumer.post(f"{API}/orders/batch", content=to_bytes(deposit.reshape(1, 16)), headers=headers), 422)
    assert found["code"] == "KIND_NOT_ALLOWED"
    error(consumer.post(f"{API}/orders/batch", content=b"x" * 100, headers=headers), 400)
    error(consumer.post(f"{API}/orders/batch", content=b"", headers=headers), 422)


def test_no_route_reads_a_body_in_which_a_key_stands_twice(home: ServedHome) -> None:
    """Two readers of such a body could see two commands: refused before anything is looked up."""
    operator = home.client("operator")
    described = ok(operator.get(f"{API}/openapi.json"))["paths"]
    reading_json = [
        path
        for path, methods in described.items()
        if "application/json" in methods.get("post", {}).get("requestBody", {}).get("content", {})
    ]
    assert len(reading_json) > 15
    before = home.state_hash()
    headers = {"Content-Type": "application/json"}
    for path in [*reading_json, f"{API}/orders/batch"]:
        url = re.sub(r"\{[^}]*\}", "0", path)
        for body in (b'{"id":"1","id":"1"}', b'{"orders":[{"id":"1","id":"1"}]}', b'{"id":"\xff"}', b'{"id":NaN}'):
            found = error(operator.post(url, content=body, headers=headers), 400)
            assert (found["code"], found["field"], found["value"]) == ("NOT_JSON", "body", ""), path
            assert "duplicate" in found["rule"]["en"]
            assert "重複" in found["rule"]["ja"]
        assert error(operator.post(url, content=b'{"id":', headers=headers), 400)["field"] == "6"
    assert home.state_hash() == before


def test_concurrent_orders_are_committed_together(home: ServedHome) -> None:
    product = list_product(home, "concurrent")
    frames = home.platform.sequencer.sequence

    def place(number: int) -> int:
        body = {
            "id": new_id("concurrent", number),
            "product": product,
            "side": "buy",
            "price_sen_per_kwh": 10,
            "quantity_wh": 1,
        }
        headers = {"Authorization": f"Bearer wm_{SECRETS['consumer']}"}
        return ok(httpx.post(f"{home.url}{API}/orders", json=body, headers=headers), 201)["order"]

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        orders = list(pool.map(place, range(64)))
    assert len(set(orders)) == 64
    assert home.platform.sequencer.sequence - frames < 64


def test_lots_move_and_each_range_has_one_owner(home: ServedHome) -> None:
    producer, consumer = home.client("producer"), home.client("consumer")
    lot, start, end = held_lot(home, home.accounts["producer"], 50)
    middle = (start + end) // 2
    part = {"id": new_id("split"), "start": middle, "end": end}
    cut = ok(producer.post(f"{API}/lots/{lot}/split", json=part))["lot"]
    given = {"id": new_id("give"), "start": middle, "end": middle + 5, "to_account": home.accounts["consumer"]}
    moved = ok(producer.post(f"{API}/lots/{cut}/transfer", json=given))["lot"]
    seen = ok(consumer.get(f"{API}/lots/{moved}"))
    assert (seen["start"], seen["end"], seen["owner"]) == (middle, middle + 5, home.accounts["consumer"])
    reserve = {"id": new_id("reserve"), "start": middle, "end": middle + 5, "timeout_ms": NIGHT_MS + 10**9}
    reserved = ok(consumer.post(f"{API}/lots/{moved}/reserve", json=reserve))["lot"]
    ok(consumer.post(f"{API}/lots/{reserved}/release", json={"id": new_id("release")}))
    retire = {
        "id": new_id("retire"),
        "start": middle,
        "end": middle + 5,
        "beneficiary_account": home.accounts["consumer"],
        "claim": 3,
    }
    retired = ok(consumer.post(f"{API}/lots/{reserved}/retire", json=retire))["lot"]
    again = error(consumer.post(f"{API}/lots/{retired}/retire", json=retire | {"id": new_id("retire again")}), 409)
    assert again["code"] == "LOT_NOT_HELD"
    page = ok(producer.get(f"{API}/accounts/{home.accounts['producer']}/holdings?limit=3"))
    assert len(page["lots"]) == 3
    following = ok(producer.get(f"{API}/accounts/{home.accounts['producer']}/holdings?limit=3&after={page['next']}"))
    assert following["lots"][0]["lot"] < page["lots"][-1]["lot"]
    assert page["total_wh"] >= sum(item["end"] - item["start"] for item in page["lots"])


def test_banking_again_with_the_same_id_is_one_deposit(home: ServedHome) -> None:
    producer = home.client("producer")
    lot, start, end = held_lot(home, home.accounts["producer"], 20)
    body = {"id": new_id("bank"), "start": start, "end": end, "rule": 1}
    first = ok(producer.post(f"{API}/lots/{lot}/bank", json=body))
    assert ok(producer.post(f"{API}/lots/{lot}/bank", json=body)) == first
    cover = ok(httpx.get(f"{home.url}{API}/bank"))
    assert cover["cover_wh"] >= cover["outstanding_wh"] > 0


def test_a_deposit_under_a_used_id_is_refused_and_changes_nothing(home: ServedHome) -> None:
    producer, account = home.client("producer"), home.accounts["producer"]
    lot, start, end = held_lot(home, account, 40)
    body = {"id": new_id("bank once"), "start": start, "end": start + 20, "rule": 1}
    ok(producer.post(f"{API}/lots/{lot}/bank", json=body))
    foreign = {"id": new_id("another command"), "amount_e5jpy": 5}
    ok(home.client("operator").post(f"{API}/accounts/{account}/deposits", json=foreign))
    before = home.state_hash()
    for change in ({"end": end}, {"start": start + 1}, {"rule": 2}, {"id": foreign["id"]}):
        found = error(producer.post(f"{API}/lots/{lot}/bank", json=body | change), 409)
        assert (found["code"], found["field"]) == ("ID_REUSED", "id"), change
    other, first, last = held_lot(home, account, 20)
    moved = body | {"start": first, "end": last}
    assert error(producer.post(f"{API}/lots/{other}/bank", json=moved), 409)["code"] == "ID_REUSED"
    assert home.state_hash() == before


def test_a_deposit_that_the_charge_would_eat_is_refused(home: ServedHome) -> None:
    lot, start, _ = held_lot(home, home.accounts["producer"])
    before = home.state_hash()
    body = {"id": new_id("crumb"), "start": start, "end": start + 1, "rule": 2}
    found = error(home.client("producer").post(f"{API}/lots/{lot}/bank", json=body), 422)
    assert (found["code"], found["field"]) == ("RANGE_EMPTY", "end")
    assert home.state_hash() == before


@pytest.mark.parametrize("content", [b'{"id": "\\ud800"}', b'{"\\ud800": 1}'])
def test_half_a_surrogate_pair_is_the_client_s_fault(home: ServedHome, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    error(home.client("consumer").post(f"{API}/orders", content=content, headers=headers), 422)


def test_statement_and_certificate_prove_themselves(home: ServedHome) -> None:
    consumer, account = home.client("consumer"), home.accounts["consumer"]
    assert ok(consumer.get(f"{API}/accounts/{account}/statements")) == {"days": [DAY.isoformat()]}
    statement = ok(consumer.get(f"{API}/accounts/{account}/statements/{DAY.isoformat()}"))
    assert statement == read_statement(home.platform, account, DAY)
    home.platform.publish()
    lots = home.platform.state.lots
    used = np.flatnonzero((lots[:, k.L_STATE] == k.RETIRED) & (lots[:, k.L_CLAIM] == k.CLAIM_SAME_SLOT))
    lot = next(int(row) for row in used if lots[row, k.L_REF] == account)
    response = consumer.get(f"{API}/lots/{lot}/certificate")
    assert response.status_code == 200, response.text
    proven = verify(response.content, home.platform.keys.vkey)
    assert proven.beneficiary == account
    assert error(consumer.get(f"{API}/lots/{held_lot(home, account)[0]}/certificate"), 409)["code"] == "LOT_NOT_RETIRED"


def test_a_plan_customer_gets_their_own_proof_and_no_other(home: ServedHome) -> None:
    home.platform.publish()
    path = f"{home.url}{API}/plan/0/{DAY.isoformat()}"
    response = httpx.get(path, headers={"Wattmark-Pseudonym": PSEUDONYMS[0].hex()})
    assert response.status_code == 200, response.text
    assert PSEUDONYMS[1] not in base64.b64decode(base64.b64encode(response.content))
    error(httpx.get(path, headers={"Wattmark-Pseudonym": "ab" * 16}), 404)
    error(httpx.get(path), 422)


def test_the_log_is_served_as_c2sp_files(home: ServedHome) -> None:
    home.platform.publish()
    checkpoint = httpx.get(f"{home.url}/log/checkpoint")
    assert checkpoint.headers["cache-control"] == "public, max-age=1"
    opened = open_checkpoint(checkpoint.text, home.platform.keys.vkey, "test.example/small")
    assert opened.size == home.platform.sequencer.published_size
    width = min(opened.size, 256)
    suffix = "" if width == 256 else f".p/{width}"
    tile = httpx.get(f"{home.url}/log/tile/0/000{suffix}")
    assert "immutable" in tile.headers["cache-control"]
    assert len(tile.content) == 32 * width
    entries = home.client("auditor").get(f"/log/tile/entries/000{suffix}")
    assert entries.status_code == 200
    first = entries.content[2 : 2 + int.from_bytes(entries.content[:2], "big")]
    assert leaf_hash(first) == tile.content[:32]
    proof = httpx.get(f"{home.url}{API}/records/0/proof")
    verify_log_proof(LogProof.parse(proof.text), leaf_hash(first), home.platform.keys.vkey, opened.origin)
    error(httpx.get(f"{home.url}/log/tile/0/999"), 404)
    error(httpx.get(f"{home.url}/log/tile/0/1"), 422)
    error(httpx.get(f"{home.url}{API}/records/{10**6}/proof"), 404)


def test_entry_bundles_go_to_those_entitled_only(home: ServedHome) -> None:
    home.platform.publish()
    size = home.platform.sequencer.published_size
    width = min(size, 256)
    suffix = "" if width == 256 else f".p/{width}"
    path = f"/log/tile/entries/000{suffix}"
    assert home.client("operator").get(path).status_code == 200
    assert home.client("auditor").get(path).status_code == 200
    for caller in (None, "other", "consumer", "producer"):
        assert error(home.client(caller).get(path), 403)["code"] == "ENTRIES_PRIVATE"
    public = home.client().get("/log/tile/entries/000.p/1")
    assert public.status_code == 200, "the first record is public: hashes of settings and key"


def test_the_stream_tells_what_changes(home: ServedHome) -> None:
    product = list_product(home, "stream")
    with httpx.stream("GET", f"{home.url}{API}/stream", timeout=20) as response:
        assert response.headers["x-accel-buffering"] == "no"
        lines = response.iter_lines()
        values = _next_values(lines, lambda found: "log.size" in found)
        assert f"product.{product}.bid" not in values or values[f"product.{product}.bid"] == "–"
        body = {
            "id": new_id("stream order"),
            "product": product,
            "side": "buy",
            "price_sen_per_kwh": 1_234,
            "quantity_wh": 3,
        }
        ok(home.client("consumer").post(f"{API}/orders", json=body), 201)
        values = _next_values(lines, lambda found: found.get(f"product.{product}.bid") == "12.34")
        assert "log.size" in values


def _next_values(lines: Iterator[str], wanted: Callable[[dict], bool]) -> dict:
    for line in lines:
        if line.startswith("data: ") and wanted(found := json.loads(line[6:])["values"]):
            return found
    raise AssertionError("the stream ended")


def next_slots(home: ServedHome, count: int) -> list[bytes]:
    """Return the first slot envelopes of the day after, without advancing the meter."""
    meter = home.small.pv
    leaves = meter.leaves(DAY.fromordinal(DAY.toordinal() + 1), [100] * count)
    return [meter.signer.sign_slot(leaf) for leaf in leaves]


def test_a_reading_is_verified_and_minted_once(home: ServedHome) -> None:
    first, second = next_slots(home, 2)
    producer, plant = home.client("producer"), home.small.plant
    issued = int(home.platform.state.devices[plant, k.D_ISSUED_WH])
    error(home.client("other").post(f"{API}/readings", params={"id": new_id("theirs")}, content=first), 404)
    answer = ok(producer.post(f"{API}/readings", params={"id": new_id("reading")}, content=first))
    assert answer["device"] == plant
    assert int(home.platform.state.devices[plant, k.D_ISSUED_WH]) == issued + 100
    position = home.platform.sequencer.position
    assert ok(producer.post(f"{API}/readings", params={"id": new_id("reading")}, content=first)) == answer
    other = error(producer.post(f"{API}/readings", params={"id": new_id("reading")}, content=second), 409)
    assert other["code"] == "ID_REUSED"
    assert home.platform.sequencer.position == position
    params = {"id": new_id("bulk"), "form": "slot"}
    body = cbor2.dumps([first, second, b"junk"], canonical=True)
    answer = ok(producer.post(f"{API}/readings/bulk", params=params, content=body))
    assert (answer["accepted"], answer["refused"]) == (1, 2)
    assert [item["code"] for item in answer["outcomes"]][1] == "OK"
    assert int(home.platform.state.devices[plant, k.D_ISSUED_WH]) == issued + 200
    made = ok(producer.get(f"{API}/devices/{plant}/production", params={"day": "2021-01-05"}))
    assert [slot["wh"] for slot in made["periods"]] == [100, 100]


REFUSALS = """
double spend
foreign lot
minting beyond the register
replayed envelope
reused id
order beyond cash
order beyond tokens
unknown product
unknown lot
malformed json
malformed field
missing field
unknown field
malformed envelope
malformed cbor
"""


@pytest.mark.parametrize("case", REFUSALS.strip().splitlines())
def test_a_refusal_names_field_value_and_rule_and_changes_nothing(home: ServedHome, case: str) -> None:
    list_product(home, "standing")
    home.client("operator").post(f"{API}/accounts", json={"id": new_id("used"), "roles": 4, "name": "used"})
    before, position = home.state_hash(), home.platform.sequencer.position
    response, status, code, field = refused(home, case)
    found = error(response, status)
    assert (found["code"], found["field"]) == (code, field), found
    assert home.state_hash() == before
    assert home.platform.sequencer.position <= position + 2, "a refused command may be on record, and a state hash"


def refused(home: ServedHome, case: str) -> tuple[httpx.Response, int, str, str]:
    producer, consumer, other = (home.client(name) for name in ("producer", "consumer", "other"))
    lot, start, end = held_lot(home, home.accounts["producer"])
    order = {"id": new_id(case), "product": 0, "side": "buy", "price_sen_per_kwh": 1_000, "quantity_wh": 10}
    give = {"id": new_id(case), "start": start, "end": end, "to_account": home.accounts["other"]}
    used = int(np.flatnonzero(home.platform.state.lots[:, k.L_STATE] == k.RETIRED)[0])
    upload = {"params": {"id": new_id(case), "form": "slot"}}
    match case:
        case "double spend":
            owner = int(home.platform.state.lots[used, k.L_OWNER])
            name = next(name for name, account in home.accounts.items() if account == owner)
            row = home.platform.state.lots[used]
            spend = give | {"start": int(row[k.L_START]), "end": int(row[k.L_END])}
            return home.client(name).post(f"{API}/lots/{used}/transfer", json=spend), 409, "LOT_NOT_HELD", "lot"
        case "foreign lot":
            return consumer.post(f"{API}/lots/{lot}/transfer", json=give), 403, "NOT_OWNER", "actor"
        case "minting beyond the register":
            meter = home.small.pv  # signs a register that runs ahead of what was delivered
            leaf = meter.leaves(DAY.fromordinal(DAY.toordinal() + 1), [100] * 9)[-1]
            response = producer.post(f"{API}/readings", content=meter.signer.sign_slot(leaf), **upload)
            return response, 409, "SEQUENCE_GAP", "seq"
        case "replayed envelope":
            response = producer.post(f"{API}/readings", content=home.small.plant_day.slots[20], **upload)
            found = response.json()["error"]
            return response, 409, found["code"], found["field"]
        case "reused id":
            known = {"id": new_id("used"), "roles": 4, "name": "thrice"}
            return home.client("operator").post(f"{API}/accounts", json=known), 409, "ID_REUSED", "id"
        case "order beyond cash":
            product = list_product(home, "standing")
            poor = order | {"product": product, "quantity_wh": 1 << 30, "price_sen_per_kwh": 99_900}
            return other.post(f"{API}/orders", json=poor), 409, "INSUFFICIENT_CASH", "price_sen_per_kwh"
        case "order beyond tokens":
            product = list_product(home, "standing")
            much = order | {"product": product, "side": "sell", "lot": lot, "start": start, "quantity_wh": end + 1}
            response = producer.post(f"{API}/orders", json=much)
            return response, 409, "RANGE_NOT_IN_LOT", "start"
        case "unknown product":
            return consumer.post(f"{API}/orders", json=order | {"product": 9_999}), 404, "UNKNOWN_PRODUCT", "product"
        case "unknown lot":
            return producer.post(f"{API}/lots/99999/transfer", json=give), 404, "UNKNOWN_LOT", "lot"
        case "malformed json":
            headers = {"Content-Type": "application/json"}
            return consumer.post(f"{API}/orders", content=b'{"id":', headers=headers), 400, "NOT_JSON", "6"
        case "malformed field":
            bad = order | {"price_sen_per_kwh": -5}
            return consumer.post(f"{API}/orders", json=bad), 422, "FIELD_INVALID", "price_sen_per_kwh"
        case "missing field":
            return consumer.post(f"{API}/orders", json={"id": order["id"]}), 422, "FIELD_MISSING", "product"
        case "unknown field":
            return consumer.post(f"{API}/orders", json=order | {"gift": 1}), 422, "FIELD_INVALID", "gift"
        case "malformed envelope":
            response = producer.post(f"{API}/readings", content=b"\x00not an envelope", **upload)
            found = response.json()["error"]
            return response, 422, found["code"], found["field"]
        case _:
            bulk = {"params": {"id": new_id(case), "form": "day"}}
            body = cbor2.dumps([b"a"], canonical=True) + b"trailing"
            return producer.post(f"{API}/readings/bulk", content=body, **bulk), 422, "NOT_DETERMINISTIC", "cbor"
