"""Guessing (account, period, Wh) against what is public fails, however much is known; with the salt it succeeds at once (L8)."""

import base64
import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from reference.attacker import BARE_BYTES, Attacker, variants
from wattmark.core.codes import Role
from wattmark.core.encoding import cbor_decode_strict, json_canonical
from wattmark.core.ids import derive_id
from wattmark.engine.batch import decode_batch
from wattmark.engine.commands import PUBLIC_KINDS, Kind, kind_of
from wattmark.flows.lakefiles import SALT_COLUMN, read_table, row_bytes, secret_order, tree_of
from wattmark.flows.open_account import account_payload, open_account, plan_open_account
from wattmark.flows.prove_plan import prove_plan
from wattmark.flows.prove_retirement import prove_retirement
from wattmark.flows.queries import records
from wattmark.ledger.merkle import leaf_hash
from wattmark.ledger.sumtree import LEAF_PREFIX, SumTree
from wattmark.ledger.tiles import parse_tile_path
from wattmark.testing.small_home import DAY, NIGHT_MS, PSEUDONYMS, SmallHome

PROFILE = {"name": {"en": "Hanako Himitsu", "ja": "秘密 花子"}, "address": "1-2-3 Naisho, Tokyo"}
PROFILE_SALT = hashlib.sha256(b"drawn by the wallet").digest()[:16]
PERSONAL = {Kind.TRANSFER, Kind.PLACE_ORDER, Kind.RETIRE, Kind.BANK, Kind.PAY, Kind.DEPOSIT, Kind.OPEN_ACCOUNT}
WH_FIELDS = ("end", "start", "quantity_wh", "beneficiary_account", "to_account", "total_wh", "rows")
MOST_WH = 600
"""No slot of the small home has more energy than this."""


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHome]:
    made = SmallHome(tmp_path_factory.mktemp("privacy") / "home").run()
    plan = plan_open_account(identity=derive_id("secret"), roles=Role.CONSUMER, profile=PROFILE, salt=PROFILE_SALT)
    open_account(made.platform, plan, NIGHT_MS)
    made.platform.publish()
    yield made
    made.close()


@pytest.fixture(scope="module")
def entries(small: SmallHome) -> list[bytes]:
    """What only operator and auditors see."""
    sequencer = small.platform.sequencer
    return [record.entry for record in sequencer.records(0, sequencer.position)]


@pytest.fixture(scope="module")
def frames(small: SmallHome) -> list[tuple[int, int]]:
    journal = small.platform._journal
    return [(frame.sequence, len(decode_batch(frame.payload).commands)) for frame in journal.read()]


@pytest.fixture(scope="module")
def attacker(small: SmallHome) -> Attacker:
    log = small.home / "log"
    files = [path for path in log.rglob("*") if path.is_file()]
    hashes: set[bytes] = set()
    for path in files:
        if path.name != "checkpoint":
            parse_tile_path(path.relative_to(log).as_posix())  # below log/ there is nothing but tiles
            data = path.read_bytes()
            hashes.update(data[at : at + 32] for at in range(0, len(data), 32))
    platform = small.platform
    checkpoint = (log / "checkpoint").read_bytes()
    root = base64.b64decode(checkpoint.split(b"\n")[2])
    key = platform.keys.vkey.encode()
    return Attacker(
        frozenset(hashes),
        [platform.settings.origin.encode(), key, checkpoint, root, base64.b64decode(key.split(b"+")[2])],
    )


def test_no_record_is_found_in_the_public_tiles_without_its_salt(attacker, entries, frames) -> None:
    for position, entry in enumerate(entries):
        bare = entry[:BARE_BYTES]
        assert attacker.finds(bare, attacker.salts(bare, position, frames)) is None, position
    assert attacker.tried > 50_000


def test_no_small_value_helps(attacker, entries) -> None:
    """Account, period and everything else known, each Wh of a slot tried."""
    seen = set()
    for entry in entries:
        kind = kind_of(np.frombuffer(entry, "<i8")[:16])
        if kind in PERSONAL | {Kind.ISSUE, Kind.BULK_ROOT}:
            seen.add(kind)
            for bare in variants(entry[:BARE_BYTES], WH_FIELDS, MOST_WH):
                assert attacker.finds(bare, (b"", bytes(16))) is None
    assert seen >= PERSONAL


