"""Block bids (ブロック入札): their kinds and what JEPX asks of their form (J21, J24)."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from itertools import pairwise
from typing import Final

from wattmark.core.errors import MalformedInput
from wattmark.core.money import MAX_PRICE_SEN, MIN_PRICE_SEN
from wattmark.core.text import Text
from wattmark.market import layout as m

MIN_SLOTS: Final = 4
"""Fewest consecutive product codes of a block (J21)."""
PRODUCT_CODES: Final = range(1, 49)
"""JEPX's half hours of a day (J6)."""
AREAS: Final = range(1, 10)
"""JEPX's areas (J8)."""
MAX_BLOCK_QUANTITY: Final = 1 << 44
"""What one block may ask for in all its slots, so that its value stays in 64 bits (J22)."""


class BlockKind(IntEnum):
    """JEPX's block types (J8)."""

    STANDARD = 1
    LINK_PARENT = 2
    LINK_CHILD = 3
    LOOP_A = 4
    LOOP_B = 5


KIND_CODE: Final = {
    BlockKind.STANDARD: "STANDARD",
    BlockKind.LINK_PARENT: "LINK-P",
    BlockKind.LINK_CHILD: "LINK-C",
    BlockKind.LOOP_A: "LOOP-A",
    BlockKind.LOOP_B: "LOOP-B",
}
"""How JEPX's files and interfaces write them (J8)."""
KIND_TEXT: Final = {
    BlockKind.STANDARD: Text(en="standard block", ja="標準ブロック"),
    BlockKind.LINK_PARENT: Text(en="linked block, parent", ja="リンクブロック(親)"),
    BlockKind.LINK_CHILD: Text(en="linked block, child", ja="リンクブロック(子)"),
    BlockKind.LOOP_A: Text(en="loop block, first", ja="ループブロック(A)"),
    BlockKind.LOOP_B: Text(en="loop block, second", ja="ループブロック(B)"),
}
PARTNER_OF: Final = {
    BlockKind.LINK_PARENT: BlockKind.LINK_CHILD,
    BlockKind.LINK_CHILD: BlockKind.LINK_PARENT,
    BlockKind.LOOP_A: BlockKind.LOOP_B,
    BlockKind.LOOP_B: BlockKind.LOOP_A,
}
"""Which kind the other block of a link or loop has (J24)."""


@dataclass(frozen=True, slots=True)
class Block:
    """An all-or-nothing bid over consecutive periods.

    Attributes:
        block: its id; a later entry has a higher one.
        side: 1 buy, 2 sell.
        limit_sen: the one price of all its slots [sen/kWh].
        slots: (product code, quantity) in ascending order of code; quantities in the unit of the auction.
        area: market area 1 to 9.
        kind: alone, or its part in a link or loop.
        partner: id of the other block of its link or loop, ``None`` for a standard block.
    """

    block: int
    side: int
    limit_sen: int
    slots: tuple[tuple[int, int], ...]
    area: int = 1
    kind: BlockKind = BlockKind.STANDARD
    partner: int | None = None

    @property
    def quantity(self) -> int:
        """Quantity of all slots together."""
        return sum(quantity for _, quantity in self.slots)


def check_block(block: Block, codes: Sequence[int] = PRODUCT_CODES, lot: int = 1) -> None:
    """Check the form of one block on its own (J21).

    Args:
        block: what was entered.
        codes: the product codes that exist, ascending.
        lot: smallest unit of quantity (取引単位, J1).

    Raises:
        MalformedInput: with JEPX's error name as its code: ``code`` (a side, area or product code that does not
            exist), ``size`` (too few slots), ``inconsistency`` (codes repeated, not ascending or not consecutive),
            ``range`` (price or quantity), ``unit`` (not whole lots).
    """
    _check_codes(block, codes)
    if not MIN_PRICE_SEN <= block.limit_sen <= MAX_PRICE_SEN:
        rule = Text(en="a limit price from 0.01 to 999.00 JPY/kWh (J7)", ja="指値は0.01円以上999.00円/kWh以下")
        raise MalformedInput("range", "limit_sen", block.limit_sen, rule)
    for _, quantity in block.slots:
        if quantity <= 0:
            rule = Text(en="a positive quantity in each slot", ja="各商品の量は正の数")
            raise MalformedInput("range", "slots", quantity, rule)
        if quantity % lot:
            rule = Text(en=f"a multiple of {lot} in each slot (J1)", ja=f"各商品の量は{lot}の倍数")
            raise MalformedInput("unit", "slots", quantity, rule)
    if block.quantity > MAX_BLOCK_QUANTITY:
        rule = Text(en="at most 2^44 in all slots together", ja="全商品の合計は2^44以下")
        raise MalformedInput("range", "slots", block.quantity, rule)


