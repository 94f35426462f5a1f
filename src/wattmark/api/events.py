"""The books of products as server-sent events: snapshots, increments with their numbers, and where to go on.

An event's ``id`` says how far its listener is: the product's sequence number, or ``product:number`` of each product,
joined by commas, where there are several. Who comes back with it as ``Last-Event-ID`` gets what was missed while that
is still kept, and a snapshot otherwise.
"""

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Final, Literal

from wattmark.api.taps import Gap, Item, Tap
from wattmark.api.told import Told, compact, picture_text, top_fields
from wattmark.core.errors import Refused, Unavailable

PING_S: Final = 15.0
PING: Final = b": ping\n\n"
RETRY: Final = b"retry: 2000\n\n"
MAX_NUMBER_DIGITS: Final = 18

Channel = Literal["book", "top", "trades"]


def seen_of(last_event_id: str, products: Sequence[int]) -> dict[int, int]:
    """Return product -> number of the last event a listener has seen; empty for anything of another form."""
    parts = [part.partition(":") for part in last_event_id.split(",")]
    if len(products) == 1 and len(parts) == 1 and not parts[0][1]:
        parts = [(str(products[0]), ":", parts[0][0])]
    pairs = [(product, number) for product, _, number in parts if _is_number(product) and _is_number(number)]
    return {int(product): int(number) for product, number in pairs} if len(pairs) == len(parts) else {}


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) <= MAX_NUMBER_DIGITS


async def book_events(
    tap: Tap, products: Sequence[int], seen: Mapping[int, int], channel: Channel, ping_s: float = PING_S
) -> AsyncIterator[bytes]:
    """Yield the event stream of some products, from where each was last seen; closes the tap at its end."""
    at = dict.fromkeys(products, 0)
    try:
        yield RETRY
        for product in products:
            for item in await tap.join(product, seen.get(product)):
                yield await _event(item, channel, at)
        while True:
            items = await tap.take(ping_s)
            for item in items:
                if event := await _event(item, channel, at):
                    yield event
            if not items:
                yield PING
    except (Unavailable, Refused):
        return  # the service is stopping; who listens comes back
    finally:
        tap.close()


async def _event(item: Item, channel: Channel, at: dict[int, int]) -> bytes:
    """Return an event's bytes; nothing where the channel has nothing to tell."""
    if isinstance(item, Gap):
        return _bytes("gap", compact({"product": item.product, "resync": True}), "")
    at[item.product] = item.sequence
    where = str(item.sequence) if len(at) == 1 else ",".join(f"{product}:{number}" for product, number in at.items())
    if isinstance(item, Told):
        return _bytes("increment" if channel == "book" else channel, item.text(channel), where)
    if channel == "top":
        bid, ask = next(iter(item.bids), None), next(iter(item.asks), None)
        return _bytes("top", compact(top_fields(item.product, item.sequence, bid, ask)), where)
    return _bytes("snapshot", await picture_text(item, None if channel == "book" else 0), where)


def _bytes(name: str, data: str, where: str) -> bytes:
    if not data:
        return b""
    head = f"id: {where}\n" if where else ""
    return f"{head}event: {name}\ndata: {data}\n\n".encode()