def test_with_its_salt_a_record_is_found_at_once(attacker, entries) -> None:
    """The control: the same code finds all of them, and a wrong Wh with the right salt not."""
    for entry in entries:
        bare, salt = entry[:BARE_BYTES], entry[BARE_BYTES:]
        assert attacker.finds(bare, [bytes(16), salt]) == salt
        wrong = bytearray(bare)
        wrong[24] ^= 1
        assert attacker.finds(bytes(wrong), [salt]) is None


def test_whoever_has_the_blinding_key_finds_everything(attacker, small, entries, frames) -> None:
    """The control of the salts that are derived: this key is all that stands between a guess and its test."""
    insider = Attacker(attacker.hashes, [small.platform.keys.blinding])
    for position, entry in enumerate(entries):
        bare = entry[:BARE_BYTES]
        assert insider.finds(bare, insider.salts(bare, position, frames)) == entry[BARE_BYTES:]


def test_ones_own_salts_open_no_other_record(attacker, small, entries, frames) -> None:
    """All salts of half of the records, such as proofs give them to their owners, lead to none of the other half."""
    given = Attacker(attacker.hashes, attacker.public, [entry[BARE_BYTES:] for entry in entries[::2]])
    for position, entry in list(enumerate(entries))[1::6]:
        bare = entry[:BARE_BYTES]
        assert given.finds(bare, given.salts(bare, position, ())) is None


def test_no_salt_stands_twice(entries) -> None:
    salts = [entry[BARE_BYTES:] for entry in entries]
    assert len(set(salts)) == len(salts)
    assert bytes(16) not in salts


def test_a_profile_is_not_guessed_from_its_hash(small, entries) -> None:
    """Even by somebody who sees the command: the hash covers 16 random bytes."""
    (named,) = {
        entry[96:128]
        for entry in entries
        if entry[96:128] == hashlib.sha256(account_payload(PROFILE, PROFILE_SALT)).digest()
    }
    guesses = [json_canonical(PROFILE), *(account_payload(PROFILE, bytes([n]) * 16) for n in range(256))]
    assert named not in {hashlib.sha256(guess).digest() for guess in guesses}
    stored = small.platform.text_of(named)
    assert stored == {**PROFILE, "salt": PROFILE_SALT.hex()}


# ---------------------------------------------------------------------------------------- rows of settlements


def tables(small: SmallHome):
    paths = sorted((small.home / "lake").rglob("*.parquet"))
    return {path.relative_to(small.home / "lake").as_posix(): read_table(path.read_bytes()) for path in paths}


def test_no_sum_tree_is_rebuilt_from_its_rows_without_their_salts(small) -> None:
    for path, table in tables(small).items():
        wh = np.ascontiguousarray(table.column("wh").to_numpy(), np.int64)
        rows, true = list(row_bytes(table)), tree_of(table)
        salts = np.frombuffer(b"".join(table.column(SALT_COLUMN).to_pylist()), np.uint8).reshape(-1, 16)
        assert SumTree(rows, wh, salts).root == true.root, "the control"
        own = hashlib.sha256(path.encode()).digest()[:16]
        for guess in (bytes(16), own, salts[0].tobytes()):
            guessed = np.frombuffer(guess * len(rows), np.uint8).reshape(-1, 16)
            assert len(rows) == 1 or SumTree(rows, wh, guessed).root != true.root
        assert SumTree(rows, wh, np.zeros_like(salts)).root != true.root
        assert len(np.unique(salts, axis=0)) == len(salts)


def test_a_customers_siblings_are_not_opened_by_knowing_every_row(small) -> None:
    """A plan customer knows all rows, Wh and own salts; the hash beside the own row stays a hash."""
    proof = json.loads(prove_plan(small.platform, 0, DAY, PSEUDONYMS[0]))
    (table,) = (table for path, table in tables(small).items() if path.startswith("plan/"))
    rows, wh = list(row_bytes(table)), table.column("wh").to_pylist()
    true = table.column(SALT_COLUMN).to_pylist()
    mine = {base64.b64decode(row["row"]) for row in proof["rows"]}
    siblings = {base64.b64decode(row["proof"])[16:48] for row in proof["rows"]}
    own_salts = [base64.b64decode(row["salt"]) for row in proof["rows"]]

    def opened(salt_of) -> int:
        leaves = {
            hashlib.sha256(LEAF_PREFIX + wh[n].to_bytes(8, "big") + salt + row).digest()
            for n, row in enumerate(rows)
            if row not in mine
            for salt in salt_of(n)
        }
        return len(leaves & siblings)

    assert opened(lambda _: [b"", bytes(16), *own_salts]) == 0
    others = {row for row in rows if row not in mine}
    assert opened(lambda n: [true[n]]) > 0, "the control"
    assert others
    text = json.dumps(proof)
    assert PSEUDONYMS[1].hex() not in text
    assert base64.b64encode(PSEUDONYMS[1]).decode()[:-4] not in text


