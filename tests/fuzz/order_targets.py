"""Bad orders, as JSON, as records and as messages of the WebSocket: each is refused by field and rule, or by a verdict.

Inputs go all the way into a state machine. One whose commands are all refused must leave every business table as it was
(the state's hash, after each input); one that is accepted is undone. Ids are made new on the way in, so that a body
which keeps the id of its seed is judged by its fields and not as a retry.
"""

import json
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import numpy as np
from fastapi.exceptions import RequestValidationError

from fuzz.material import tables_of
from fuzz.running import Target
from wattmark.api.batch import order_rows, records, verdicts_as_json
from wattmark.api.bodies import read_model
from wattmark.api.entry import commands_of
from wattmark.api.errors import refused_response, validation_error
from wattmark.api.messages import BadMessage, read_message
from wattmark.api.models import Amend, CancelAll, Command, PlaceOrder, PlaceOrders
from wattmark.core.errors import MalformedInput, Refused
from wattmark.core.ids import id_words
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.apply import apply
from wattmark.engine.commands import FIELDS, Kind, Words, command, stack, to_bytes
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.engine.state import State
from wattmark.flows.sequence import check_batch
from wattmark.market import layout as m
from wattmark.simulation.benchmarks.world import FIRST_TRADER, LOT_WH, NOW_MS, lot_of, market

ACCOUNT, LOT = FIRST_TRADER + 1, lot_of(1)
"""Who sends everything: one who has money and a lot."""
OPEN, CALL, HALTED, EVERYWHERE, CLOSED = range(5)
RESTING = 7 << 70
"""Id of the first order that rests."""
FRESH = 40
"""Bits of an id's low word that are left as sent."""
ODD_VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, 1, -1, 2**31, 2**40, 2**40 + 1, 2**53, 2**63 - 1, 2**63, 2**64, -(2**63), 10**30),
    *(0.0, 1.0, 1.5, 1e308, "", "0", "1", "buy", "sell", "limit", "market", "rest", "ioc", "fok", "post_only"),
    *("decrement", "cancel_both", "0" * 32, "f" * 32, "F" * 32, "注文", "\x00", "a" * 5_000, [], [1], {}, {"id": 1}),
)


class Exchange:
    """A market with a product of each state, and orders that rest."""

    def __init__(self) -> None:
        state, none = market(m.MODE_CONTINUOUS), dict.fromkeys(FIELDS[Kind.PLACE_ORDER], 0)
        listed = dict(zip(FIELDS[Kind.LIST_PRODUCT], state.products[0].tolist(), strict=False))
        terms = {
            "area": int(state.products[0, m.P_AREA]),
            "source": int(state.products[0, m.P_SOURCE]),
            "period_start_s": int(state.products[0, m.P_PERIOD_S]),
            "duration_s": int(state.products[0, m.P_DURATION_S]),
            "gate_open_ms": int(state.products[0, m.P_OPEN_MS]),
            "gate_close_ms": int(state.products[0, m.P_CLOSE_MS]),
            "mode": m.MODE_CONTINUOUS,
            "scope": 0,
        }
        assert set(terms) == set(listed)
        self._ids = iter(range(RESTING, RESTING << 1))
        rows = [
            self._row(Kind.LIST_PRODUCT, 0, **terms | {"mode": m.MODE_CALL}),
            self._row(Kind.LIST_PRODUCT, 0, **terms),
            self._row(Kind.LIST_PRODUCT, 0, **terms | {"area": m.EVERY_AREA}),
            self._row(Kind.LIST_PRODUCT, 0, **terms),
            self._row(Kind.SET_TRADING, 0, product=HALTED, trading_state=m.PRODUCT_HALTED, reason=0),
            self._row(Kind.CLOSE_PRODUCT, 0, product=CLOSED),
            self._row(Kind.SET_LIMITS, 0, product=OPEN, low_sen_per_kwh=10, high_sen_per_kwh=90_000, position_wh=2**30),
        ]
        self.mine = RESTING + len(rows)
        for account, side, price in ((ACCOUNT, m.BUY, 900), (FIRST_TRADER, m.BUY, 950), (ACCOUNT + 2, m.SELL, 1_100)):
            lot = lot_of(account - FIRST_TRADER) if side == m.SELL else 0
            fields = {"product": OPEN, "side": side, "price_sen_per_kwh": price, "quantity_wh": 500, "lot": lot}
            rows.append(self._row(Kind.PLACE_ORDER, account, **none | fields))
        done = apply(state, stack(rows), NOW_MS).verdicts
        assert not done[:, e.V_OUTCOME].any(), done
        self._tables, self._header = tables_of(state)
        self.fresh = 0
        self.restore()
        self.hash = self.state.state_hash()

    def _row(self, kind: Kind, actor: int, **fields: int) -> Words:
        return command(kind, id=next(self._ids), actor=actor, **fields)

    def restore(self) -> None:
        self.state = State.from_tables(self._tables, self._header)

    def carry_out(self, commands: Words) -> list[list[int]]:
        """Return the verdicts of commands of which one at least is accepted; the state is as before in any case.

        Raises:
            Refused: all are refused; the first one's reason.
        """
        check_batch(commands, ())
        commands = commands.copy()
        self.fresh += 1
        commands[:, e.W_ID_LOW] = np.where(
            commands[:, e.W_ID_LOW] == 0, 0, commands[:, e.W_ID_LOW] & (1 << FRESH) - 1 | self.fresh << FRESH
        )
        verdicts = apply(self.state, commands, NOW_MS).verdicts
        json.loads(verdicts_as_json(commands, verdicts))
        outcomes = verdicts[:, e.V_OUTCOME]
        if (outcomes != Outcome.OK).all():
            assert self.state.state_hash() == self.hash, "what was refused has changed something"
            raise refusal(commands[0], int(outcomes[0]))
        self.restore()
        return verdicts[:, e.V_OUTCOME :].tolist()


