"""The book in plain Python: one side as a sorted list, as the trie of `market/kernels.py`; and the whole library."""

from bisect import insort
from dataclasses import dataclass

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


# What the library of `market/book.py` must report, from its documented rules, with lists and no arrays.

NEW, CANCEL, AMEND, CANCEL_ALL, PASS_TIME = 1, 2, 3, 4, 5
ACCEPTED, REJECTED, FILL, RESTED, CANCELLED, AMENDED, EXPIRED, REDUCED, ALL_CANCELLED, TIME_PASSED = range(1, 11)
SELL = 2
REST, IOC, FOK, POST_ONLY = 0, 1, 2, 3
NEWEST, OLDEST, BOTH, DECREMENT = 0, 1, 2, 3
ASKED, ASKED_FOR_ALL, NOT_TRADED_AT_ONCE, SELF_TRADE = 1, 2, 3, 4
RESTING, INCOMING = 1, 2
MAX_QUANTITY = 2**40
MAX_ACCOUNT = 2**22 - 1
(
    KIND_UNKNOWN,
    PRODUCT_UNKNOWN,
    ACCOUNT_INVALID,
    SIDE_INVALID,
    TIF_INVALID,
    SELF_TRADE_INVALID,
    EXPIRES_INVALID,
    QUANTITY_INVALID,
    PRICE_INVALID,
    MIN_QUANTITY_INVALID,
    DISPLAY_INVALID,
    TERMS_MISMATCH,
    ID_IN_USE,
    ORDER_UNKNOWN,
    NOT_OWNER,
    BELOW_FILLED,
    WOULD_TRADE,
    NOT_FILLABLE,
) = range(1, 19)


@dataclass
class Message:
    """The words of a message by name."""

    kind: int
    number: int
    account: int
    product: int
    side: int
    price: int
    quantity: int
    tif: int
    least: int
    display: int
    self_trade: int
    expires: int
    session: int
    time: int


@dataclass
class Resting:
    """An order with what is left of it; ``shown`` is what an iceberg's present slice still shows."""

    words: Message
    price: int
    quantity: int
    remaining: int
    placed: int
    shown: int = 0

    def show_next(self) -> None:
        """Show what is left of the slice that the next unit to trade belongs to; slices are counted from the first."""
        done = self.quantity - self.remaining
        size = self.words.display or self.quantity
        self.shown = min(size - done % size, self.remaining)


