"""Place and cancel orders, singly or many in one batch."""

from collections.abc import Iterable
from dataclasses import dataclass

from wattmark.core.ids import id_words
from wattmark.engine.commands import Kind, command
from wattmark.flows.plan import Plan, plan_of
from wattmark.market.layout import BUY, SELL, TIF_REST


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to buy or sell.

    Attributes:
        identity: 128-bit id made by the client.
        account: who asks.
        product: row of the product.
        side: 1 buy, 2 sell.
        price_sen_per_kwh: limit price [sen/kWh].
        quantity_wh: quantity [Wh].
        lot: lot to sell from; 0 for a buy.
        start: first serial to sell; 0 for a buy.
        tif: 0 rests until the gate, 1 immediate or cancel.
    """

    identity: int
    account: int
    product: int
    side: int
    price_sen_per_kwh: int
    quantity_wh: int
    lot: int = 0
    start: int = 0
    tif: int = TIF_REST


def buy(
    identity: int, account: int, product: int, price_sen_per_kwh: int, quantity_wh: int, tif: int = TIF_REST
) -> Order:
    """Return a buy order."""
    return Order(identity, account, product, BUY, price_sen_per_kwh, quantity_wh, tif=tif)


def sell(
    identity: int,
    account: int,
    product: int,
    price_sen_per_kwh: int,
    *,
    lot: int,
    start: int,
    end: int,
    tif: int = TIF_REST,
) -> Order:
    """Return a sell order of the serials ``[start, end)`` of a lot."""
    return Order(identity, account, product, SELL, price_sen_per_kwh, end - start, lot, start, tif)


def plan_orders(orders: Iterable[Order]) -> Plan:
    """Return the plan that places orders; result0 of each is its row, result1 what was filled at once [Wh].

    Raises:
        MalformedInput: a field is not a 64-bit integer.
    """
    return plan_of(
        command(
            Kind.PLACE_ORDER,
            id=order.identity,
            actor=order.account,
            product=order.product,
            side=order.side,
            price_sen_per_kwh=order.price_sen_per_kwh,
            quantity_wh=order.quantity_wh,
            lot=order.lot,
            start=order.start,
            tif=order.tif,
        )
        for order in orders
    )


def plan_cancel(*, identity: int, account: int, target: int) -> Plan:
    """Return the plan that cancels the order placed by command ``target``; result1 is what is released [Wh]."""
    low, high = id_words(target)
    row = command(Kind.CANCEL, id=identity, actor=account, target_id_low=low, target_id_high=high)
    return plan_of([row])