def _named(error: Refused) -> Refused:
    """Check that a refusal names field and rule, in the form it leaves the API."""
    told = json.loads(bytes(refused_response(error).body))["error"]
    assert set(told) == {"code", "field", "value", "rule"}
    assert all((told["code"], told["field"], told["rule"]["en"], told["rule"]["ja"])), told
    return error


def _refusing(read: Callable[[bytes], object]) -> Callable[[bytes], object]:
    def checked(data: bytes) -> object:
        try:
            return read(data)
        except RequestValidationError as error:
            raise _named(validation_error(error)) from error
        except BadMessage as error:
            told = error.answer["error"]
            assert all((told["code"], told["field"], told["rule"]["en"], told["rule"]["ja"])), told
            raise MalformedInput(told["code"], told["field"], told["value"], Text(**told["rule"])) from error
        except Refused as error:
            raise _named(error) from error

    return checked


def order(**changes: Any) -> dict[str, Any]:
    """The body of an order; a field of ``...`` is left out."""
    fields: dict[str, Any] = {
        "id": f"{9 << 60:032x}",
        "product": OPEN,
        "side": "buy",
        "price_sen_per_kwh": 1_000,
        "quantity_wh": 100,
    }
    return {name: value for name, value in (fields | changes).items() if value is not ...}


SALE = {"side": "sell", "lot": LOT, "start": 0}
GOOD: list[dict[str, Any]] = [
    order(),
    order(**SALE),
    order(type="market", price_sen_per_kwh=..., time_in_force="fok"),
    order(type="market", price_sen_per_kwh=...),
    order(price_sen_per_kwh=1_200, time_in_force="ioc", min_quantity_wh=50),
    order(time_in_force="post_only", display_wh=10),
    order(**SALE, expires_ms=NOW_MS + 5_000, session=77, self_trade="decrement"),
    order(price_sen_per_kwh=1_200, self_trade="cancel_both"),
    order(product=CALL),
    order(product=CALL, type="market", price_sen_per_kwh=..., time_in_force="rest"),
    order(product=HALTED),
    order(product=EVERYWHERE, area=3),
]
BAD: list[dict[str, Any]] = [
    order(price_sen_per_kwh=...),
    order(type="market"),
    order(side="sell"),
    order(**SALE | {"lot": LOT + 1}),
    order(**SALE | {"start": LOT_WH}),
    order(product=CLOSED),
    order(product=99),
    order(price_sen_per_kwh=5),
    order(quantity_wh=1 << 39, price_sen_per_kwh=99_000),
    order(min_quantity_wh=200),
    order(min_quantity_wh=100, price_sen_per_kwh=901),
    order(time_in_force="fok", price_sen_per_kwh=901),
    order(time_in_force="post_only", price_sen_per_kwh=1_100),
    order(display_wh=1),
    order(expires_ms=1),
    order(area=3),
    order(product=CALL, time_in_force="ioc"),
    order(product=EVERYWHERE),
    order(**SALE, area=4),
]


def _odd_orders() -> list[dict[str, Any]]:
    names = [*PlaceOrder.model_fields, "x"]
    return [order(**{name: value}) for name in names for value in ODD_VALUES]


