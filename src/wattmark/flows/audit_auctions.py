"""Auctions that were cleared together, computed again from the bids of the journal and compared with what is on record."""

from collections.abc import Iterator
from typing import Any, Final

import numpy as np

from wattmark.core.encoding import json_canonical
from wattmark.core.findings import Finding
from wattmark.engine.commands import Words, fields
from wattmark.engine.state import State
from wattmark.flows.clear_together import FORMAT, clear, gather, result_payload
from wattmark.market.coupling import Links

RULE: Final = "auctions: the result of the bids on record (J25 to J29)"
PRICE_RULE: Final = "auctions: a stored price is that of a record"


class AuctionsCheck:
    """What records of auctions say, against the state at their frame."""

    def __init__(self) -> None:
        """Start before the first record."""
        self._named: dict[int, tuple[int, int]] = {}

    def record(self, content: dict[str, Any], before: State) -> Iterator[Finding]:
        """Clear the auctions of a record again and yield where it says something else.

        Args:
            content: the record's payload; its limits, time and income account are inputs.
            before: the state before the record's frame.

        Raises:
            LookupError, TypeError, ValueError, Refused: not the payload of such a record.
        """
        if content["format"] != FORMAT:
            yield Finding("journal", "payload of a record of auctions", RULE, f"format {content['format']!r}")
            return
        now_ms, income_account = int(content["at_ms"]), int(content["income_account"])
        bids = gather(before, int(content["source"]), int(content["duration_s"]), now_ms)
        limits = _limits(content["links"], len(bids.starts_s))
        again = result_payload(bids, limits, clear(bids, limits), income_account, now_ms)
        where = f"payload of the auctions of source {bids.source} at {now_ms}"
        if again != json_canonical(content):
            yield Finding("journal", where, RULE, "the bids come to another result")
        for one in content["products"]:
            self._named[int(one["product"])] = (int(one["price_sen"] or 0), int(one["sold_wh"]) - int(one["bought_wh"]))

    def priced(self, where: str, row: Words) -> Iterator[Finding]:
        """Yield a stored price that no record names.

        Args:
            where: position of the command.
            row: an accepted PRICE_AUCTION int64[16].
        """
        stored = fields(row)
        named = self._named.get(stored["product"])
        if named != (stored["price_sen_per_kwh"], stored["net_export_wh"]):
            detail = f"product {stored['product']}: {stored['price_sen_per_kwh']} sen/kWh, on record {named}"
            yield Finding("journal", where, PRICE_RULE, detail)


def _limits(links: list[dict[str, Any]], periods: int) -> list[Links]:
    start = np.array([int(one["from"]) for one in links], np.int64)
    end = np.array([int(one["to"]) for one in links], np.int64)
    capacity = np.array([[int(wh) for wh in one["capacity_wh"]] for one in links], np.int64).reshape(len(links), -1)
    if capacity.shape[1] != periods:
        raise ValueError(f"limits of {capacity.shape[1]} periods for {periods}")
    return [Links(start, end, capacity[:, period].copy()) for period in range(periods)]
