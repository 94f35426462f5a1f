"""Many envelopes at once: one named outcome per item, in the order given.

The signatures are checked first, through a ``map`` that the caller may replace by that of a thread pool
(libsodium frees the interpreter); the sequence of each channel is checked after, in order.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from wattmark.core.errors import Refused
from wattmark.metering.channel import ChannelKey, ChannelState
from wattmark.metering.errors import Code, Equivocation
from wattmark.metering.keys import KeyRing
from wattmark.metering.opening import OpenedDay, OpenedSlot, open_day, open_slot
from wattmark.metering.verify import (
    DEFAULT_POLICY,
    VerifiedDay,
    VerifiedSlot,
    VerifyPolicy,
    accept_day,
    accept_slot,
)

States = Mapping[ChannelKey, ChannelState]
ReadingT = TypeVar("ReadingT", VerifiedSlot, VerifiedDay)
OpenedT = TypeVar("OpenedT", OpenedSlot, OpenedDay)


class Mapper(Protocol):
    """The built-in ``map``, or that of an executor: results in the order of the items."""

    def __call__(
        self, function: Callable[[bytes], "OpenedT | Refused"], items: Sequence[bytes], /
    ) -> Iterable["OpenedT | Refused"]:
        """Return the function's results in order."""


@dataclass(frozen=True, slots=True)
class Outcome(Generic[ReadingT]):
    """What became of one envelope.

    Attributes:
        code: ``OK`` or the code of the refusal.
        reading: the verified slot or day, where the code is ``OK``.
        refusal: the error, where it is not.
        channel: the meter channel, where the envelope got far enough to name a known one.
    """

    code: Code
    reading: ReadingT | None
    refusal: Refused | None
    channel: ChannelKey | None


SlotOutcome = Outcome[VerifiedSlot]
DayOutcome = Outcome[VerifiedDay]


def verify_slots(
    envelopes: Sequence[bytes],
    states: States,
    keys: KeyRing,
    log_time_ms: int,
    policy: VerifyPolicy = DEFAULT_POLICY,
    mapper: Mapper = map,
) -> tuple[dict[ChannelKey, ChannelState], list[SlotOutcome]]:
    """Verify slot envelopes as ``verify_slot`` does one.

    Args:
        envelopes: as received, in order.
        states: every known channel.
        keys: registered keys.
        log_time_ms: when the batch was received [ms].
        policy: the operator's decisions about time.
        mapper: ``map``, or ``executor.map`` to check signatures in threads.

    Returns:
        The states that changed, and one outcome per envelope.
    """

    def opened(envelope: bytes) -> OpenedSlot | Refused:
        try:
            return open_slot(envelope, states, keys, log_time_ms)
        except Refused as error:
            return error

    changed: dict[ChannelKey, ChannelState] = {}
    outcomes: list[SlotOutcome] = []
    for item in mapper(opened, envelopes):
        if isinstance(item, Refused):
            outcomes.append(_refused(item, None))
            continue
        channel = ChannelKey(item.leaf.meter_id, item.leaf.channel)
        state = changed.get(channel) or states[channel]
        try:
            reading, changed[channel] = accept_slot(item, state, log_time_ms, policy)
        except Refused as error:
            _keep_frozen(error, channel, changed)
            outcomes.append(_refused(error, channel))
        else:
            outcomes.append(Outcome(Code.OK, reading, None, channel))
    return changed, outcomes


def verify_days(
    envelopes: Sequence[bytes],
    states: States,
    keys: KeyRing,
    log_time_ms: int,
    policy: VerifyPolicy = DEFAULT_POLICY,
    mapper: Mapper = map,
) -> tuple[dict[ChannelKey, ChannelState], list[DayOutcome]]:
    """Verify day envelopes as ``verify_day`` does one; arguments and result as in ``verify_slots``."""

    def opened(envelope: bytes) -> OpenedDay | Refused:
        try:
            return open_day(envelope, states, keys, log_time_ms)
        except Refused as error:
            return error

    changed: dict[ChannelKey, ChannelState] = {}
    outcomes: list[DayOutcome] = []
    for item in mapper(opened, envelopes):
        if isinstance(item, Refused):
            outcomes.append(_refused(item, None))
            continue
        channel = ChannelKey(item.day.meter_id, item.day.channel)
        state = changed.get(channel) or states[channel]
        try:
            reading, changed[channel] = accept_day(item, state, log_time_ms, policy)
        except Refused as error:
            _keep_frozen(error, channel, changed)
            outcomes.append(_refused(error, channel))
        else:
            outcomes.append(Outcome(Code.OK, reading, None, channel))
    return changed, outcomes


def _refused(error: Refused, channel: ChannelKey | None) -> Outcome[ReadingT]:
    return Outcome(Code(error.code), None, error, channel)


def _keep_frozen(error: Refused, channel: ChannelKey, changed: dict[ChannelKey, ChannelState]) -> None:
    if isinstance(error, Equivocation) and isinstance(error.state, ChannelState):
        changed[channel] = error.state
