"""Where the verification of each meter channel stands, and which keys may sign for it.

Theory of operation. A day seal's row in the lake holds the channel's state after it; the slot envelopes accepted
since then are verified again, in order, at the log time noted beside them. So a state can always be derived from the
journal and the lake alone. Within one process the states are kept in memory; nothing of them survives a restart.
"""

from collections.abc import Callable, Iterable
from functools import lru_cache, partial
from typing import Any, Final, Protocol, cast

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import MalformedInput, Refused, UnknownReference
from wattmark.core.text import Text
from wattmark.engine.state import State
from wattmark.flows.lakefiles import read_table
from wattmark.flows.ports import LakePlace
from wattmark.metering.channel import ChannelKey, ChannelState, Commissioning, decode_state
from wattmark.metering.errors import Equivocation
from wattmark.metering.keys import KeyRing, MeterKey
from wattmark.metering.verify import verify_slot
from wattmark.tokens import layout as k

METER_ID_FIELD: Final = "meter_id"
FILES_KEPT: Final = 64
"""Lake files whose envelopes are kept in memory while states are derived: more than a day of half hours."""


class ChannelStore(Protocol):
    """Where sealed states and the places of later slot envelopes are found."""

    def channel(self, device: int) -> bytes | None:
        """Return the encoded state after the channel's last seal or freeze."""
        ...

    def pending(self, device: int) -> list[LakePlace]:
        """Return where the slot envelopes accepted since then lie, oldest first."""
        ...

    def payload(self, digest: bytes) -> bytes | None:
        """Return the payload with this SHA-256."""
        ...


class Channels:
    """Looks up channels by device or by meter, and derives or keeps their states."""

    def __init__(self, store: ChannelStore, read_lake: Callable[[str], bytes]) -> None:
        """Derive states from ``store``; ``read_lake`` returns a lake file's bytes by path."""
        self._store = store
        self._envelopes = lru_cache(maxsize=FILES_KEPT)(partial(_envelopes_of, read_lake))
        self._states: dict[int, ChannelState] = {}
        self._commissioning: dict[int, Commissioning] = {}
        self._device_of: dict[ChannelKey, int] = {}
        self._keys_seen = 0
        self._devices_seen = 0
        self.keys: KeyRing = KeyRing()

    def refresh(self, state: State) -> None:
        """Learn the devices and keys registered since the last call."""
        for device in range(self._devices_seen, state.count("devices")):
            self._learn_device(device, state)
        self._devices_seen = state.count("devices")
        for row in range(self._keys_seen, state.count("meter_keys")):
            self._learn_key(row, state)
        self._keys_seen = state.count("meter_keys")

    def device_of(self, key: ChannelKey) -> int | None:
        """Return the device registered for a meter's channel."""
        return self._device_of.get(key)

    def channel_keys(self) -> list[ChannelKey]:
        """Return every registered channel of a meter."""
        return list(self._device_of)

    def has_meter(self, device: int) -> bool:
        """Return whether a device has a meter, whose signed readings alone speak for it."""
        return device in self._commissioning

    def state_of(self, device: int) -> ChannelState:
        """Return where the channel of a device stands.

        Raises:
            UnknownReference: the device has no meter.
        """
        kept = self._states.get(device)
        if kept is None:
            kept = self._states[device] = self._derive(device)
        return kept

    def keep(self, states: Iterable[ChannelState]) -> None:
        """Keep the states that a carried-out plan led to."""
        self._states.update({state.device: state for state in states})

    def _derive(self, device: int) -> ChannelState:
        sealed = self._store.channel(device)
        if sealed is not None:
            state = decode_state(sealed)
        elif device in self._commissioning:
            state = self._commissioning[device].open_channel(device)
        else:
            rule = Text(en="a device with a registered meter", ja="計器が登録された装置であること")
            raise UnknownReference("UNKNOWN_DEVICE", "device", device, rule)
        for place in self._store.pending(device):
            envelope, received_ms = self._envelopes(place.file)[place.row]
            try:
                _, state = verify_slot(envelope, self.keys, state, received_ms)
            except Equivocation as error:
                state = cast("ChannelState", error.state)
        return state

    def _learn_device(self, device: int, state: State) -> None:
        row = state.devices[device]
        commissioning = device_commissioning(
            self._text(row[k.D_PAYLOAD : k.D_PAYLOAD + 4].astype("<i8").tobytes()),
            resolution_s=int(row[k.D_RESOLUTION_S]),
            register_open_wh=int(row[k.D_REG_OPEN_WH]),
        )
        if commissioning is not None:
            self._commissioning[device] = commissioning
            self._device_of.setdefault(ChannelKey(commissioning.meter_id, commissioning.channel), device)

    def _learn_key(self, row: int, state: State) -> None:
        words = state.meter_keys[row]
        text = self._text(words[k.M_PAYLOAD : k.M_PAYLOAD + 4].astype("<i8").tobytes())
        try:
            self.keys.add(
                MeterKey(
                    kid=bytes.fromhex(text["kid"]),
                    alg=int(words[k.M_ALG]),
                    public_key=bytes.fromhex(text["public_key"]),
                    device=int(words[k.M_DEVICE]),
                    valid_from_ms=int(words[k.M_VALID_FROM_MS]),
                    revoked_at_ms=int(words[k.M_REVOKED_MS]) or None,
                )
            )
        except (KeyError, ValueError, TypeError, Refused):
            return  # a key that can verify nothing: every envelope it signs is refused as KEY_UNKNOWN

    def _text(self, digest: bytes) -> dict[str, Any]:
        payload = self._store.payload(digest)
        if payload is None:
            return {}
        try:
            content = json_decode_strict(payload)
        except MalformedInput:
            return {}  # no flow of ours writes such a text; to the state machine it is only a hash
        return content if isinstance(content, dict) else {}


def _envelopes_of(read_lake: Callable[[str], bytes], path: str) -> list[tuple[bytes, int]]:
    table = read_table(read_lake(path)).select(["envelope", "received_ms"])
    return list(zip(table.column(0).to_pylist(), table.column(1).to_pylist(), strict=True))


def device_commissioning(text: dict[str, Any], *, resolution_s: int, register_open_wh: int) -> Commissioning | None:
    """Return the commissioning record of a device's text, ``None`` for a device without a meter."""
    try:
        return Commissioning(
            bytes.fromhex(text[METER_ID_FIELD]),
            int(text.get("channel", 0)),
            resolution_s,
            register_open_wh=register_open_wh,
            seq_first=int(text.get("seq_first", 0)),
            **({"cfg_hash": bytes.fromhex(text["cfg_hash"])} if "cfg_hash" in text else {}),
        )
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
