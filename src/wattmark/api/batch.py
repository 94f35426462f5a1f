"""Many orders in one body: JSON or records of 128 bytes in, JSON or verdicts of 32 bytes out; whole columns at a time.

The form of the binary body is ``docs/reference/batch-body.md``. A body is refused whole, before anything is queued,
and the error names the first record at fault; what the rules of the market refuse has an outcome of its own.
"""

import json
from collections.abc import Sequence
from typing import Any, Final, NoReturn

import numpy as np

from wattmark.api.commit import MAX_BATCH
from wattmark.api.errors import IN_WORDS, refusal_fields
from wattmark.api.models import PlaceOrder
from wattmark.core.errors import MalformedInput, NotAuthorised
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import Words, actor_of, from_bytes, kind_of, to_bytes
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.market import layout as m

ID_BYTES: Final = 16
PRODUCT, SIDE, PRICE, QUANTITY, LOT, START, TIF, EXPIRES, MIN, DISPLAY, SELF_TRADE, SESSION, AREA = range(
    e.W_FIELDS, e.COMMAND_WORDS
)
"""Words of ``PLACE_ORDER``."""
SIDES, TIMES_IN_FORCE, SELF_TRADES = (
    {word: number for number, word in IN_WORDS[name][1].items()} for name in ("side", "tif", "self_trade")
)
"""Values of bodies -> those of records."""
OTHERS: Final = (
    ("expires_ms", EXPIRES),
    ("min_quantity_wh", MIN),
    ("display_wh", DISPLAY),
    ("session", SESSION),
    ("area", AREA),
)
"""Fields that are 0 where they are not given, and their words."""
ID_RULE: Final = Text(en="32 lower-case hexadecimal digits, not all zero", ja="小文字の16進数32桁(すべて0は不可)")
SELL_NEEDS: Final = Text(
    en="a sell order names a lot and its first serial; a buy order neither",
    ja="売りはロットと先頭の番号を指定し、買いは指定しない",
)
PRICE_NEEDED: Final = Text(
    en="a limit order names its price; a market order has none",
    ja="指値注文は価格を指定し、成行注文は指定しない",
)
NOT_POSTED: Final = Text(
    en="a market order is ioc or fok, or rests in a call auction; it is never post_only",
    ja="成行注文はiocかfok(板寄せではrestも可)。post_onlyは不可",
)
ORDER_KINDS: Final = Text(
    en="PLACE_ORDER, CANCEL, AMEND or CANCEL_ALL", ja="PLACE_ORDER、CANCEL、AMEND、CANCEL_ALLのいずれか"
)
OWN_ACTOR: Final = Text(en="the account of your key", ja="自分のキーの口座")
BATCH: Final = Text(en=f"1 to {MAX_BATCH} records of 128 bytes", ja=f"128バイトの記録1〜{MAX_BATCH}件")


def order_rows(orders: Sequence[PlaceOrder], account: int, where: str = "") -> Words:
    """Return the commands ``int64 [n, 16]`` of orders.

    Args:
        orders: at least one.
        account: who asks.
        where: in what an error finds an order, such as ``orders.{}.``, filled with its index.

    Raises:
        MalformedInput: an id of zeros, a limit order without a price or a market order with one or to be posted, a
            sell order without a lot, or a buy order with one.
    """
    rows = np.zeros((len(orders), e.COMMAND_WORDS), np.int64)
    ids = np.frombuffer(bytes.fromhex("".join([order.id for order in orders])), ">i8").reshape(-1, 2)
    rows[:, e.W_ID_HIGH], rows[:, e.W_ID_LOW] = ids[:, 0], ids[:, 1]
    rows[:, e.W_HEAD] = e.PLACE_ORDER | account << e.ACTOR_SHIFT
    given = frozenset[str]().union(*[order.model_fields_set for order in orders])
    rows[:, PRODUCT] = [order.product for order in orders]
    rows[:, SIDE] = [SIDES[order.side] for order in orders]
    rows[:, PRICE] = [order.price_sen_per_kwh or 0 for order in orders]
    rows[:, QUANTITY] = [order.quantity_wh for order in orders]
    if not given.isdisjoint({"lot", "start"}):
        rows[:, LOT] = [order.lot or 0 for order in orders]
        rows[:, START] = [order.start or 0 for order in orders]
    if not given.isdisjoint({"time_in_force", "type"}):
        rows[:, TIF] = [TIMES_IN_FORCE[_time_in_force(order)] for order in orders]
    if "self_trade" in given:
        rows[:, SELF_TRADE] = [SELF_TRADES[order.self_trade] for order in orders]
    for name, word in OTHERS:
        if name in given:
            rows[:, word] = [getattr(order, name) or 0 for order in orders]
    no_id = (ids == 0).all(axis=1)
    lots = np.array([(order.lot is not None) + (order.start is not None) for order in orders])
    is_market = np.array([order.type == "market" for order in orders])
    wrong = np.flatnonzero(no_id | (lots != 2 * (rows[:, SIDE] == m.SELL)) | (is_market == (rows[:, PRICE] != 0)))
    posted = np.flatnonzero(is_market & (rows[:, TIF] == TIMES_IN_FORCE["post_only"]))
    if len(wrong) or len(posted):
        index = int(min(np.concatenate([wrong, posted])))
        _refuse(orders[index], where.format(index))
    return rows


