"""A little log with one plant, one reading, one issue and some retirements, for tests of certificates."""

from dataclasses import dataclass
from datetime import date
from functools import cache

import numpy as np

from wattmark.certificates.bundle import LoggedRecord, ProofBundle
from wattmark.certificates.reading import day_reading, slot_reading
from wattmark.core.encoding import json_canonical
from wattmark.engine.batch import Batch, leaf_entries
from wattmark.engine.commands import FIELDS, Kind, command, payload_hash
from wattmark.ledger.checkpoint import Checkpoint, sign_checkpoint
from wattmark.ledger.merkle import MerkleTree, leaf_hash
from wattmark.ledger.note import NoteKey
from wattmark.ledger.proof import LogProof
from wattmark.metering.cose import EDDSA
from wattmark.metering.envelope import encode_leaf
from wattmark.settlement.plan import CustomerProof, PlanDemand, PlanLots, allocate_plan, customer_proof, plan_tree
from wattmark.testing.meters import SeededMeter

ORIGIN = "log.example/wattmark"
KEY = NoteKey(ORIGIN, bytes(range(32)))
STRANGER = NoteKey(ORIGIN, bytes(32))
DAY = date(2021, 1, 9)
SLOT = 20
BUNDLE = 77
DEVICE = 5
KOMA = 1_800


@dataclass
class Log:
    entries: list[bytes]

    def tree(self) -> MerkleTree:
        tree = MerkleTree()
        tree.append([leaf_hash(entry) for entry in self.entries])
        return tree

    def logged(self, index: int, payload: bytes = b"", key: NoteKey = KEY, origin: str = ORIGIN) -> LoggedRecord:
        tree = self.tree()
        note = sign_checkpoint(Checkpoint(origin, tree.size, tree.root()), key)
        return LoggedRecord(self.entries[index], LogProof(index, tuple(tree.inclusion_proof(index)), note), payload)


def entry(row, verdict, salt: int) -> bytes:
    commands, verdicts = np.stack([row]), np.array([verdict], np.int64)
    salts = np.full((1, 16), salt, np.uint8)
    return leaf_entries(Batch(0, commands, verdicts, salts, {})).tobytes()


def changed(log: Log, index: int, *, result0: int | None = None, **fields: int) -> Log:
    """The log with some words of one record replaced, as if it had been written so."""
    entries = list(log.entries)
    words = np.frombuffer(entries[index], "<i8").copy()
    names = FIELDS[Kind(int(words[2]) & 0xFFFF)]
    for name, value in fields.items():
        words[3 + names.index(name)] = value
    if result0 is not None:
        words[18] = result0
    entries[index] = words.tobytes()
    return Log(entries)


@dataclass
class World:
    """Index 0 device, 1 key, 2 issue, 3 same slot, 4 banked, 5 certificate, 6 plan, then noise."""

    log: Log
    meter: SeededMeter
    slot: bytes
    seal: bytes
    leaves: list[bytes]
    device_text: bytes
    key_text: bytes
    proofs: list[CustomerProof]

    @property
    def proof(self) -> CustomerProof:
        """Customer 1's."""
        return self.proofs[1]

    def bundle(self, retire: int = 3, reading: str = "slot") -> ProofBundle:
        attached = {
            "slot": lambda: slot_reading(self.slot),
            "day": lambda: day_reading(self.seal, self.leaves, SLOT),
            "none": lambda: None,
        }
        return ProofBundle(
            retire=self.log.logged(retire),
            issue=self.log.logged(2),
            device=self.log.logged(0, self.device_text),
            meter_key=self.log.logged(1, self.key_text),
            reading=attached[reading](),
        )


@cache
def world(alg: int = EDDSA) -> World:
    meter = SeededMeter(alg=alg, device=DEVICE)
    day = meter.day(DAY, [100 + 7 * slot for slot in range(48)])
    leaf = day.leaves[SLOT]
    registers = (day.leaves[SLOT - 1].register_wh, leaf.register_wh)
    start_s = leaf.t_end - KOMA
    device_text = json_canonical(
        {
            "meter_id": leaf.meter_id.hex(),
            "channel": leaf.channel,
            "name": {"en": "Hillside roof", "ja": "丘の屋根"},
        }
    )
    public = meter.signer.key(DEVICE, 0)
    key_text = json_canonical({"kid": public.kid.hex(), "public_key": public.public_key.hex()})
    now_ms = day.received_ms
    claims = [
        (start_s, KOMA, 1, 0, 100),
        (start_s + 10 * KOMA, KOMA, 2, 100, 150),
        (0, 0, 3, 150, 160),
    ]
    demand = PlanDemand([0, 1], [start_s, start_s], [KOMA, KOMA], [40, 60])
    lots = PlanLots([9], [BUNDLE], [160], [230], [start_s])
    allocation = allocate_plan(demand, lots)
    pseudonyms = [bytes([1]) * 16, bytes([2]) * 16]
    salts = np.arange(16 * len(allocation), dtype=np.uint8).reshape(-1, 16)
    tree = plan_tree(allocation, pseudonyms, salts)
    rows = [
        (
            command(
                Kind.REGISTER_DEVICE,
                id=1,
                actor=0,
                account=4,
                area=3,
                source=1,
                capacity_w=5_000,
                channel_role=1,
                register_open_wh=1_000,
                resolution_s=KOMA,
                tier=3,
                hash=payload_hash(device_text),
            ),
            (now_ms - 10, 0, DEVICE, 0),
        ),
        (
            command(
                Kind.REGISTER_METER_KEY,
                id=2,
                actor=0,
                device=DEVICE,
                alg=alg,
                valid_from_ms=0,
                hash=payload_hash(key_text),
            ),
            (now_ms - 9, 0, 1, 0),
        ),
        (
            command(
                Kind.ISSUE,
                id=3,
                actor=0,
                device=DEVICE,
                period_start_s=start_s,
                duration_s=KOMA,
                reg_from_wh=registers[0],
                reg_to_wh=registers[1],
                expiry_s=start_s + 10**7,
                tier=3,
                hash=leaf_hash(encode_leaf(leaf)),
            ),
            (now_ms, 0, BUNDLE, 33),
        ),
        *(
            (
                command(
                    Kind.RETIRE,
                    id=10 + claim,
                    actor=0,
                    lot=33,
                    start=start,
                    end=end,
                    beneficiary_account=12,
                    claim=claim,
                    period_start_s=period_s,
                    duration_s=duration_s,
                ),
                (now_ms + claim, 0, 40 + claim, BUNDLE),
            )
            for period_s, duration_s, claim, start, end in claims
        ),
        (
            command(
                Kind.BULK_ROOT,
                id=20,
                actor=0,
                bulk_kind=3,
                rows=tree.rows,
                total_wh=tree.total_wh,
                period_start_s=start_s,
                duration_s=KOMA,
                root=tree.root,
                hash=bytes(32),
            ),
            (now_ms + 9, 0, 0, 0),
        ),
    ]
    entries = [entry(row, verdict, salt) for salt, (row, verdict) in enumerate(rows)]
    entries += [bytes([number]) * 176 for number in range(6)]
    proofs = [customer_proof(tree, allocation, pseudonyms, salts, customer) for customer in (0, 1)]
    leaves = [encode_leaf(one) for one in day.leaves]
    return World(Log(entries), meter, day.slots[SLOT], day.seal, leaves, device_text, key_text, proofs)
