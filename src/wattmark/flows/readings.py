"""The lake tables of readings: every envelope as received with what became of it, and the verified slots."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pyarrow as pa
from typing_extensions import override

from wattmark.core.errors import RuleViolated
from wattmark.core.ids import id_hex
from wattmark.core.text import Text
from wattmark.engine.state import State
from wattmark.flows.bulk import (
    FORM_DAY,
    FORM_SLOT,
    READINGS_TABLE,
    SLOTS_TABLE,
    LakeTable,
)
from wattmark.flows.channels import Channels
from wattmark.flows.lakefiles import lake_table
from wattmark.flows.platform import Platform
from wattmark.flows.recorded import recorded_tables
from wattmark.metering.batch import DayOutcome, Outcome, SlotOutcome
from wattmark.metering.channel import ChannelKey, ChannelState, encode_state
from wattmark.metering.errors import Code
from wattmark.metering.verify import VerifiedDay, VerifiedSlot
from wattmark.tokens import layout as k

NO_DEVICE: Final = -1


@dataclass(frozen=True, slots=True)
class EnvelopeRow:
    """One envelope and what became of it.

    Attributes:
        form: 1 slot, 2 day.
        device: device of its channel, -1 where unknown.
        code: outcome of its verification (``metering.errors.Code``).
        envelope: the bytes as received.
        evidence: its leaf hash where it was accepted.
        new_leaves: of a day, the leaf hashes that only it has brought, back to back.
        state: the channel's state after a day seal or a freeze.
        wh: energy it proves; of a day, all its slots [Wh].
    """

    form: int
    device: int
    code: str
    envelope: bytes
    evidence: bytes | None
    new_leaves: bytes | None
    state: bytes | None
    wh: int


class ChannelStates(Mapping[ChannelKey, ChannelState]):
    """Every known channel by meter, looked up when asked for."""

    def __init__(self, channels: Channels) -> None:
        """Look up in ``channels``."""
        self._channels = channels

    @override
    def __getitem__(self, key: ChannelKey) -> ChannelState:
        """Return the state of a meter's channel."""
        device = self._channels.device_of(key)
        if device is None:
            raise KeyError(key)
        return self._channels.state_of(device)

    @override
    def __iter__(self) -> Iterator[ChannelKey]:
        """Iterate over the registered channels."""
        return iter(self._channels.channel_keys())

    @override
    def __len__(self) -> int:
        """Return the number of registered channels."""
        return len(self._channels.channel_keys())


def earlier_outcomes(platform: Platform, record: int, envelopes: Sequence[bytes]) -> list[Outcome[Any]] | None:
    """Return what became of a delivery that is on record, ``None`` for one that is not.

    The outcomes hold their codes only: what followed from them is in the journal.

    Args:
        platform: the platform.
        record: id of the delivery's BULK_ROOT.
        envelopes: what is delivered now.

    Raises:
        RuleViolated: ``ID_REUSED``, other envelopes were delivered under this id.
        Broken: the lake file is missing or not the one on record.
    """
    recorded = recorded_tables(platform, record)
    if recorded is None:
        return None
    table = recorded[0]
    if table.column("envelope").to_pylist() != list(envelopes):
        rule = Text(en="a new id for another delivery", ja="別の送信には新しいID")
        raise RuleViolated("ID_REUSED", "identity", id_hex(record), rule)
    return [Outcome(Code(code), None, None, None) for code in table.column("code").to_pylist()]


def slot_rows(
    envelopes: Sequence[bytes], outcomes: Sequence[SlotOutcome], states: Mapping[ChannelKey, ChannelState]
) -> list[EnvelopeRow]:
    """Return the rows of slot envelopes; ``states`` are those that changed."""
    rows = []
    for envelope, outcome in zip(envelopes, outcomes, strict=True):
        device, reading = _device(outcome.channel, states), outcome.reading
        frozen = _frozen(outcome.code, outcome.channel, states)
        evidence, wh = (None, 0) if reading is None else (reading.hash, reading.energy_wh)
        rows.append(
            EnvelopeRow(
                FORM_SLOT,
                device if reading is None else reading.device,
                outcome.code,
                envelope,
                evidence,
                None,
                frozen,
                wh,
            )
        )
    return rows


