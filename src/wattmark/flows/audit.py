"""Audit a home directory: everything that holds truth is derived again, and what does not hold is named.

In order:

 1. settings and public key: their form; later, that they are the ones on record
 2. journal: every frame whole, numbered, chained, zeros behind the last; every payload named by its hash
 3. replay: every verdict and every state hash on record comes out again (L6); salts are those of the blinding key
 4. lake: every file a record names has its bytes, rows, total and root; readings are verified again, settlements and
    statements recomputed (L2, L4)
 5. log: leaf hashes -> tiles -> both copies of the signed checkpoint (L7)
 6. laws L1-L4 and L9 over the state, every 64 frames and at the end
 7. disposable files: snapshots and read model, only noted

One pass over the journal, a few frames and one lake file in memory at a time beside the state and the tree. What needs no
state (decoding, salts, leaf hashes) is done ahead of the rest, in threads.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pyarrow as pa

from wattmark.core.errors import Broken, Refused
from wattmark.core.findings import Finding
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.audit import audit_state
from wattmark.engine.batch import Batch
from wattmark.engine.commands import BulkKind, Kind, Words, id_of, words_hash
from wattmark.engine.outcomes import Outcome
from wattmark.engine.state import State
from wattmark.flows.audit_auctions import AuctionsCheck
from wattmark.flows.audit_frames import Prepared, prepared
from wattmark.flows.audit_lake import LakeCheck
from wattmark.flows.audit_ports import Found, HomeFiles
from wattmark.flows.audit_readings import ReadingsCheck
from wattmark.flows.audit_settlement import SettlementCheck
from wattmark.flows.bulk import payload_content
from wattmark.flows.cosign import WITNESSED_FILE
from wattmark.flows.import_readings import unsigned_readings
from wattmark.flows.sequence import replay_frame
from wattmark.flows.settings import SETTINGS_FILE, Settings, parse_settings
from wattmark.flows.steps import Steps, no_steps
from wattmark.ledger.audit import CHECKPOINT_RULE, audit_checkpoint, audit_tiles
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.frames import Frame
from wattmark.ledger.lakefile import LakeFile, describe_lake_file
from wattmark.ledger.merkle import MerkleTree
from wattmark.ledger.note import NoteKey, parse_vkey
from wattmark.ledger.tiles import CHECKPOINT_PATH, tree_from_tiles

VKEY_FILE: Final = "keys/log.vkey"
LOG_KEY_FILE: Final = "keys/log.key"
BLINDING_FILE: Final = "keys/blinding.key"
SETTINGS_RULE: Final = "settings: the file is the one on record"
KEY_RULE: Final = "keys: the files belong together and to the journal"
BATCH_RULE: Final = "journal: a frame is a batch with the payloads its commands name"
SALT_RULE: Final = "L8: the salts of a frame derive from the blinding key"
SNAPSHOT_RULE: Final = "snapshot: holds, and is the state at its frame"

LAWS_EVERY: Final = 64
"""The laws are checked over the state after every so many frames, and at the end [frames]."""
_NO_SECRET: Final = b"no secret"

STEP_JOURNAL: Final = Text(en="journal, lake, replay", ja="ジャーナル・レイク・再実行")
STEP_LOG: Final = Text(en="tiles and checkpoint", ja="タイルとチェックポイント")
STEP_LAWS: Final = Text(en="laws", ja="法則")


@dataclass
class _Progress:
    """What one pass over the journal gathers."""

    state: State = field(default_factory=State)
    tree: MerkleTree = field(default_factory=MerkleTree)
    whole: bool = True
    replays: bool = True
    lawful: bool = True
    sequence: int = -1
    frame_hash: bytes = bytes(32)
    settings_record: tuple[str, bytes] | None = None
    snapshots: dict[int, list[Found]] = field(default_factory=dict)


class _Audit:
    """One audit of one home."""

    def __init__(self, home: HomeFiles, *, quick: bool, steps: Steps) -> None:
        self._home = home
        self._quick = quick
        self._steps = steps
        self._seen = _Progress()
        self._lake = LakeCheck(home.lake_file)
        self._readings = ReadingsCheck()
        self._auctions = AuctionsCheck()
        self._blinding = _secret(home.home_file(BLINDING_FILE))
        self._settings: Settings | None = None
        self._settlement = SettlementCheck(self._readings.slots_of, 1_800)
        self._snapshots = [] if quick else home.snapshots()

    def run(self) -> Iterator[Found]:
        """Yield what does not hold, as it is found."""
        yield from self._settings_and_keys()
        vkey = _parsed_vkey(self._home.home_file(VKEY_FILE))
        if self._settings is not None:
            self._settlement = SettlementCheck(self._readings.slots_of, self._settings.resolution_s)
        yield from self._journal()
        yield from self._record_of_settings()
        if vkey is not None:
            yield from self._log(vkey)
        if not self._quick and self._seen.replays:
            self._steps(STEP_LAWS, 0, 1)
            if self._seen.lawful:
                yield from map(Found, audit_state(self._seen.state))
            yield from map(Found, self._settlement.finish(self._seen.state))
            self._steps(STEP_LAWS, 1, 1)
        yield from self._disposable()

    def _settings_and_keys(self) -> Iterator[Found]:
        for path in (SETTINGS_FILE, VKEY_FILE):
            if self._home.home_file(path) is None:
                yield Found(Finding(path, "whole file", SETTINGS_RULE, "missing"))
        data = self._home.home_file(SETTINGS_FILE)
        if data is not None:
            try:
                self._settings = parse_settings(data)
            except Refused as error:
                yield Found(Finding(SETTINGS_FILE, f"field {error.field}", SETTINGS_RULE, str(error)))
        public = self._home.home_file(VKEY_FILE)
        if public is not None:
            yield from self._keys(public)

    def _keys(self, public: bytes) -> Iterator[Found]:
        try:
            verifier = parse_vkey(public.decode().rstrip("\n"))
        except (Refused, UnicodeDecodeError) as error:
            yield Found(Finding(VKEY_FILE, "whole file", KEY_RULE, str(error)))
            return
        if self._settings is not None and verifier.name != self._settings.origin:
            yield Found(Finding(VKEY_FILE, "name", KEY_RULE, f"{verifier.name} is not {self._settings.origin}"))
        secret = self._home.home_file(LOG_KEY_FILE)
        if secret is None:
            yield Found(
                Finding(LOG_KEY_FILE, "whole file", KEY_RULE, "missing: a copy without secrets"), is_truth=False
            )
            return
        try:
            key = NoteKey.from_skey(secret.decode(errors="replace").rstrip("\n"))
        except Refused as error:
            yield Found(Finding(LOG_KEY_FILE, "whole file", KEY_RULE, str(error)))
            return
        if key.vkey != verifier.vkey:
            yield Found(Finding(LOG_KEY_FILE, "whole file", KEY_RULE, f"its public half is not {VKEY_FILE}"))

    def _journal(self) -> Iterator[Found]:
        seen = self._seen
        done, total = 0, self._home.journal_bytes()
        for item in prepared(self._home.frames(), self._blinding):
            if isinstance(item, Finding):
                seen.whole = seen.replays = False
                yield Found(item)
                continue
            yield from map(Found, self._frame(item))
            done += item.frame.end - item.frame.offset
            self._steps(STEP_JOURNAL, min(done, total), total)
        self._steps(STEP_JOURNAL, total, total)

    def _frame(self, item: Prepared) -> Iterator[Finding]:
        seen = self._seen
        file, frame, batch = item.file, item.frame, item.batch
        where = f"frame {frame.sequence} at byte {frame.offset}"
        seen.sequence, seen.frame_hash = frame.sequence, frame.frame_hash
        if isinstance(batch, Refused):
            seen.whole = seen.replays = False
            yield Finding(file, where, BATCH_RULE, str(batch))
            return
        if seen.whole:
            seen.tree.append(item.leaf_hashes)
        if self._blinding is not None and not item.are_salts_drawn:
            self._blinding = None
            yield Finding(BLINDING_FILE, "whole file", SALT_RULE, f"{file}, {where}: other salts")
        yield from self._bulks(file, where, batch)
        if not self._quick and seen.replays:
            yield from self._replay(file, frame, batch)

    def _replay(self, file: str, frame: Frame, batch: Batch) -> Iterator[Finding]:
        seen = self._seen
        first = seen.state.position
        try:
            replay_frame(seen.state, frame)
        except Broken as error:
            seen.replays = False
            yield Finding(file, error.position, error.rule, error.detail)
            return
        self._readings.learn(batch.payloads, seen.state)
        where = f"frame {frame.sequence} at byte {frame.offset}"
        kinds = batch.commands[:, e.W_HEAD] & e.HALF_MASK
        accepted = batch.verdicts[:, e.V_OUTCOME] == Outcome.OK
        for row in np.flatnonzero(((kinds == Kind.ISSUE) | (kinds == Kind.RETIRE)) & accepted).tolist():
            command = batch.commands[row]
            if kinds[row] == Kind.ISSUE:
                for finding in self._readings.minted(f"{where}, record {first + row}", command):
                    yield Finding(file, finding.position, finding.rule, finding.detail)
            else:
                self._settlement.retired(first + row, command, int(command[e.W_HEAD]) >> e.ACTOR_SHIFT)
        for row in np.flatnonzero((kinds == Kind.PRICE_AUCTION) & accepted).tolist():
            for finding in self._auctions.priced(f"{where}, record {first + row}", batch.commands[row]):
                yield Finding(file, finding.position, finding.rule, finding.detail)
        self._settlement.frame(seen.state)
        if seen.lawful and frame.sequence % LAWS_EVERY == LAWS_EVERY - 1:
            yield from self._laws(file, where)
        for path, snapshot in self._snapshots:
            if snapshot is not None and snapshot.sequence == frame.sequence:
                holds = snapshot.frame_hash == frame.frame_hash
                if not holds or snapshot.state.state_hash() != seen.state.state_hash():
                    note = Finding(path, "whole file", SNAPSHOT_RULE, "not the state at its frame")
                    seen.snapshots.setdefault(frame.sequence, []).append(Found(note, is_truth=False))

    def _laws(self, file: str, where: str) -> Iterator[Finding]:
        """Check every law over the state as it stands; the first position at which one fails is enough."""
        for finding in audit_state(self._seen.state):
            self._seen.lawful = False
            yield Finding(file, f"{where}: {finding.position}", finding.rule, finding.detail)

    def _bulks(self, file: str, where: str, batch: Batch) -> Iterator[Finding]:
        kinds = batch.commands[:, e.W_HEAD] & e.HALF_MASK
        accepted = batch.verdicts[:, e.V_OUTCOME] == Outcome.OK
        for command in batch.commands[(kinds == Kind.BULK_ROOT) & accepted]:
            payload = batch.payloads[words_hash(command[e.W_HASH :])]
            if command[3] == BulkKind.SETTINGS:
                self._seen.settings_record = (f"{file}, {where}", payload)
                continue
            read: list[tuple[LakeFile, dict[str, Any], bytes]] = []
            intact = True
            for item in self._lake.files(where, payload):
                if isinstance(item, Finding):
                    yield Finding(file, item.position, item.rule, item.detail)
                    intact = False
                    continue
                data, findings = self._lake.bytes_of(item[0])
                yield from findings
                intact &= not findings
                if data is not None and not findings and not self._quick:
                    read.append((*item, data))
            if not self._quick:
                tables, findings = self._lake.tables(read, command)
                yield from findings
                if intact and not findings and self._seen.replays:
                    yield from self._meaning(command, payload, tables)

    def _meaning(self, command: Words, payload: bytes, tables: Mapping[str, pa.Table]) -> Iterator[Finding]:
        """Check what a bulk record says against the state before its frame."""
        content = payload_content(payload)
        kind, before = int(command[3]), self._seen.state
        path = next(iter(tables), "")
        try:
            if kind == BulkKind.READINGS:
                yield from self._readings.check(tables, content.get("days", []), before)
            elif kind == BulkKind.IMPORT:
                for one in unsigned_readings(tables[path]):
                    self._readings.trust(one.evidence, one.device, one.end_s, one.register_wh)
            elif kind == BulkKind.ALLOCATION:
                yield from self._settlement.allocation(tables, content, before)
            elif kind == BulkKind.STATEMENTS:
                yield from self._settlement.statements(tables, content, before)
            elif kind == BulkKind.AUCTIONS:
                yield from self._auctions.record(content, before)
            elif kind == BulkKind.PLAN:
                yield from self._settlement.plan(path, tables[path], id_of(command), int(content["retailer"]))
        except (Refused, LookupError, ValueError, TypeError, ArithmeticError, pa.ArrowException) as error:
            yield Finding(f"lake/{path}", "whole file", "a table of its kind", f"{type(error).__name__}: {error}")

    def _record_of_settings(self) -> Iterator[Found]:
        if self._seen.settings_record is None:
            if self._seen.whole:
                yield Found(Finding(SETTINGS_FILE, "whole file", SETTINGS_RULE, "no record of it in the journal"))
            return
        where, payload = self._seen.settings_record
        try:
            named = [LakeFile.from_dict(entry) for entry in payload_content(payload)["home_files"]]
        except (Refused, LookupError, TypeError) as error:
            file, _, position = where.partition(", ")
            yield Found(Finding(file, position, SETTINGS_RULE, f"its payload: {error}"))
            return
        for described in named:
            data = self._home.home_file(described.path)
            if data is not None and describe_lake_file(described.path, data) != described:
                yield Found(Finding(described.path, "whole file", SETTINGS_RULE, f"another SHA-256 than in {where}"))

    def _log(self, vkey: str) -> Iterator[Found]:
        self._steps(STEP_LOG, 0, 1)
        paths = self._home.log_paths()
        has_public = CHECKPOINT_PATH in paths
        published = self._home.log_file(CHECKPOINT_PATH).decode(errors="replace") if has_public else None
        last = self._home.last_checkpoint()
        size = max(_signed_size(published, vkey), _signed_size(last, vkey))
        tree = self._seen.tree if self._seen.whole else self._tree_of_tiles(size)
        if self._seen.whole and published is None and last is None and tree.size:
            yield Found(Finding("checkpoint/last", "whole file", "L7", "missing: nothing was ever signed"))
        yield from map(Found, audit_tiles(paths, self._home.log_file, tree, min(size, tree.size)))
        yield from map(Found, audit_checkpoint(published, last, vkey, tree))
        yield from self._witnessed(vkey, tree)
        self._steps(STEP_LOG, 1, 1)

    def _witnessed(self, vkey: str, tree: MerkleTree) -> Iterator[Found]:
        """Check the checkpoint that witnesses cosigned, where there is one.

        One that the log did not sign is never served; one that it signed over another tree is a fork.
        """
        data = self._home.home_file(WITNESSED_FILE)
        if data is None:
            return
        try:
            signed = open_checkpoint(data.decode(errors="replace"), vkey)
        except Refused as error:
            note = Finding(WITNESSED_FILE, "whole file", CHECKPOINT_RULE, str(error))
            yield Found(note, is_truth=False)  # passed over when it is served
            return
        if signed.size > tree.size or tree.root(signed.size) != signed.root:
            detail = f"size {signed.size}, root {signed.root.hex()}: not this log of {tree.size} entries"
            yield Found(Finding(WITNESSED_FILE, "line 2", CHECKPOINT_RULE, detail))

    def _tree_of_tiles(self, size: int) -> MerkleTree:
        """Return the tree of the tiles where the journal cannot be read: contradictions among them still show."""
        try:
            return tree_from_tiles(self._home.log_file, size)
        except (Refused, OSError):
            return MerkleTree()

    def _disposable(self) -> Iterator[Found]:
        if self._seen.whole:
            for path in self._home.lake_paths():
                if path not in self._lake.named:
                    note = Finding(f"lake/{path}", "whole file", "lake: named by a record", "no record names it")
                    yield Found(note, is_truth=False)
        if self._quick:
            return
        for path, snapshot in self._snapshots:
            if snapshot is None:
                note = Finding(path, "whole file", SNAPSHOT_RULE, "damaged or another platform's: it is ignored")
                yield Found(note, is_truth=False)
        for notes in self._seen.snapshots.values():
            yield from notes
        views = self._home.views_note(self._seen.sequence, self._seen.frame_hash)
        if views is not None:
            yield Found(views, is_truth=False)


def audit(home: HomeFiles, *, quick: bool = False, steps: Steps = no_steps) -> Iterator[Found]:
    """Yield what does not hold under a home directory, as it is found; nothing is written.

    Args:
        home: its files.
        quick: bytes, hashes, tiles and checkpoint only: no replay, no signatures of meters, no settlements.
        steps: told of the progress.
    """
    yield from _Audit(home, quick=quick, steps=steps).run()


def _signed_size(text: str | None, vkey: str) -> int:
    try:
        return open_checkpoint(text, vkey).size if text else 0
    except Refused:
        return 0


def _parsed_vkey(data: bytes | None) -> str | None:
    """Return the public key, ``None`` for one that was found malformed."""
    try:
        return parse_vkey(data.decode().rstrip("\n")).vkey if data else None
    except (Refused, UnicodeDecodeError):
        return None


def _secret(data: bytes | None) -> bytes | None:
    """Return the secret of a key file; one that matches nothing for a malformed file, so that it is named."""
    if data is None:
        return None
    try:
        secret = bytes.fromhex(data.decode())
    except ValueError:
        return _NO_SECRET
    return secret if data == secret.hex().encode() + b"\n" else _NO_SECRET
