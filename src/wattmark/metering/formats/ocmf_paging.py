"""The paging of OCMF: one counter per letter, plus one with every record; the caller keeps the last page."""

from dataclasses import dataclass

from wattmark.metering.errors import Code, refusal
from wattmark.metering.formats.ocmf import OcmfRecord


@dataclass(frozen=True, slots=True)
class Page:
    """The last record taken under one key, meter and letter.

    Attributes:
        meter: serial that names the meter.
        counter: letter of ``PG``.
        number: its number.
        payload_hash: the record.
    """

    meter: str
    counter: str
    number: int
    payload_hash: bytes


def next_page(last: Page | None, record: OcmfRecord) -> Page:
    """Return the page to keep after a record (S2).

    Args:
        last: the page kept of this meter and letter; ``None`` before the first record.
        record: the record that arrived.

    Raises:
        ReadingRefused: ``REPLAYED`` (that page or an earlier one) or ``SEQUENCE_GAP``.
        Equivocation: two signed records for one page.
    """
    page = Page(record.meter, record.counter, record.page, record.payload_hash)
    if last is None:
        return page
    assert (last.meter, last.counter) == (page.meter, page.counter), "each meter and letter keeps its own page"
    shown = f"{record.counter}{record.page}"
    if page.number == last.number and page.payload_hash != last.payload_hash:
        raise refusal(Code.EQUIVOCATION, shown, field="PG")
    if page.number <= last.number:
        raise refusal(Code.REPLAYED, shown, field="PG", next_seq=last.number + 1)
    if page.number > last.number + 1:
        raise refusal(Code.SEQUENCE_GAP, shown, field="PG", next_seq=last.number + 1)
    return page