def test_the_row_beside_ones_own_is_not_always_the_same_neighbours() -> None:
    """A proof shows its Wh: in the order of (period, customer) it would be one neighbour's whole day."""
    periods, customers = 48, 8
    order = secret_order(periods * customers, b"k" * 32, "plan/x.parquet")
    assert sorted(order.tolist()) == list(range(periods * customers))
    of_neighbour = sum(int(order[at ^ 1]) == int(order[at]) ^ 1 for at in range(len(order)))
    assert of_neighbour < periods * customers // 20
    assert (order == secret_order(periods * customers, b"k" * 32, "plan/x.parquet")).all(), "L6"
    assert (order != secret_order(periods * customers, b"l" * 32, "plan/x.parquet")).any()


def test_names_of_lake_files_tell_their_kind_and_nothing_else(small) -> None:
    form = re.compile(r"(readings|allocations|statements|plan)/[a-z]+-[0-9a-f]{32}\.parquet")
    assert [path for path in tables(small) if not form.fullmatch(path)] == []


# -------------------------------------------------------------------------------------------- what is given away


def retirements(small: SmallHome) -> list[int]:
    sequencer = small.platform.sequencer
    return [r.position for r in sequencer.records(0, sequencer.position) if kind_of(r.command) == Kind.RETIRE]


def test_a_certificate_opens_its_own_records_and_no_other(small, entries) -> None:
    for position in retirements(small)[:3]:
        content = json.loads(prove_retirement(small.platform, position))
        shown = {name: base64.b64decode(content[name]["record"]) for name in ("retire", "issue", "device", "meter_key")}
        positions = {entries.index(entry) for entry in shown.values()}
        assert len(positions) == 4
        texts = [base64.b64decode(content[name].get("payload", "")) for name in shown]
        reading = [base64.b64decode(content["reading"][name]) for name in ("leaf", "seal")]
        whole = b"\n".join([*shown.values(), *texts, *reading, json.dumps(content).encode()])
        for number, entry in enumerate(entries):
            salt = entry[BARE_BYTES:]
            known = any(form in whole for form in (salt, base64.b64encode(salt), salt.hex().encode()))
            assert known == (number in positions), number
        # one slot of the meter, not its day: the other leaves are hashes
        assert cbor_decode_strict(reading[0])[4] * 1_000 <= NIGHT_MS
        assert small.load.signer.meter_id.hex().encode() not in whole
        assert b"consumer" not in whole.replace(b"beneficiary", b"")


def test_what_a_stranger_sees_of_a_record(small, entries) -> None:
    """Of public kinds all; of the rest number and time. Personal bulk records and registrations are of the rest."""
    kinds = set()
    for position, entry in enumerate(entries):
        seen = records.entry(small.platform, position)
        words = np.frombuffer(entry, "<i8")
        kind = Kind(kind_of(words[:16]))
        bulk_is_public = kind is not Kind.BULK_ROOT or words[3] in {3, 6}
        assert (seen.kind != 0) == (kind in PUBLIC_KINDS and bool(bulk_is_public))
        if seen.kind == 0:
            assert (seen.outcome, seen.result0, seen.result1, seen.actor, seen.identity, seen.fields) == (
                0,
                0,
                0,
                -1,
                0,
                {},
            )
            kinds.add(kind)
        assert leaf_hash(entry)
    assert kinds >= PERSONAL | {Kind.REGISTER_DEVICE, Kind.REGISTER_KEY, Kind.BULK_ROOT}
    assert not PUBLIC_KINDS & (PERSONAL | {Kind.REGISTER_DEVICE, Kind.REGISTER_KEY, Kind.CANCEL})


def test_below_the_public_folder_there_are_hashes_only(small) -> None:
    """``log/`` may be served as it lies: every file is a tile or the checkpoint."""
    log = small.home / "log"
    names = [path.relative_to(log).as_posix() for path in log.rglob("*") if path.is_file()]
    assert "checkpoint" in names
    for name in names:
        assert name == "checkpoint" or parse_tile_path(name).level >= 0
        assert name == "checkpoint" or Path(log / name).stat().st_size % 32 == 0
