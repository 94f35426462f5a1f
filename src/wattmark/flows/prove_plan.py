"""Make a plan customer's own proof file: their rows under the one total that the log holds."""

from datetime import date

from wattmark.certificates.customer import CustomerRow, seal_customer
from wattmark.core.errors import UnknownReference
from wattmark.core.text import Text
from wattmark.flows.platform import Platform
from wattmark.flows.prove_retirement import logged_record
from wattmark.flows.settle_plan import plan_customer_proof, plan_record_id
from wattmark.metering.decode import period_of_day


def prove_plan(platform: Platform, retailer: int, day: date, pseudonym: bytes, *, witnessed: bool = False) -> bytes:
    """Return the proof file of a plan customer and JST day; it has been verified.

    Args:
        platform: the platform.
        retailer: account whose tokens were divided.
        day: JST day.
        pseudonym: the customer's name in the rows [16 bytes].
        witnessed: prove it under the last checkpoint that witnesses cosigned.

    Raises:
        UnknownReference: no such plan day or customer, or not yet under a checkpoint.
        Broken: the lake file is not the one on record.
    """
    proof = plan_customer_proof(platform, retailer, day, pseudonym)
    found = platform.sequencer.find(plan_record_id(retailer, day))
    if found is None:
        rule = Text(en="a plan day on record", ja="記録のあるプラン日")
        raise UnknownReference("UNKNOWN_PLAN_DAY", "day", period_of_day(day), rule)
    rows = [CustomerRow(row.row, row.quantity_wh, row.salt, row.proof) for row in proof.rows]
    record = logged_record(platform, found[0], witnessed=witnessed)
    return seal_customer(record, rows, platform.keys.vkey, platform.settings.origin)
