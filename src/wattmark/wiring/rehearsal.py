"""What a host that is to take over must have besides the database, looked at while another still writes."""

import numpy as np

from wattmark.engine import layout as e
from wattmark.engine.batch import decode_batch
from wattmark.engine.commands import Kind, words_hash
from wattmark.engine.outcomes import Outcome
from wattmark.flows.bulk import payload_files
from wattmark.flows.lakefiles import broken_lake
from wattmark.ledger.ports import Journal, Lake


def check_lake(journal: Journal, lake: Lake) -> None:
    """Check that every lake file that a record names is here; the audit looks into them.

    Raises:
        Broken: one is missing; names it.
    """
    here = set(lake.list())
    for frame in journal.read():
        batch = decode_batch(frame.payload)
        if not batch.payloads:
            continue
        kinds = batch.commands[:, e.W_HEAD] & e.HALF_MASK
        accepted = batch.verdicts[:, e.V_OUTCOME] == Outcome.OK
        for row in np.flatnonzero((kinds == Kind.BULK_ROOT) & accepted).tolist():
            for described, _ in payload_files(batch.payloads[words_hash(batch.commands[row, e.W_HASH :])]):
                if described.path not in here:
                    raise broken_lake(described.path, "file", "named by a BULK_ROOT record", "it is not on this host")