def _check_codes(block: Block, codes: Sequence[int]) -> None:
    if block.side not in {m.BUY, m.SELL}:
        rule = Text(en="1 buy or 2 sell", ja="1(買い)または2(売り)")
        raise MalformedInput("code", "side", block.side, rule)
    if block.area not in AREAS:
        rule = Text(en="an area from 1 to 9 (J8)", ja="エリアは1から9")
        raise MalformedInput("code", "area", block.area, rule)
    numbers = [code for code, _ in block.slots]
    place = {code: index for index, code in enumerate(codes)}
    for code in numbers:
        if code not in place:
            rule = Text(en="a product code that exists", ja="存在する商品コード")
            raise MalformedInput("code", "slots", code, rule)
    if len(set(numbers)) != len(numbers):
        rule = Text(en="each product code once (J21)", ja="商品コードの重複は不可")
        raise MalformedInput("inconsistency", "slots", numbers, rule)
    if any(place[after] != place[before] + 1 for before, after in pairwise(numbers)):
        rule = Text(en="consecutive product codes in ascending order (J21)", ja="連続した商品コードを昇順に")
        raise MalformedInput("inconsistency", "slots", numbers, rule)
    if len(numbers) < MIN_SLOTS:
        rule = Text(en="at least four consecutive product codes (J21)", ja="連続した4つ以上の商品コード")
        raise MalformedInput("size", "slots", len(numbers), rule)


def check_blocks(blocks: Sequence[Block], codes: Sequence[int] = PRODUCT_CODES, lot: int = 1) -> None:
    """Check every block on its own and every link and loop (J21, J24).

    Raises:
        MalformedInput: as ``check_block``; besides ``inconsistency`` (an id twice, or two blocks that do not make a
            link or loop) and ``size`` (a link or loop of other than two blocks).
    """
    by_id = {block.block: block for block in blocks}
    if len(by_id) != len(blocks):
        rule = Text(en="each block id once", ja="ブロック番号の重複は不可")
        raise MalformedInput("inconsistency", "block", len(blocks) - len(by_id), rule)
    named: dict[int, int] = {}
    for block in blocks:
        check_block(block, codes, lot)
        if block.partner is not None:
            named[block.partner] = named.get(block.partner, 0) + 1
    for block in blocks:
        _check_pair(block, by_id, named.get(block.block, 0))


def _check_pair(block: Block, by_id: dict[int, Block], named: int) -> None:
    if block.kind is BlockKind.STANDARD:
        if block.partner is not None or named:
            rule = Text(en="no link or loop for a standard block (J24)", ja="標準ブロックに組合せは不可")
            raise MalformedInput("inconsistency", "partner", block.partner, rule)
        return
    partner = None if block.partner is None else by_id.get(block.partner)
    if partner is None or named != 1:
        rule = Text(en="a link or loop of exactly two blocks (J21)", ja="リンクとループはちょうど2つのブロック")
        raise MalformedInput("size", "partner", block.partner, rule)
    if partner.kind is not PARTNER_OF[block.kind] or partner.partner != block.block:
        rule = Text(en="LINK-P with LINK-C, LOOP-A with LOOP-B (J24)", ja="LINK-PとLINK-C、LOOP-AとLOOP-Bの組合せ")
        raise MalformedInput("inconsistency", "partner", block.partner, rule)
