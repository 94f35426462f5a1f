"""What an operator wants of an auction with blocks: the rule J25, and where the best selection is looked for beside it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

from wattmark.market.blocks import PRODUCT_CODES, Block
from wattmark.market.blocks_best import best_selection, size_of
from wattmark.market.blocks_book import BlockTable
from wattmark.market.blocks_market import HourlyOrders
from wattmark.market.blocks_search import BlockResult, result_of, search, separate_areas


class LookForBest(Enum):
    """When the best selection is computed beside that of J25."""

    NEVER = "never"
    WHEN_REJECTED = "when_rejected"
    """Only where J25 rejects a block that is in the money (J23)."""
    ALWAYS = "always"


@dataclass(frozen=True, slots=True)
class BlockPolicy:
    """The operator's policy.

    Attributes:
        look: when the best selection is computed.
        adopt: whether a better selection is the one that is published; otherwise it is only reported.
        max_choices: blocks and price ranges up to which an instance is small enough (``size_of``).
    """

    look: LookForBest = LookForBest.NEVER
    adopt: bool = False
    max_choices: int = 5_000


@dataclass(frozen=True, slots=True, eq=False)
class PolicyResult:
    """Both results.

    Attributes:
        published: the result that counts.
        by_rule: the result of J25.
        best: the best selection's result, ``None`` where it was not looked for.
        proven: whether ``best`` is proven to be the best.
    """

    published: BlockResult
    by_rule: BlockResult
    best: BlockResult | None
    proven: bool


def clear_by_policy(
    orders: HourlyOrders,
    blocks: Sequence[Block],
    policy: BlockPolicy,
    codes: Sequence[int] = PRODUCT_CODES,
    lot: int = 1,
) -> PolicyResult:
    """Clear an auction with blocks by J25 and, where the policy says so, look for the best selection too.

    Raises:
        MalformedInput: as ``clear_with_blocks``.
    """
    market = separate_areas(orders, blocks, codes, lot)
    table = BlockTable.of(blocks, market)
    book = search(table, market)
    by_rule = result_of(book)
    wanted = policy.look is LookForBest.ALWAYS or (
        policy.look is LookForBest.WHEN_REJECTED and bool(by_rule.paradoxically_rejected)
    )
    if not blocks or not wanted or size_of(table, market) > policy.max_choices:
        return PolicyResult(by_rule, by_rule, None, proven=False)
    found = best_selection(table, market, book)
    best = result_of(found.book)
    published = best if policy.adopt and best.surplus > by_rule.surplus else by_rule
    return PolicyResult(published, by_rule, best, found.proven)
