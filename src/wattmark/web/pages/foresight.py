"""What an order would do, by the book as it is seen: for a preview only, nothing is decided by it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from wattmark.web.charts.axes import Level


@dataclass(frozen=True, slots=True)
class Foresight:
    """How an order would fare.

    Attributes:
        now_wh: trades at once [Wh].
        now_e5: for this much [10^-5 JPY].
        rest_wh: what is left of it then [Wh].
    """

    now_wh: int
    now_e5: int
    rest_wh: int

    @property
    def mean_sen(self) -> int | None:
        """Return the mean price of what trades at once, to the nearest sen [sen/kWh]."""
        return (2 * self.now_e5 + self.now_wh) // (2 * self.now_wh) if self.now_wh else None


def foresee(levels: Iterable[Level], quantity_wh: int, limit_sen: int | None, *, buying: bool) -> Foresight:
    """Walk the other side of the book, best price first.

    Args:
        levels: the other side without orders of one's own: price [sen/kWh] and energy [Wh].
        quantity_wh: what is ordered [Wh].
        limit_sen: the worst price that is taken [sen/kWh], ``None`` for any.
        buying: whether a high price is the bad one.
    """
    left, paid = quantity_wh, 0
    for price, wh in levels:
        if left == 0 or (limit_sen is not None and (price > limit_sen if buying else price < limit_sen)):
            break
        taken = min(left, wh)
        left -= taken
        paid += price * taken
    return Foresight(quantity_wh - left, paid, left)


def without(levels: Sequence[Level], own: Iterable[Level]) -> list[Level]:
    """Return levels without the energy of some orders, given as price [sen/kWh] and energy [Wh]."""
    left = dict(levels)
    for price, wh in own:
        if price in left:
            left[price] -= wh
    return [(price, left[price]) for price, _ in levels if left[price] > 0]
