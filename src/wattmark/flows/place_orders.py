"""Place, amend and cancel orders, singly or many in one batch."""

from collections.abc import Iterable
from dataclasses import dataclass

from wattmark.core.ids import id_words
from wattmark.engine.commands import Kind, command
from wattmark.flows.plan import Plan, plan_of
from wattmark.market.layout import BUY, SELL, STP_NEWEST, TIF_REST

EVERY_PRODUCT = -1
ANY_SESSION = 0


@dataclass(frozen=True, slots=True)
class Order:
    """A wish to buy or sell.

    Attributes:
        identity: 128-bit id made by the client.
        account: who asks.
        product: row of the product.
        side: 1 buy, 2 sell.
        price_sen_per_kwh: limit price [sen/kWh]; 0 is a market order.
        quantity_wh: quantity [Wh].
        lot: lot to sell from; 0 for a buy.
        start: first serial to sell; 0 for a buy.
        tif: 0 rests until the gate, 1 immediate or cancel, 2 fill or kill, 3 post only.
        expires_ms: when it ends by itself [ms]; 0 at the gate.
        min_quantity_wh: what must trade at once [Wh]; 0 nothing.
        display_wh: what an iceberg shows at a time [Wh]; 0 all of it.
        self_trade: what ends when it meets its own account: 0 it, 1 the older order, 2 both, 3 both are reduced.
        session: number of the connection that cancels it when it ends; 0 none.
        area: where the energy of a buy goes, in a product of every area; otherwise 0.
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
    expires_ms: int = 0
    min_quantity_wh: int = 0
    display_wh: int = 0
    self_trade: int = STP_NEWEST
    session: int = ANY_SESSION
    area: int = 0


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
            expires_ms=order.expires_ms,
            min_quantity_wh=order.min_quantity_wh,
            display_wh=order.display_wh,
            self_trade=order.self_trade,
            session=order.session,
            area=order.area,
        )
        for order in orders
    )


def plan_cancel(*, identity: int, account: int, target: int) -> Plan:
    """Return the plan that cancels the order placed by command ``target``; result1 is what is released [Wh]."""
    low, high = id_words(target)
    row = command(Kind.CANCEL, id=identity, actor=account, target_id_low=low, target_id_high=high)
    return plan_of([row])


def plan_amend(*, identity: int, account: int, target: int, price_sen_per_kwh: int, quantity_wh: int) -> Plan:
    """Return the plan that changes an order's price and whole quantity, the filled part included.

    result1 is what it traded by that [Wh]. Less at the same price keeps its place in the book.
    """
    low, high = id_words(target)
    row = command(
        Kind.AMEND,
        id=identity,
        actor=account,
        target_id_low=low,
        target_id_high=high,
        price_sen_per_kwh=price_sen_per_kwh,
        quantity_wh=quantity_wh,
    )
    return plan_of([row])


def plan_cancel_all(
    *, identity: int, actor: int, account: int, product: int = EVERY_PRODUCT, session: int = ANY_SESSION
) -> Plan:
    """Return the plan that cancels an account's live orders; result0 says how many, result1 what is released [Wh]."""
    row = command(Kind.CANCEL_ALL, id=identity, actor=actor, account=account, product=product, session=session)
    return plan_of([row])
