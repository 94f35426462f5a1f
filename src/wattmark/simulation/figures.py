"""What a run amounts to, read from the ledger, the log and the lake; never from counters of the process.

A run that was killed and went on therefore reports what one that was not reports.
"""

import io
import resource
import sys
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Final

import pyarrow.parquet as pq

from wattmark.engine.layout import A_CASH_E5, H_OUTSTANDING_WH
from wattmark.flows.bulk import READINGS_TABLE, SLOTS_TABLE
from wattmark.flows.platform import Platform
from wattmark.flows.settle_day import recorded_settlement
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.market.layout import P_VOLUME_WH
from wattmark.metering.decode import day_of_period
from wattmark.metering.errors import Code
from wattmark.tokens.layout import B_EXPIRED_WH, B_ISSUED_WH, B_RETIRED_WH, ENERGY_CLAIM, L_END, L_KIND, L_START

_KIB_PER_MIB: Final = 1_024
_BYTES_PER_MIB: Final = 1 << 20


@dataclass(frozen=True, slots=True)
class Figures:
    """What is reported of a run.

    Attributes:
        days: settled days.
        periods: settled periods.
        accounts: accounts, the operator's three included.
        devices: metered channels.
        readings: slots under an accepted day seal.
        envelopes_verified: slot and day envelopes accepted.
        envelopes_refused: slot and day envelopes refused.
        minted_wh: tokens issued [Wh].
        traded_wh: tokens traded, each time they were [Wh].
        retired_wh: tokens retired, for consumption or for their origin [Wh].
        banked_wh: tokens ever deposited with the bank, after the charge [Wh].
        outstanding_wh: of these, what the bank still owes [Wh].
        residual_wh: consumption that no token covered [Wh].
        expired_wh: tokens expired [Wh].
        cash_sum_e5jpy: sum of all cash; 0 (L3) [10^-5 JPY].
        log_size: records in the log.
        root: root of the log's tree, hexadecimal.
        state_hash: hash of the state, hexadecimal.
    """

    days: int
    periods: int
    accounts: int
    devices: int
    readings: int
    envelopes_verified: int
    envelopes_refused: int
    minted_wh: int
    traded_wh: int
    retired_wh: int
    banked_wh: int
    outstanding_wh: int
    residual_wh: int
    expired_wh: int
    cash_sum_e5jpy: int
    log_size: int
    root: str
    state_hash: str

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def figures_of(platform: Platform) -> Figures:
    """Return the figures of a platform as it stands; publish first."""
    state = platform.state
    bundles, lots = state.bundles, state.lots
    claims = lots[lots[:, L_KIND] == ENERGY_CLAIM]
    envelopes: Counter[str] = Counter()
    readings = 0
    for path in platform.lake.list():
        name = path.rsplit("/", 1)[-1]
        if name.startswith(READINGS_TABLE):
            envelopes.update(_column(platform, path, "code"))
        elif name.startswith(SLOTS_TABLE):
            readings += _rows(platform, path)
    verified = envelopes.pop(Code.OK.value, 0)
    text = platform.sequencer.checkpoint_text
    assert text is not None, "a run publishes before it reports"
    checkpoint = open_checkpoint(text, platform.keys.vkey, platform.settings.origin)
    settled = len(platform.views.settled_days())
    return Figures(
        days=settled,
        periods=settled * (86_400 // platform.settings.resolution_s),
        accounts=state.count("accounts"),
        devices=state.count("devices"),
        readings=readings,
        envelopes_verified=verified,
        envelopes_refused=sum(envelopes.values()),
        minted_wh=int(bundles[:, B_ISSUED_WH].sum()),
        traded_wh=int(state.products[:, P_VOLUME_WH].sum()),
        retired_wh=int(bundles[:, B_RETIRED_WH].sum()),
        banked_wh=int((claims[:, L_END] - claims[:, L_START]).sum()),
        outstanding_wh=int(state.header[H_OUTSTANDING_WH]),
        residual_wh=residual_wh(platform),
        expired_wh=int(bundles[:, B_EXPIRED_WH].sum()),
        cash_sum_e5jpy=int(state.accounts[:, A_CASH_E5].sum()),
        log_size=checkpoint.size,
        root=checkpoint.root.hex(),
        state_hash=state.state_hash().hex(),
    )


def peak_mb() -> float:
    """Return the most memory this process ever held [MiB]."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return round(peak / (_BYTES_PER_MIB if sys.platform == "darwin" else _KIB_PER_MIB), 1)


def _column(platform: Platform, path: str, name: str) -> list[str]:
    table = pq.read_table(io.BytesIO(platform.lake.get(path)), columns=[name])
    values: list[str] = table.column(name).to_pylist()
    return values


def _rows(platform: Platform, path: str) -> int:
    return int(pq.ParquetFile(io.BytesIO(platform.lake.get(path))).metadata.num_rows)


def residual_wh(platform: Platform) -> int:
    """Return the consumption no token covered, from the settlements on record [Wh]."""
    total = 0
    for number in platform.views.settled_days():
        settlement = recorded_settlement(platform, day_of_period(number))
        assert settlement is not None, "a settled day is on record"
        total += settlement.totals["residual_wh"]
    return total
