"""What every use case works on: the parts of one platform, and how a plan is carried out."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import Refused, UnknownReference
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.batch import MAX_COMMANDS, named_payloads
from wattmark.engine.commands import payload_hash
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.engine.state import State
from wattmark.flows.channels import Channels
from wattmark.flows.cosign import published_checkpoint
from wattmark.flows.cosigning import COSIGN_EVERY_S, Cosigning
from wattmark.flows.keys import Keys
from wattmark.flows.owners import OwnerGroups
from wattmark.flows.plan import Commands, Plan
from wattmark.flows.ports import Views
from wattmark.flows.replication import Replication
from wattmark.flows.sequence import Sequencer
from wattmark.flows.settings import Settings
from wattmark.ledger.note import parse_vkey
from wattmark.ledger.ports import Checkpoints, Lake, Tiles

Verdicts = npt.NDArray[np.int64]
"""One verdict per command, ``int64 [n, 4]``: timestamp [ms], outcome, two results."""


@dataclass(frozen=True, slots=True)
class Done:
    """An accepted command: its results and its timestamp [ms]."""

    timestamp_ms: int
    result0: int
    result1: int


class Platform(ABC):
    """The parts of one platform; ``wiring`` puts the engines in.

    Attributes:
        home: directory of the platform.
        settings: the operator's settings.
        keys: its secrets.
        state: the state machine's tables; only the sequencer changes them.
        sequencer: the one way to change the state.
        lake: files of columns.
        tiles: public files of the log.
        witnessed: the last checkpoint that witnesses cosigned; written by ``flows.cosign`` only.
        views: disposable read model.
        channels: where each meter channel's verification stands.
        replication: who follows, and what they have.
        elsewhere: where commands go, if this is another writer's mirror.
        cosigning: collects cosignatures while the platform is served, where there is a policy.
        cosign_every_s: pause between two collections [s].
    """

    home: Path
    settings: Settings
    keys: Keys
    sequencer: Sequencer
    lake: Lake
    tiles: Tiles
    witnessed: Checkpoints
    views: Views
    channels: Channels
    replication: Replication
    elsewhere: Text | None = None
    cosigning: Cosigning | None = None
    cosign_every_s: float = COSIGN_EVERY_S

    @property
    def state(self) -> State:
        """The state machine's tables, to read between batches; ``sequencer.reading()`` holds them still."""
        return self.sequencer.state

    def publish(self) -> str:
        """Sign a checkpoint over every record, and return it.

        Raises:
            Unavailable: read-only, stopped, or a store refuses.
        """
        return self.sequencer.publish()

    @property
    def published_checkpoint(self) -> str | None:
        """The checkpoint to show to the world: the last one that witnesses cosigned, else the last signed one."""
        signed, witnessed = self.sequencer.checkpoint_text, self.witnessed.load()
        return published_checkpoint(signed, witnessed, parse_vkey(self.keys.vkey))

    def owner_groups(self) -> OwnerGroups:
        """Return the accounts that belong to one owner, as far as the operator knows.

        Raises:
            MalformedInput: what is written of it has another form.
        """
        return ()

    @abstractmethod
    def tick(self, now_ms: int) -> None:
        """Publish and take a snapshot when they are due; call it every second or so, from one thread."""

    def execute(self, plan: Plan, now_ms: int) -> Verdicts:
        """Make the plan's lake files durable, submit its commands, and return a verdict for each.

        Up to ``MAX_COMMANDS`` commands are one frame of the journal: acknowledged together or not at all. A file whose
        record is already in the journal is left alone, so carrying out the same plan twice changes nothing.

        Raises:
            Unavailable: not the writer, disk full, or an earlier write failed; nothing was acknowledged.
        """
        for file in plan.files:
            if self.sequencer.find(file.identity) is None:
                self.lake.put(file.path, file.data, replace=True)
        verdicts = [
            self.sequencer.submit(part, _named(part, plan.payloads), now_ms=now_ms) for part in _parts(plan.commands)
        ]
        done = np.concatenate(verdicts) if verdicts else np.empty((0, e.VERDICT_WORDS), np.int64)
        for change in plan.channels:
            if self.is_done(change.identity):
                self.channels.keep(change.states)
        return done

    def execute_all(self, plan: Plan, now_ms: int) -> list[Done]:
        """Carry out a plan of which every command must be accepted.

        Raises:
            RuleViolated: the first command that was refused, with field, value and rule.
            Unavailable: as ``execute``.
        """
        verdicts = self.execute(plan, now_ms)
        for row, verdict in zip(plan.commands, verdicts, strict=True):
            if verdict[e.V_OUTCOME] != Outcome.OK:
                raise refusal(row, Outcome(int(verdict[e.V_OUTCOME])))
        return [
            Done(int(verdict[e.V_TIMESTAMP_MS]), int(verdict[e.V_RESULT0]), int(verdict[e.V_RESULT1]))
            for verdict in verdicts
        ]

    def execute_one(self, plan: Plan, now_ms: int) -> Done:
        """Carry out a plan and return the result of its first command.

        Raises:
            RuleViolated: a command was refused.
            Unavailable: as ``execute``.
        """
        return self.execute_all(plan, now_ms)[0]

    def is_done(self, identity: int) -> bool:
        """Return whether a command with this id was accepted."""
        found = self.sequencer.find(identity)
        return found is not None and int(found[1][e.V_OUTCOME]) == Outcome.OK

    def text_of(self, digest: bytes) -> dict[str, Any]:
        """Return the JSON payload with this SHA-256, ``{}`` when there is none.

        Raises:
            MalformedInput: the payload is not JSON.
        """
        payload = self.views.payload(digest)
        content: dict[str, Any] = {} if payload is None else json_decode_strict(payload)
        return content


def existing(count: int, row: int, field: str, name: Text) -> int:
    """Return the row if it exists.

    Args:
        count: rows of the table.
        row: row asked for.
        field: name of the field that holds it.
        name: what the table holds.

    Raises:
        UnknownReference: there is no such row.
    """
    if 0 <= row < count:
        return row
    rule = Text(en=f"an existing {name.en}", ja=f"存在する{name.ja}")
    error: Refused = UnknownReference(f"UNKNOWN_{field.upper()}", field, row, rule)
    raise error


def _parts(commands: Commands) -> list[Commands]:
    return [commands[start : start + MAX_COMMANDS] for start in range(0, len(commands), MAX_COMMANDS)]


def _named(commands: Commands, payloads: Sequence[bytes]) -> list[bytes]:
    """Return the payloads that these commands name."""
    by_hash = {payload_hash(payload): payload for payload in payloads}
    return [by_hash[digest] for digest in named_payloads(commands) if digest in by_hash]