def _bytes(values: list[Any]) -> list[bytes]:
    return [json.dumps(value, ensure_ascii=False).encode("utf-8", "surrogatepass") for value in values]


def _messages(exchange: Exchange) -> list[dict[str, Any]]:
    mine, theirs = f"{exchange.mine:032x}", f"{exchange.mine + 1:032x}"
    some = {"id": f"{5 << 62:032x}"}
    return [
        *({"op": "place", **body} for body in (*GOOD, *BAD) * 4),
        *({"op": "amend", **some, "order": target, "price_sen_per_kwh": 905, "quantity_wh": 400} for target in (mine, theirs)),
        *({"op": "amend", **some, "order": mine, "price_sen_per_kwh": price, "quantity_wh": 9} for price in (5, 99_900)),
        *({"op": "cancel", **some, "order": target} for target in (mine, theirs, "0" * 32, "1" * 32)),
        {"op": "cancel_all", **some},
        {"op": "cancel_all", **some, "product": CALL, "session": 77},
        {"op": "cancel_all", **some, "product": 10**6},
        *({"op": op, "tag": "t" * 64} for op in ("heartbeat", "login", "subscribe")),
        *({"op": "place", **body} for body in _odd_orders()[::7]),
        *({"op": "amend", **some, "order": mine, "quantity_wh": 9, "price_sen_per_kwh": value} for value in ODD_VALUES),
        *({"op": value, **some} for value in ODD_VALUES),
    ]  # fmt: skip


def _records(exchange: Exchange) -> list[bytes]:
    orders = order_rows([PlaceOrder.model_validate(body) for body in GOOD], ACCOUNT)
    refused = order_rows([PlaceOrder.model_validate(body) for body in (*BAD[4:9], BAD[9], *BAD[12:])], ACCOUNT)
    low, high = id_words(exchange.mine)
    target = {"target_id_low": low, "target_id_high": high}
    others = stack(
        [
            command(Kind.CANCEL, id=3 << 60, actor=ACCOUNT, **target),
            command(Kind.CANCEL, id=4 << 60, actor=ACCOUNT, target_id_low=low + 1, target_id_high=high),
            command(Kind.AMEND, id=5 << 60, actor=ACCOUNT, **target, price_sen_per_kwh=905, quantity_wh=600),
            command(Kind.CANCEL_ALL, id=6 << 60, actor=ACCOUNT, account=ACCOUNT, product=-1, session=0),
            command(Kind.CANCEL_ALL, id=7 << 60, actor=ACCOUNT, account=FIRST_TRADER, product=-1, session=0),
        ]
    )
    single = [to_bytes(row.reshape(1, -1)) for row in (*orders, *refused, *others)]
    odd = []
    for word in range(e.COMMAND_WORDS):
        for value in (-1, 1, 2**31, 2**40 + 1, 2**63 - 1, -(2**63)):
            row = orders[0].copy()
            row[word] = value
            odd.append(to_bytes(row.reshape(1, -1)))
    return [*single, *odd, to_bytes(refused), to_bytes(np.concatenate([refused[:3], others[1:2], refused[3:]]))]


def targets(folder: Path, stack_: ExitStack) -> list[Target]:
    exchange = Exchange()

    def read_order(data: bytes) -> object:
        return exchange.carry_out(order_rows([read_model(PlaceOrder, data)], ACCOUNT))

    def read_orders(data: bytes) -> object:
        return exchange.carry_out(order_rows(read_model(PlaceOrders, data).orders, ACCOUNT, "orders.{}."))

    def read_records(data: bytes) -> object:
        return exchange.carry_out(records(data, ACCOUNT))

    def read_socket(data: bytes) -> object:
        message = read_message(data.decode("utf-8", "surrogateescape"))
        if not isinstance(message.body, (Command, Amend, CancelAll)):
            return message.op
        return exchange.carry_out(commands_of(message.body, ACCOUNT, 77))

    wrong = [{"orders": [body]} for body in _odd_orders()[::11]]
    return [
        Target(name, "orders", seeds, _refusing(read), state=exchange.state.state_hash, runs=runs)
        for name, seeds, read, runs in (
            ("order", _bytes([*GOOD * 20, *BAD * 20, *_odd_orders()]), read_order, 30_000),
            ("order batch", _bytes([*[{"orders": BAD[7:]}, {"orders": [BAD[5]]}] * 20, *wrong]), read_orders, 15_000),
            ("order records", _records(exchange), read_records, 30_000),
            ("socket message", _bytes(_messages(exchange)), read_socket, 30_000),
        )
    ]
