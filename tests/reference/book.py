"""The book of one product side as one sorted list: what the trie of `market/kernels.py` must be equal to."""

from bisect import insort

BUY = 1


class SideBook:
    """Resting orders, best price first, earliest first."""

    def __init__(self, side: int) -> None:
        self.side = side
        self.rows: list[tuple[int, int]] = []  # (price, negated for buys; order)
        self.wh: dict[int, int] = {}

    def key(self, order: int, price: int) -> tuple[int, int]:
        return (-price if self.side == BUY else price, order)

    def insert(self, order: int, price: int, wh: int) -> None:
        insort(self.rows, self.key(order, price))
        self.wh[order] = wh

    def remove(self, order: int, price: int) -> None:
        self.rows.remove(self.key(order, price))
        del self.wh[order]

    def orders(self) -> list[int]:
        return [order for _, order in self.rows]

    def best(self) -> int | None:
        return self.rows[0][1] if self.rows else None

    def levels(self) -> list[tuple[int, int, int]]:
        """(price, Wh, orders) of every level, best first."""
        found: dict[int, tuple[int, int]] = {}
        for key, order in self.rows:
            wh, count = found.get(abs(key), (0, 0))
            found[abs(key)] = (wh + self.wh[order], count + 1)
        return [(price, wh, count) for price, (wh, count) in found.items()]
