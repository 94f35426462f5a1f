"""Readings verified again: every envelope's outcome, every verified slot, every token minted from one (L4)."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pyarrow as pa

from wattmark.core.findings import Finding
from wattmark.engine import layout as e
from wattmark.engine.commands import Words, words_hash
from wattmark.engine.state import State
from wattmark.flows.bulk import FORM_DAY, READINGS_TABLE, SLOTS_TABLE
from wattmark.flows.channels import Channels
from wattmark.flows.lakefiles import SALT_COLUMN
from wattmark.flows.ports import LakePlace
from wattmark.flows.readings import ChannelStates, day_rows, envelope_table, slot_rows, slot_table
from wattmark.metering.batch import verify_days, verify_slots
from wattmark.metering.verify import VerifiedSlot
from wattmark.tokens import layout as k

ENVELOPE_RULE: Final = "metering: a verification repeated gives the outcome on record"
SLOT_RULE: Final = "metering: verified slots are those of the sealed days"
MINT_RULE: Final = "L4: a token comes from a verified reading"
_NO_SALT: Final = bytes(32)


class _Memory:
    """Payloads seen so far, and no stored channel states: everything is derived from the first envelope on."""

    def __init__(self) -> None:
        self.payloads: dict[bytes, bytes] = {}

    def channel(self, device: int) -> bytes | None:
        """Return nothing."""
        del device
        return None

    def pending(self, device: int) -> list[LakePlace]:
        """Return nothing."""
        del device
        return []

    def payload(self, digest: bytes) -> bytes | None:
        """Return a payload that a frame brought."""
        return self.payloads.get(digest)


def _no_lake(path: str) -> bytes:
    raise KeyError(path)


class ReadingsCheck:
    """Follows the channels through the journal as the platform did."""

    def __init__(self) -> None:
        """Start before the first device."""
        self._memory = _Memory()
        self._channels = Channels(self._memory, _no_lake)
        self._unminted: dict[bytes, tuple[int, int, int]] = {}
        self._slots: dict[int, list[pa.Table]] = {}

    def learn(self, payloads: Mapping[bytes, bytes], state: State) -> None:
        """Learn the devices and keys that a frame registered."""
        self._memory.payloads.update(payloads)
        self._channels.refresh(state)

    def trust(self, evidence: bytes, device: int, end_s: int, register_wh: int) -> None:
        """Let a token come from an unsigned reading that the policy admits."""
        self._unminted[evidence] = (device, end_s, register_wh)

    def slots_of(self, day: int) -> list[pa.Table]:
        """Return the tables of verified slots of a JST day (yyyymmdd), once: a day is settled once."""
        return self._slots.pop(day, [])

    def check(self, tables: Mapping[str, pa.Table], days: Sequence[int], state: State) -> list[Finding]:
        """Verify the envelopes of a READINGS record again and compare with its tables.

        Args:
            tables: its tables by lake path.
            days: JST days its payload names.
            state: the state before the frame.
        """
        findings: list[Finding] = []
        for path, table in tables.items():
            if path.rsplit("/", 1)[-1].startswith(READINGS_TABLE):
                findings += self._envelopes(path, table, tables, state)
        for path, table in tables.items():
            if path.rsplit("/", 1)[-1].startswith(SLOTS_TABLE):
                for day in days:
                    self._slots.setdefault(day, []).append(table)
        return findings

    def minted(self, where: str, command: Words) -> list[Finding]:
        """Compare an accepted ISSUE with the reading it names; each reading is used once."""
        reading = self._unminted.pop(words_hash(command[e.W_HASH :]), None)
        device, start_s, duration_s, register_wh = (int(command[word]) for word in (3, 4, 5, 7))
        if reading == (device, start_s + duration_s, register_wh):
            return []
        detail = f"device {device}, register {register_wh} Wh at {start_s + duration_s}: reading {reading}"
        return [Finding("journal", where, MINT_RULE, detail)]

    def _envelopes(self, path: str, table: pa.Table, tables: Mapping[str, pa.Table], state: State) -> list[Finding]:
        envelopes: list[bytes] = table.column("envelope").to_pylist()
        if not envelopes:
            return []
        received_ms = int(table.column("received_ms")[0].as_py())
        states, ring = ChannelStates(self._channels), self._channels.keys
        if int(table.column("form")[0].as_py()) == FORM_DAY:
            changed, days = verify_days(envelopes, states, ring, received_ms)
            rows = day_rows(envelopes, days, changed)
            sealed = [outcome.reading for outcome in days if outcome.reading is not None]
            slots: list[VerifiedSlot] = [slot for day in sealed for slot in day.new_slots]
            findings = [
                finding
                for other, stored in tables.items()
                if other.rsplit("/", 1)[-1].startswith(SLOTS_TABLE)
                for finding in _differences(other, stored, slot_table(sealed, state, 1, _NO_SALT).table, SLOT_RULE)
            ]
        else:
            changed, outcomes = verify_slots(envelopes, states, ring, received_ms)
            rows = slot_rows(envelopes, outcomes, changed)
            slots = [outcome.reading for outcome in outcomes if outcome.reading is not None]
            findings = []
        self._channels.keep(changed.values())
        for slot in slots:
            if slot.energy_wh and state.devices[slot.device, k.D_ROLE] == k.CHANNEL_PRODUCTION:
                self._unminted[slot.hash] = (slot.device, slot.leaf.t_end, slot.reg_to_wh)
        expected = envelope_table(rows, 1, received_ms, _NO_SALT).table
        return findings + _differences(path, table, expected, ENVELOPE_RULE)


def _differences(path: str, stored: pa.Table, expected: pa.Table, rule: str) -> list[Finding]:
    """Return the first row in which a stored table is not the expected one, the salts left aside."""
    file = f"lake/{path}"
    names = [name for name in expected.column_names if name != SALT_COLUMN]
    if stored.num_rows != expected.num_rows or [n for n in stored.column_names if n != SALT_COLUMN] != names:
        detail = f"{stored.num_rows} rows of {stored.column_names}, expected {expected.num_rows} of {names}"
        return [Finding(file, "whole file", rule, detail)]
    for name in names:
        here, there = stored.column(name).to_pylist(), expected.column(name).to_pylist()
        if here != there:
            row = next(at for at, pair in enumerate(zip(here, there, strict=True)) if pair[0] != pair[1])
            return [
                Finding(file, f"row {row}, column {name}", rule, f"{_shown(here[row])}, expected {_shown(there[row])}")
            ]
    return []


def _shown(value: Any) -> str:  # noqa: ANN401 - any cell
    text = value.hex() if isinstance(value, bytes) else repr(value)
    return text if len(text) <= 80 else text[:80] + "..."
