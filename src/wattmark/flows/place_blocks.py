"""Open block bids, place their slots, cancel them (J21, J24)."""

from collections.abc import Iterable
from dataclasses import dataclass

from wattmark.core.ids import derive_id
from wattmark.engine.commands import Kind, command
from wattmark.flows.plan import Plan, plan_of
from wattmark.market.blocks import BlockKind
from wattmark.market.layout import NO_BLOCK


@dataclass(frozen=True, slots=True)
class Slot:
    """One period of a block.

    Attributes:
        product: row of the call auction.
        quantity_wh: quantity [Wh].
        lot: lot to sell from; 0 for a buy.
        start: first serial to sell; 0 for a buy.
    """

    product: int
    quantity_wh: int
    lot: int = 0
    start: int = 0


def plan_open_block(
    *,
    identity: int,
    account: int,
    side: int,
    price_sen_per_kwh: int,
    slots: int,
    kind: BlockKind = BlockKind.STANDARD,
    partner: int = NO_BLOCK,
) -> Plan:
    """Return the plan that opens a block; result0 is its number.

    Args:
        identity: 128-bit id made by the client.
        account: who asks.
        side: 1 buy, 2 sell.
        price_sen_per_kwh: the limit of all its slots [sen/kWh].
        slots: how many consecutive periods it will have, 4 to 48.
        kind: alone, or its part in a link or loop.
        partner: a child's parent, the first half of a loop; -1 otherwise.
    """
    row = command(
        Kind.OPEN_BLOCK,
        id=identity,
        actor=account,
        block_kind=int(kind),
        side=side,
        price_sen_per_kwh=price_sen_per_kwh,
        slots=slots,
        partner=partner,
    )
    return plan_of([row])


def plan_place_slots(*, account: int, block: int, slots: Iterable[Slot], first: int = 0) -> Plan:
    """Return the plan that places slots of a block in the order of their periods; result0 of each is its order.

    Args:
        account: who opened the block.
        block: its number.
        slots: the slots.
        first: how many it has already.
    """
    return plan_of(
        command(
            Kind.PLACE_SLOT,
            id=derive_id("slot", block, number),
            actor=account,
            block=block,
            product=slot.product,
            quantity_wh=slot.quantity_wh,
            lot=slot.lot,
            start=slot.start,
        )
        for number, slot in enumerate(slots, first)
    )


def plan_cancel_block(*, identity: int, account: int, block: int) -> Plan:
    """Return the plan that cancels a block before the first gate of its slots; result1 is what is released [Wh]."""
    return plan_of([command(Kind.CANCEL_BLOCK, id=identity, actor=account, block=block)])
