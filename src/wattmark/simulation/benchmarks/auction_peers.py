"""What other projects make of the auction's book: price, lots and seconds of each, in a process of its own."""

from dataclasses import dataclass
from typing import Final

from wattmark.simulation.benchmarks.peers import run_peer

RIGHT_BY: Final = 0.5
"""A price or quantity in floating point counts as right when it is that near [sen/kWh, lots]."""

_BOOK: Final = """
import json, sys, time
import numpy as np
n = int(sys.argv[1]); h = n // 2
draw = np.random.default_rng(20210115)
sp, sq = draw.integers(500, 2501, h), draw.integers(1, 101, h)
bp, bq = draw.integers(500, 2501, h), draw.integers(1, 101, h)
"""
_PYMARKET: Final = (
    _BOOK
    + """
try:
    import pandas as pd
    from pymarket.mechanisms.huang_auction import huang_auction
except ImportError:
    sys.exit(77)
frame = pd.DataFrame({"quantity": np.r_[sq, bq].astype(float), "price": np.r_[sp, bp].astype(float),
    "user": np.arange(n), "buying": np.r_[np.zeros(h, bool), np.ones(h, bool)], "time": 0.0, "divisible": True})
times = []
for _ in range(3):
    begun = time.perf_counter(); made, _ = huang_auction(frame.copy()); times.append(time.perf_counter() - begun)
trades = made.get_df(); bought = trades[trades.bid >= h]
print(json.dumps({"seconds": sorted(times)[1], "price": float(bought.price.mean()), "lots": float(bought.quantity.sum())}))
"""
)
_ASSUME: Final = (
    _BOOK
    + """
try:
    from datetime import datetime, timedelta
    from dateutil import rrule
    from assume.common.market_objects import MarketConfig, MarketProduct
    from assume.markets.clearing_algorithms import PayAsClearRole
except ImportError:
    sys.exit(77)
hour = timedelta(hours=1); start = datetime(2026, 1, 1); end = start + hour
role = PayAsClearRole(MarketConfig(market_id="m", market_products=[MarketProduct(hour, 1, timedelta(0))],
    opening_hours=rrule.rrule(rrule.HOURLY, dtstart=start, until=end), opening_duration=hour))
rows = [(p, q) for p, q in zip(sp.tolist(), sq.tolist())] + [(p, -q) for p, q in zip(bp.tolist(), bq.tolist())]
times = []
for _ in range(3):
    orders = [{"start_time": start, "end_time": end, "only_hours": None, "agent_addr": "a", "bid_id": str(i),
        "volume": float(q), "price": float(p)} for i, (p, q) in enumerate(rows)]
    begun = time.perf_counter(); found = role.clear(orders, [(start, end, None)])
    times.append(time.perf_counter() - begun)
lots = sum(order["accepted_volume"] for order in found[0] if order["accepted_volume"] > 0)
print(json.dumps({"seconds": sorted(times)[1], "price": float(found[2][0]["price"]), "lots": float(lots)}))
"""
)
PEERS: Final = {
    "pymarket huang": (_PYMARKET, (1_000,)),
    "assume pay-as-clear": (_ASSUME, (1_000, 10_000)),
}
"""Name -> script, and the numbers of bids it is given: those it needs no minutes for."""


@dataclass(frozen=True, slots=True)
class PeerResult:
    """What a peer made of the book.

    Attributes:
        peer: its name.
        bids: the book's size.
        seconds: median of three runs [s].
        price: its price, a mean where it has several [sen/kWh].
        lots: what it let trade.
        right: whether price and lots are those of J12 to J14.
    """

    peer: str
    bids: int
    seconds: float
    price: float
    lots: float
    right: bool

    def to_dict(self) -> dict[str, object]:
        """Return the JSON form."""
        return {
            "peer": self.peer,
            "bids": self.bids,
            "seconds": round(self.seconds, 6),
            "price": self.price,
            "lots": self.lots,
            "right": self.right,
        }


def run_peers(sizes: list[int], expected: dict[int, tuple[int, int]]) -> list[PeerResult]:
    """Return what the installed peers make of the book at those of ``sizes`` they can take."""
    found = []
    for name, (script, takes) in PEERS.items():
        for bids in sizes:
            if bids not in takes or (answer := run_peer(script, str(bids))) is None:
                continue
            price, lots = answer["price"], answer["lots"]
            right = abs(price - expected[bids][0]) < RIGHT_BY and abs(lots - expected[bids][1]) < RIGHT_BY
            found.append(PeerResult(name, bids, answer["seconds"], round(price, 2), round(lots, 2), right))
    return found
