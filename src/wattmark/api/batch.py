"""Many orders in one body: JSON or records of 128 bytes in, JSON or verdicts of 32 bytes out; whole columns at a time.

The form of the binary body is ``docs/reference/batch-body.md``. A body is refused whole, before anything is queued,
and the error names the first record at fault; what the rules of the market refuse has an outcome of its own.
"""

import json
from collections.abc import Sequence
from typing import Any, Final

import numpy as np

from wattmark.api.commit import MAX_BATCH
from wattmark.api.models import PlaceOrder
from wattmark.core.errors import MalformedInput, NotAuthorised
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import FIELDS, Kind, Words, actor_of, from_bytes, kind_of, to_bytes
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.market import layout as m

ID_BYTES: Final = 16
PRODUCT, SIDE, PRICE, QUANTITY, LOT, START, TIF = range(e.W_FIELDS, e.W_FIELDS + len(FIELDS[Kind.PLACE_ORDER]))
"""Words of ``PLACE_ORDER``."""
SIDES: Final = {"buy": m.BUY, "sell": m.SELL}
ID_RULE: Final = Text(en="32 lower-case hexadecimal digits, not all zero", ja="小文字の16進数32桁(すべて0は不可)")
SELL_NEEDS: Final = Text(
    en="a sell order names a lot and its first serial; a buy order neither",
    ja="売りはロットと先頭の番号を指定し、買いは指定しない",
)
ORDER_KINDS: Final = Text(en="PLACE_ORDER or CANCEL", ja="PLACE_ORDERまたはCANCEL")
OWN_ACTOR: Final = Text(en="the account of your key", ja="自分のキーの口座")
BATCH: Final = Text(en=f"1 to {MAX_BATCH} records of 128 bytes", ja=f"128バイトの記録1〜{MAX_BATCH}件")


def order_rows(orders: Sequence[PlaceOrder], account: int, where: str = "") -> Words:
    """Return the commands ``int64 [n, 16]`` of orders.

    Args:
        orders: at least one.
        account: who asks.
        where: in what an error finds an order, such as ``orders.{}.``, filled with its index.

    Raises:
        MalformedInput: an id of zeros, a sell order without a lot, or a buy order with one.
    """
    rows = np.zeros((len(orders), e.COMMAND_WORDS), np.int64)
    ids = np.frombuffer(bytes.fromhex("".join([order.id for order in orders])), ">i8").reshape(-1, 2)
    rows[:, e.W_ID_HIGH], rows[:, e.W_ID_LOW] = ids[:, 0], ids[:, 1]
    rows[:, e.W_HEAD] = e.PLACE_ORDER | account << e.ACTOR_SHIFT
    rows[:, PRODUCT] = [order.product for order in orders]
    rows[:, SIDE] = [SIDES[order.side] for order in orders]
    rows[:, PRICE] = [order.price_sen_per_kwh for order in orders]
    rows[:, QUANTITY] = [order.quantity_wh for order in orders]
    rows[:, LOT] = [order.lot or 0 for order in orders]
    rows[:, START] = [order.start or 0 for order in orders]
    rows[:, TIF] = [m.TIF_IMMEDIATE if order.immediate else m.TIF_REST for order in orders]
    no_id = (ids == 0).all(axis=1)
    lots = np.array([(order.lot is not None) + (order.start is not None) for order in orders])
    wrong = np.flatnonzero(no_id | (lots != 2 * (rows[:, SIDE] == m.SELL)))
    if len(wrong):
        index = int(wrong[0])
        order, place = orders[index], where.format(index)
        if no_id[index]:
            raise MalformedInput("ID_INVALID", f"{place}id", order.id, ID_RULE)
        raise MalformedInput("ORDER_LOT", f"{place}lot", "" if order.lot is None else order.lot, SELL_NEEDS)
    return rows


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
    no_order = (kinds != e.PLACE_ORDER) & (kinds != e.CANCEL)
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
    return {**answer, "error": refusal(row, outcome).to_dict()}


def _compact(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