class PlainBook:
    """Lists of orders, best price first, earliest first."""

    def __init__(self, products: int, low: int, high: int) -> None:
        self.products, self.low, self.high = products, low, high
        self.sides: dict[tuple[int, int], list[Resting]] = {
            (product, side): [] for product in range(products) for side in (BUY, SELL)
        }
        self.live: dict[int, Resting] = {}
        self.now = 0
        self.count = 0
        self.reports: list[list[int]] = []
        self.changes: list[list[int]] = []

    def take(self, words: list[int]) -> list[list[int]]:
        """Take one message; return its reports."""
        self.reports, self.changes = [], []
        x = Message(*words)
        self.now = max(self.now, x.time)
        due = sorted(
            (o for o in self.live.values() if 0 < o.words.expires <= self.now),
            key=lambda o: (o.words.expires, o.placed),
        )
        for order in due:
            self.end(order, EXPIRED, 0, 0)
        handlers = {NEW: self.new, CANCEL: self.cancel, AMEND: self.amend, CANCEL_ALL: self.cancel_all}
        if x.kind == PASS_TIME:
            self.tell(TIME_PASSED, 0, x.number, len(due), 0, 0, 0)
        elif x.kind in handlers:
            handlers[x.kind](x)
        else:
            self.refuse(x, {KIND_UNKNOWN})
        self.count += 1
        return self.reports

    # ------------------------------------------------------------------------------------ what it tells

    def tell(self, kind, reason, number, other, price, quantity, remaining) -> None:
        self.reports.append([self.count, kind, reason, number, other, price, quantity, remaining])

    def refuse(self, x: Message, broken: set[int]) -> None:
        self.tell(REJECTED, min(broken), x.number, 0, x.price, x.quantity, 0)

    def show(self, product: int, side: int, price: int) -> None:
        level = [o for o in self.sides[product, side] if o.price == price]
        self.changes.append([product, side, price, sum(o.shown for o in level), len(level), self.count])

    def depth(self, product: int, side: int) -> list[list[int]]:
        found: dict[int, list[int]] = {}
        for o in self.sides[product, side]:
            level = found.setdefault(o.price, [o.price, 0, 0])
            level[1] += o.shown
            level[2] += 1
        return list(found.values())

    # ------------------------------------------------------------------------------------ in and out

    def insert(self, order: Resting) -> None:
        x = order.words
        side = self.sides[x.product, x.side]
        order.show_next()
        at = sum(not self.better(x.side, order.price, o.price) for o in side)
        side.insert(at, order)
        self.live[x.number] = order
        self.tell(RESTED, 0, x.number, 0, order.price, order.shown, order.remaining)
        self.show(x.product, x.side, order.price)

    @staticmethod
    def better(side: int, price: int, other: int) -> bool:
        return price > other if side == BUY else price < other

    def take_out(self, order: Resting) -> None:
        x = order.words
        self.sides[x.product, x.side].remove(order)
        self.show(x.product, x.side, order.price)

    def end(self, order: Resting, kind: int, why: int, other: int) -> None:
        self.tell(kind, why, order.words.number, other, order.price, order.remaining, 0)
        self.take_out(order)
        del self.live[order.words.number]

    def crossing(self, side: int, price: int, product: int) -> list[Resting]:
        """The orders of the other side at a price or better."""
        if side == BUY:
            return [o for o in self.sides[product, SELL] if o.price <= price]
        return [o for o in self.sides[product, BUY] if o.price >= price]

    def would_trade(self, x: Message, limit: int, wanted: int) -> tuple[int, int]:
        """(quantity up to ``wanted``, worst price) by letting a copy of the other side trade."""
        queue = [(o.price, o.remaining, o.shown, o) for o in self.crossing(x.side, limit, x.product)]
        found = worst = 0
        while queue and found < wanted:
            price, remaining, shown, order = queue.pop(0)
            if order.words.account == x.account:
                if x.self_trade == OLDEST:
                    continue
                break
            part = min(shown, wanted - found)
            found += part
            worst = price
            if remaining > part:
                rest = (price, remaining - part, min(order.words.display, remaining - part), order)
                at = sum(1 for entry in queue if entry[0] == price)
                queue.insert(at, rest)
        return found, worst

    # ------------------------------------------------------------------------------------ messages

    def broken_terms(self, x: Message) -> set[int]:
        broken = set()
        if not 0 <= x.product < self.products:
            broken.add(PRODUCT_UNKNOWN)
        if not 0 <= x.account <= MAX_ACCOUNT:
            broken.add(ACCOUNT_INVALID)
        if x.side not in (BUY, SELL):
            broken.add(SIDE_INVALID)
        if x.tif not in (REST, IOC, FOK, POST_ONLY):
            broken.add(TIF_INVALID)
        if x.self_trade not in (NEWEST, OLDEST, BOTH, DECREMENT):
            broken.add(SELF_TRADE_INVALID)
        if x.expires and x.expires <= self.now:
            broken.add(EXPIRES_INVALID)
        if not 0 < x.quantity <= MAX_QUANTITY:
            broken.add(QUANTITY_INVALID)
        if x.price and not self.low <= x.price <= self.high:
            broken.add(PRICE_INVALID)
        if not 0 <= x.least <= x.quantity:
            broken.add(MIN_QUANTITY_INVALID)
        if x.display and not x.quantity <= 20 * x.display <= 20 * x.quantity:
            broken.add(DISPLAY_INVALID)
        at_once = x.tif in (IOC, FOK)
        if (not at_once and not x.price) or (at_once and (x.expires or x.display)) or (x.tif == POST_ONLY and x.least):
            broken.add(TERMS_MISMATCH)
        if x.self_trade == DECREMENT and (x.tif == FOK or x.least or not x.price):
            broken.add(TERMS_MISMATCH)
        return broken

    def new(self, x: Message) -> None:
        broken = self.broken_terms(x)
        if x.number in self.live:
            broken.add(ID_IN_USE)
        if broken:
            self.refuse(x, broken)
            return
        limit = x.price or (self.high if x.side == BUY else self.low)
        if x.tif == POST_ONLY and self.crossing(x.side, limit, x.product):
            self.refuse(x, {WOULD_TRADE})
            return
        found, worst = self.would_trade(x, limit, x.quantity)
        if found < (x.quantity if x.tif == FOK else x.least):
            self.refuse(x, {NOT_FILLABLE})
            return
        if not x.price and x.side == BUY and found:
            limit = worst
        self.tell(ACCEPTED, 0, x.number, 0, x.price, x.quantity, x.quantity)
        order = Resting(x, limit, x.quantity, x.quantity, self.count)
        self.enter(order)

    def enter(self, order: Resting) -> None:
        x = order.words
        goes_on = self.trade(order)
        if order.remaining == 0:
            self.live.pop(x.number, None)
        elif not goes_on or x.tif in (IOC, FOK):
            self.tell(
                CANCELLED, NOT_TRADED_AT_ONCE if goes_on else SELF_TRADE, x.number, 0, x.price, order.remaining, 0
            )
            self.live.pop(x.number, None)
        else:
            self.insert(order)

    def trade(self, order: Resting) -> bool:
        x = order.words
        while order.remaining and (facing := self.crossing(x.side, order.price, x.product)):
            other = facing[0]
            if other.words.account == x.account:
                if not self.meet_oneself(order, other):
                    return False
                continue
            quantity = min(order.remaining, other.shown)
            order.remaining -= quantity
            other.remaining -= quantity
            other.shown -= quantity
            ids = x.number, other.words.number
            self.tell(FILL, RESTING, ids[1], ids[0], other.price, quantity, other.remaining)
            self.tell(FILL, INCOMING, ids[0], ids[1], other.price, quantity, order.remaining)
            side = self.sides[other.words.product, other.words.side]
            if not other.remaining:
                side.remove(other)
                del self.live[ids[1]]
            elif not other.shown:
                other.show_next()
                side.remove(other)
                side.insert(sum(not self.better(other.words.side, other.price, o.price) for o in side), other)
            self.show(other.words.product, other.words.side, other.price)
        return True

    def meet_oneself(self, order: Resting, other: Resting) -> bool:
        """Apply the incoming order's rule; return whether it goes on."""
        mine, its = order.words.number, other.words.number
        rule = order.words.self_trade
        if rule == NEWEST:
            return False
        if rule in (OLDEST, BOTH):
            self.end(other, CANCELLED, SELF_TRADE, mine)
            return rule == OLDEST
        quantity = min(order.remaining, other.remaining)
        goes_on = order.remaining > quantity
        if other.remaining == quantity:
            self.end(other, CANCELLED, SELF_TRADE, mine)
        else:
            self.reduce(other, quantity)
            self.tell(REDUCED, SELF_TRADE, its, mine, other.price, quantity, other.remaining)
            self.show(other.words.product, other.words.side, other.price)
        if goes_on:
            order.quantity -= quantity
            order.remaining -= quantity
            self.tell(REDUCED, SELF_TRADE, mine, its, 0, quantity, order.remaining)
        return goes_on

    def reduce(self, order: Resting, quantity: int) -> None:
        """Take a part off from behind: a slice shows less only where less remains than it shows."""
        order.quantity -= quantity
        order.remaining -= quantity
        order.shown = min(order.shown, order.remaining)

    def named(self, x: Message) -> set[int]:
        if x.number not in self.live:
            return {ORDER_UNKNOWN}
        return {NOT_OWNER} if self.live[x.number].words.account != x.account else set()

    def cancel(self, x: Message) -> None:
        if broken := self.named(x):
            self.refuse(x, broken)
            return
        self.end(self.live[x.number], CANCELLED, ASKED, 0)

    def cancel_all(self, x: Message) -> None:
        broken = set()
        if not -1 <= x.product < self.products:
            broken.add(PRODUCT_UNKNOWN)
        if not 0 <= x.account <= MAX_ACCOUNT:
            broken.add(ACCOUNT_INVALID)
        if broken:
            self.refuse(x, broken)
            return
        ending = [
            o
            for o in sorted(self.live.values(), key=lambda o: -o.placed)
            if o.words.account == x.account and x.product in (-1, o.words.product) and x.session in (0, o.words.session)
        ]
        self.tell(ALL_CANCELLED, 0, x.number, len(ending), 0, sum(o.remaining for o in ending), 0)
        for order in ending:
            self.end(order, CANCELLED, ASKED_FOR_ALL, 0)

    def amend(self, x: Message) -> None:
        broken = set()
        if not 0 < x.quantity <= MAX_QUANTITY:
            broken.add(QUANTITY_INVALID)
        if not self.low <= x.price <= self.high:
            broken.add(PRICE_INVALID)
        if x.number not in self.live:
            broken.add(ORDER_UNKNOWN)
            self.refuse(x, broken)
            return
        order = self.live[x.number]
        done = order.quantity - order.remaining
        if order.words.account != x.account:
            self.refuse(x, broken or {NOT_OWNER})
            return
        if order.words.display and not x.quantity <= 20 * order.words.display <= 20 * x.quantity:
            broken.add(DISPLAY_INVALID)
        if x.quantity <= done:
            broken.add(BELOW_FILLED)
        if order.words.tif == POST_ONLY and self.crossing(order.words.side, x.price, order.words.product):
            broken.add(WOULD_TRADE)
        if broken:
            self.refuse(x, broken)
            return
        self.tell(AMENDED, 0, x.number, 0, x.price, x.quantity, x.quantity - done)
        if x.price == order.price and x.quantity <= order.quantity:
            self.reduce(order, order.quantity - x.quantity)
            self.show(order.words.product, order.words.side, order.price)
            return
        self.take_out(order)
        order.words.price = order.price = x.price
        order.quantity, order.remaining = x.quantity, x.quantity - done
        self.enter(order)