def day_rows(
    envelopes: Sequence[bytes], outcomes: Sequence[DayOutcome], states: Mapping[ChannelKey, ChannelState]
) -> list[EnvelopeRow]:
    """Return the rows of day envelopes; ``states`` are those that changed."""
    rows = []
    for envelope, outcome in zip(envelopes, outcomes, strict=True):
        reading = outcome.reading
        if reading is None or outcome.channel is None:
            device, frozen = _device(outcome.channel, states), _frozen(outcome.code, outcome.channel, states)
            rows.append(EnvelopeRow(FORM_DAY, device, outcome.code, envelope, None, None, frozen, 0))
            continue
        new = b"".join(slot.hash for slot in reading.new_slots)
        state = encode_state(states[outcome.channel])
        wh = int(reading.energy_wh.sum())
        rows.append(EnvelopeRow(FORM_DAY, reading.device, outcome.code, envelope, reading.hash, new, state, wh))
    return rows


def envelope_table(rows: Sequence[EnvelopeRow], identity: int, received_ms: int, salt_key: bytes) -> LakeTable:
    """Return the lake table of envelopes received together at a log time [ms]."""
    path = f"readings/{READINGS_TABLE}-{id_hex(identity)}.parquet"
    columns: dict[str, Any] = {
        "form": pa.array([row.form for row in rows], pa.int64()),
        "device": pa.array([row.device for row in rows], pa.int64()),
        "received_ms": pa.array([received_ms] * len(rows), pa.int64()),
        "code": pa.array([str(row.code) for row in rows], pa.string()),
        "envelope": pa.array([row.envelope for row in rows], pa.binary()),
        "evidence": pa.array([row.evidence for row in rows], pa.binary()),
        "new_leaves": pa.array([row.new_leaves for row in rows], pa.binary()),
        "state": pa.array([row.state for row in rows], pa.binary()),
    }
    return LakeTable(path, lake_table(columns, [row.wh for row in rows], salt_key, path))


def slot_table(days: Sequence[VerifiedDay], state: State, identity: int, salt_key: bytes) -> LakeTable:
    """Return the lake table of the verified slots of sealed days, with owner, area and role at the seal."""
    path = f"readings/{SLOTS_TABLE}-{id_hex(identity)}.parquet"
    slots: list[VerifiedSlot] = [slot for day in days for slot in day.slots]
    device = np.array([slot.device for slot in slots], np.int64)
    registered = state.devices[device] if slots else np.empty((0, k.DEVICE_WORDS), np.int64)
    columns: dict[str, Any] = {
        "device": pa.array(device),
        "account": pa.array(registered[:, k.D_OWNER]),
        "area": pa.array(registered[:, k.D_AREA]),
        "channel_role": pa.array(registered[:, k.D_ROLE]),
        "period_start_s": pa.array([slot.period_start_s for slot in slots], pa.int64()),
        "duration_s": pa.array([slot.duration_s for slot in slots], pa.int64()),
        "label": pa.array([int(slot.label) for slot in slots], pa.int64()),
        "evidence": pa.array([slot.hash for slot in slots], pa.binary()),
    }
    return LakeTable(path, lake_table(columns, [slot.energy_wh for slot in slots], salt_key, path))


def _device(channel: ChannelKey | None, states: Mapping[ChannelKey, ChannelState]) -> int:
    state = None if channel is None else states.get(channel)
    return NO_DEVICE if state is None else state.device


def _frozen(code: Code, channel: ChannelKey | None, states: Mapping[ChannelKey, ChannelState]) -> bytes | None:
    """Return the encoded frozen state where this envelope froze its channel."""
    if channel is None or code not in (Code.EQUIVOCATION, Code.SLOT_DIFFERS):
        return None
    return encode_state(states[channel])