def _time_in_force(order: PlaceOrder) -> str:
    """Return how long an order stands; one that does not say rests, or is filled at once if it has no price."""
    return order.time_in_force or ("ioc" if order.type == "market" else "rest")


def _refuse(order: PlaceOrder, place: str) -> NoReturn:
    """Refuse an order whose fields do not fit together.

    Raises:
        MalformedInput: always; names the first field at fault.
    """
    if not int(order.id, 16):
        raise MalformedInput("ID_INVALID", f"{place}id", order.id, ID_RULE)
    price = order.price_sen_per_kwh
    if (order.type == "market") == (price is not None):
        raise MalformedInput("ORDER_PRICE", f"{place}price_sen_per_kwh", "" if price is None else price, PRICE_NEEDED)
    if order.type == "market" and order.time_in_force == "post_only":
        raise MalformedInput("ORDER_TIME", f"{place}time_in_force", order.time_in_force, NOT_POSTED)
    raise MalformedInput("ORDER_LOT", f"{place}lot", "" if order.lot is None else order.lot, SELL_NEEDS)


def records(body: bytes, account: int) -> Words:
    """Return the commands ``int64 [n, 16]`` of a binary body.

    Raises:
        MalformedInput: no whole records, none or too many, or a kind that does not belong here.
        NotAuthorised: an actor who is not the caller.
    """
    rows = from_bytes(body)
    if not 1 <= len(rows) <= MAX_BATCH:
        raise MalformedInput("BATCH_LENGTH", "body", len(rows), BATCH)
    kinds = rows[:, e.W_HEAD] & e.HALF_MASK
    no_order = (kinds != e.PLACE_ORDER) & (kinds != e.CANCEL) & (kinds != e.AMEND) & (kinds != e.CANCEL_ALL)
    wrong = np.flatnonzero(no_order | (rows[:, e.W_HEAD] >> e.ACTOR_SHIFT != account))
    if len(wrong):
        index = int(wrong[0])
        row = rows[index]
        if no_order[index]:
            raise MalformedInput("KIND_NOT_ALLOWED", f"{index}.kind", kind_of(row), ORDER_KINDS)
        raise NotAuthorised("NOT_AUTHORISED", f"{index}.actor", actor_of(row), OWN_ACTOR)
    return rows


def verdicts_as_bytes(verdicts: Words) -> bytes:
    """Return the binary answer: 32 bytes per command: timestamp [ms], outcome, two results."""
    return to_bytes(verdicts)


def verdicts_as_json(commands: Words, verdicts: Words) -> bytes:
    """Return the JSON answer: how many were accepted and refused, and the outcome of each."""
    ids = commands[:, [e.W_ID_HIGH, e.W_ID_LOW]].astype(">i8").tobytes().hex()
    places = range(0, len(ids), 2 * ID_BYTES)
    outcomes = [
        f'{{"id":"{ids[at : at + 2 * ID_BYTES]}","outcome":"OK","timestamp_ms":{timestamp_ms},'
        f'"result0":{result0},"result1":{result1}}}'
        for at, (timestamp_ms, _, result0, result1) in zip(places, verdicts.tolist(), strict=True)
    ]
    refused = np.flatnonzero(verdicts[:, e.V_OUTCOME] != Outcome.OK).tolist()
    for index in refused:
        identity = ids[places[index] : places[index] + 2 * ID_BYTES]
        outcomes[index] = _compact({"id": identity, **outcome_fields(commands[index], verdicts[index].tolist())})
    head = f'{{"accepted":{len(outcomes) - len(refused)},"refused":{len(refused)},"outcomes":['
    return (head + ",".join(outcomes) + "]}").encode()


def outcome_fields(row: Words, verdict: list[int]) -> dict[str, Any]:
    """Return what became of one command: outcome, timestamp [ms], and two results or the error."""
    timestamp_ms, outcome, result0, result1 = verdict
    answer: dict[str, Any] = {"outcome": Outcome(outcome).name, "timestamp_ms": timestamp_ms}
    if outcome == Outcome.OK:
        return {**answer, "result0": result0, "result1": result1}
    return {**answer, "error": refusal_fields(refusal(row, outcome))}


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
