"""What a use case decided: commands, the payloads they name by hash, and lake files to write first.

A plan is a value. Several can be joined and carried out as one batch: one frame of the journal, so that all of
it is acknowledged or none.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.engine.batch import MAX_COMMANDS
from wattmark.engine.commands import stack
from wattmark.metering.channel import ChannelState

Commands = npt.NDArray[np.int64]
"""Commands, ``int64 [n, 16]``."""
NO_COMMANDS: Final = stack([])


@dataclass(frozen=True, slots=True)
class LakeWrite:
    """A file that must be durable in the lake before the record that names it.

    Attributes:
        path: below the lake.
        data: its bytes.
        identity: id of the command whose record names it; once that is in the journal the file stands.
    """

    path: str
    data: bytes
    identity: int


@dataclass(frozen=True, slots=True)
class ChannelChange:
    """Channel states that hold once a command is accepted.

    Attributes:
        identity: id of that command.
        states: the channels' states after it.
    """

    identity: int
    states: tuple[ChannelState, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Plan:
    """Commands in order, their payloads, and the lake files they name.

    Attributes:
        commands: ``int64 [n, 16]``.
        payloads: bytes whose SHA-256 stands in a command.
        files: lake files, written before the commands are submitted.
        channels: what the commands make of meter channels.
    """

    commands: Commands
    payloads: tuple[bytes, ...] = ()
    files: tuple[LakeWrite, ...] = ()
    channels: tuple[ChannelChange, ...] = ()

    def __len__(self) -> int:
        """Return the number of commands."""
        return len(self.commands)

    def __add__(self, other: "Plan") -> "Plan":
        """Return both plans as one, this one first."""
        return join([self, other])


def plan_of(
    rows: Iterable[Commands],
    payloads: Iterable[bytes] = (),
    files: Iterable[LakeWrite] = (),
    channels: Iterable[ChannelChange] = (),
) -> Plan:
    """Return the plan of single command rows (``int64 [16]`` each)."""
    return Plan(stack(rows), tuple(payloads), tuple(files), tuple(channels))


def in_one_frame(plan: Plan, field: str) -> Plan:
    """Return the plan if it fits into one frame, so that a crash leaves all of it or nothing.

    Raises:
        MalformedInput: more commands than a batch holds.
    """
    if len(plan) <= MAX_COMMANDS:
        return plan
    rule = Text(en=f"at most {MAX_COMMANDS} commands; send it in parts", ja=f"{MAX_COMMANDS}件以下に分けて送ること")
    raise MalformedInput("TOO_MUCH_AT_ONCE", field, len(plan), rule)


def join(plans: Iterable[Plan]) -> Plan:
    """Return the plans as one, in order."""
    parts = list(plans)
    return Plan(
        np.concatenate([NO_COMMANDS, *(part.commands for part in parts)]),
        tuple(payload for part in parts for payload in part.payloads),
        tuple(file for part in parts for file in part.files),
        tuple(change for part in parts for change in part.channels),
    )
