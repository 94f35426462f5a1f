"""The audit of a small home: sound when it is sound; a flip, a missing file or a lie is found and named."""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from wattmark.core.findings import Finding
from wattmark.core.ids import derive_id
from wattmark.engine import layout as e
from wattmark.engine.commands import BulkKind, Kind, command
from wattmark.flows.audit_ports import Found
from wattmark.flows.bulk import LakeTable, plan_bulk
from wattmark.flows.lakefiles import WH_COLUMN
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.seal_day import plan_seal_day
from wattmark.flows.settle_day import plan_settle_day
from wattmark.testing.small_home import DAY, NIGHT_MS, SmallHome, prices
from wattmark.tokens import layout as k
from wattmark.wiring import audit_home


@pytest.fixture(scope="module")
def sound(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A closed home in which everything happened once; tests restore what they change."""
    small = SmallHome(tmp_path_factory.mktemp("audit") / "home").run()
    small.close()
    return small.home


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[SmallHome]:
    small = SmallHome(tmp_path / "home")
    yield small
    small.close()


def truth(home: Path, *, quick: bool = False) -> list[Finding]:
    return [found.finding for found in audit_home(home, quick=quick) if found.is_truth]


def notes(home: Path) -> list[Found]:
    return [found for found in audit_home(home) if not found.is_truth]


def test_a_sound_home_has_no_finding(sound: Path) -> None:
    assert list(audit_home(sound)) == []
    assert list(audit_home(sound, quick=True)) == []


def used_bytes(path: Path) -> int:
    """Length without the zeros a journal segment is filled with."""
    return len(path.read_bytes().rstrip(b"\0")) if path.suffix == ".seg" else path.stat().st_size


TRUTH_FILES = (
    "journal/*.seg",
    "log/tile/0/000.p/*",
    "log/checkpoint",
    "checkpoint/last",
    "lake/*/*.parquet",
    "wattmark.json",
    "keys/log.vkey",
    "keys/log.key",
    "keys/blinding.key",
)


@pytest.mark.parametrize("pattern", TRUTH_FILES)
def test_a_flip_in_what_holds_truth_is_found_and_the_file_is_named(sound: Path, pattern: str) -> None:
    files = sorted(sound.glob(pattern))
    assert files
    for number, path in enumerate(files):
        data = path.read_bytes()
        length = used_bytes(path)
        for at in {0, length // 3, length // 2, length - 2, len(data) - 1}:
            changed = bytearray(data)
            changed[at] ^= 1 << (number + at) % 8
            path.write_bytes(changed)
            try:
                found = truth(sound, quick=True)
            finally:
                path.write_bytes(data)
            name = path.relative_to(sound).as_posix()
            assert any(name in (finding.file, finding.detail.split(",")[0]) for finding in found), (name, at, found)


@pytest.mark.parametrize("pattern", TRUTH_FILES)
def test_a_missing_file_is_found(sound: Path, tmp_path: Path, pattern: str) -> None:
    if pattern == "keys/blinding.key":
        pytest.skip("a copy for auditors has no secrets")
    path = max(sound.glob(pattern))
    aside = tmp_path / "aside"
    shutil.move(path, aside)
    try:
        found = list(audit_home(sound))
    finally:
        shutil.move(aside, path)
    names = [one.finding.file for one in found if one.is_truth or pattern == "keys/log.key"]
    expected = "checkpoint/last" if pattern == "journal/*.seg" else path.relative_to(sound).as_posix()
    assert expected in names, found


@pytest.mark.parametrize("instead", ["nothing", "noise", "text", "twice itself"])
def test_any_file_may_hold_anything_and_the_audit_says_so(sound: Path, instead: str) -> None:
    """No content of any file stops the audit; what holds truth is named."""
    for path in sorted(path for path in sound.rglob("*") if path.is_file() and path.suffix != ".lock"):
        data = path.read_bytes()
        other = {"nothing": b"", "noise": bytes(range(7, 251)), "text": b"{}\n", "twice itself": data + data}[instead]
        path.write_bytes(other)
        try:
            found = list(audit_home(sound))
        finally:
            path.write_bytes(data)
        name = path.relative_to(sound).as_posix().removesuffix(".sha256")
        if name != "keys/web.key":
            assert name in {one.finding.file for one in found}, found
            assert any(one.is_truth for one in found) == (path.parent.name not in {"views", "snapshots"})


def test_a_file_that_does_not_belong_is_named(sound: Path) -> None:
    for name, is_truth in (
        ("journal/notes.txt", True),
        ("log/tile/0/999", True),
        ("lake/readings/envelopes-left-over.parquet", False),
    ):
        path = sound / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"x")
        try:
            found = list(audit_home(sound))
        finally:
            path.unlink()
        assert [(one.finding.file, one.is_truth) for one in found] == [(name, is_truth)]


def test_a_cut_journal_is_found(sound: Path) -> None:
    """A rolled-back log: the last frame gone, zeros in its place. The checkpoint store remembers."""
    (path,) = sound.glob("journal/*.seg")
    data = path.read_bytes()
    end = used_bytes(path)
    from wattmark.ledger.frames import Frame, scan_segment

    frames = [item for item in scan_segment(data, 0, bytes(32)) if isinstance(item, Frame)]
    last = frames[-1].offset
    path.write_bytes(data[:last] + bytes(len(data) - last))
    try:
        found = truth(sound)
    finally:
        path.write_bytes(data)
    assert end > last
    assert {"log/checkpoint", "checkpoint/last"} <= {finding.file for finding in found}


def test_a_journal_of_another_log_is_found(sound: Path, fresh: SmallHome) -> None:
    fresh.close()
    for name in ("journal", "log", "checkpoint"):
        aside = sound.parent / f"aside-{name}"
        shutil.move(sound / name, aside)
        shutil.copytree(fresh.home / name, sound / name)
        try:
            found = truth(sound)
        finally:
            shutil.rmtree(sound / name)
            shutil.move(aside, sound / name)
        assert found, name


@pytest.mark.parametrize("name", ["views/views.db", "views/views.db.sha256", "snapshots/*"])
def test_damage_in_disposable_files_is_only_noted(sound: Path, name: str) -> None:
    for path in sorted(sound.glob(name)):
        data = path.read_bytes()
        changed = bytearray(data)
        changed[len(data) // 2] ^= 1
        path.write_bytes(changed)
        try:
            assert truth(sound) == []
            named = path.relative_to(sound).as_posix().removesuffix(".sha256")
            assert [found.finding.file for found in notes(sound)] == [named]
        finally:
            path.write_bytes(data)


# ----------------------------------------------------------------- lies that are consistent in themselves
# The operator himself writes what is not so: every hash, root and signature fits, only the meaning does not.


def lie(small: SmallHome, plan: Plan) -> list[Finding]:
    small.platform.execute_all(plan, NIGHT_MS)
    small.close()
    return truth(small.home)


def rewritten(plan: Plan, small: SmallHome, name: str, change: Callable[[pa.Table], pa.Table], kind: BulkKind) -> Plan:
    """The plan with one of its lake tables changed, all hashes made anew."""
    from wattmark.flows.lakefiles import read_table

    wanted = next(file for file in plan.files if name in file.path)
    of_record = [file for file in plan.files if file.identity == wanted.identity]
    tables = [
        LakeTable(file.path, change(read_table(file.data)) if file is wanted else read_table(file.data))
        for file in of_record
    ]
    row = next(row for row in plan.commands if np.array_equal(row[:2], id_words_of(wanted.identity)))
    payload = next(p for p in plan.payloads if wanted.path.encode() in p)
    import json

    extra = {key: value for key, value in json.loads(payload).items() if key != "files"}
    bulk = plan_bulk(
        kind, tables, identity=wanted.identity, period_start_s=int(row[6]), duration_s=int(row[7]), extra=extra
    )
    commands = np.array([bulk.commands[0] if np.array_equal(one[:2], row[:2]) else one for one in plan.commands])
    payloads = tuple(bulk.payloads[0] if one == payload else one for one in plan.payloads)
    files = tuple(file for file in plan.files if file.identity != wanted.identity) + bulk.files
    del small
    return replace(plan, commands=commands, payloads=payloads, files=files)


def id_words_of(identity: int) -> np.ndarray:
    from wattmark.core.ids import id_words

    return np.array(id_words(identity), np.int64)


def add_one(table: pa.Table, column: str) -> pa.Table:
    values = table.column(column).to_pylist()
    values[-1] += 1
    return table.set_column(table.column_names.index(column), column, pa.array(values, pa.int64()))


def test_minting_without_a_reading_is_found(fresh: SmallHome) -> None:
    fresh.measure()
    device = fresh.platform.state.devices[fresh.plant]
    row = command(
        Kind.ISSUE,
        id=1,
        actor=0,
        device=fresh.plant,
        period_start_s=int(device[k.D_PERIOD_NEXT_S]),
        duration_s=1_800,
        reg_from_wh=int(device[k.D_REG_NEXT_WH]),
        reg_to_wh=int(device[k.D_REG_NEXT_WH]) + 5,
        expiry_s=NIGHT_MS // 1_000 + 86_400,
        tier=3,
        hash=bytes(32),
    )
    found = lie(fresh, plan_of([row]))
    assert [finding.rule for finding in found] == ["L4: a token comes from a verified reading"]
    assert found[0].file.startswith("journal/")
    assert "frame" in found[0].position


def test_a_verified_slot_that_was_changed_is_found(fresh: SmallHome) -> None:
    seals = [fresh.plant_day.seal, fresh.dwelling_day.seal]
    sealed = plan_seal_day(fresh.platform, seals, identity=1, received_ms=NIGHT_MS)
    plan = rewritten(sealed.plan, fresh, "slots-", lambda table: add_one(table, WH_COLUMN), BulkKind.READINGS)
    found = lie(fresh, plan)
    assert [finding.rule for finding in found] == ["metering: verified slots are those of the sealed days"]
    assert "/slots-" in found[0].file
    assert "row" in found[0].position


def test_a_refused_envelope_said_to_be_accepted_is_found(fresh: SmallHome) -> None:
    forged = fresh.dwelling_day.seal.replace(fresh.load.signer.meter_id, bytes(8))
    seals = [fresh.plant_day.seal, forged]
    sealed = plan_seal_day(fresh.platform, seals, identity=1, received_ms=NIGHT_MS)

    def accept(table: pa.Table) -> pa.Table:
        return table.set_column(table.column_names.index("code"), "code", pa.array(["OK"] * table.num_rows))

    found = lie(fresh, rewritten(sealed.plan, fresh, "envelopes-", accept, BulkKind.READINGS))
    assert [finding.rule for finding in found] == ["metering: a verification repeated gives the outcome on record"]


def test_consumption_that_was_not_metered_is_found(fresh: SmallHome) -> None:
    fresh.measure()
    fresh.trade()
    plan = plan_settle_day(fresh.platform, DAY, prices()).plan

    def inflate(table: pa.Table) -> pa.Table:
        for column in ("consumption_wh", "residual_wh", WH_COLUMN):
            table = add_one(table, column)
        spot = table.column("spot_amount_e5").to_pylist()
        adder = table.column("tariff_amount_e5").to_pylist()
        spot[-1] += 1_500
        adder[-1] += 700
        table = table.set_column(table.column_names.index("spot_amount_e5"), "spot_amount_e5", pa.array(spot))
        return table.set_column(table.column_names.index("tariff_amount_e5"), "tariff_amount_e5", pa.array(adder))

    rules = {finding.rule for finding in lie(fresh, rewritten(plan, fresh, "residual-", inflate, BulkKind.ALLOCATION))}
    assert "settlement: consumption is that of the verified slots" in rules


def test_a_statement_that_was_changed_is_found(fresh: SmallHome) -> None:
    fresh.measure()
    fresh.trade()
    plan = plan_settle_day(fresh.platform, DAY, prices()).plan

    def flatter(table: pa.Table) -> pa.Table:
        texts = [text.replace('"banked_wh":0', '"banked_wh":9', 1) for text in table.column("statement").to_pylist()]
        return table.set_column(table.column_names.index("statement"), "statement", pa.array(texts))

    found = lie(fresh, rewritten(plan, fresh, "statements-", flatter, BulkKind.STATEMENTS))
    assert [finding.rule for finding in found] == ["settlement: a statement is that of allocation and residual"]


def test_allocated_and_not_retired_is_found(fresh: SmallHome) -> None:
    fresh.measure()
    fresh.trade()
    plan = plan_settle_day(fresh.platform, DAY, prices()).plan
    kinds = plan.commands[:, e.W_HEAD] & e.HALF_MASK
    found = lie(fresh, replace(plan, commands=plan.commands[kinds != Kind.RETIRE]))
    assert {finding.rule for finding in found} == {"L2: the retired ranges are exactly the allocated ones"}
    assert all("/allocations-" in finding.file for finding in found)


def test_not_charged_is_found(fresh: SmallHome) -> None:
    fresh.measure()
    fresh.trade()
    plan = plan_settle_day(fresh.platform, DAY, prices()).plan
    kinds = plan.commands[:, e.W_HEAD] & e.HALF_MASK
    found = lie(fresh, replace(plan, commands=plan.commands[kinds != Kind.PAY]))
    assert {finding.rule for finding in found} == {"L3: the residual of a settled day is charged once"}


def test_retired_and_not_allocated_is_found(fresh: SmallHome) -> None:
    fresh.measure()
    lot = fresh.held(fresh.producer)[0]
    bundle = fresh.platform.state.bundles[fresh.platform.state.lots[lot, k.L_BUNDLE]]
    row = command(
        Kind.RETIRE,
        id=derive_id("theft"),
        actor=0,
        lot=lot,
        start=0,
        end=1,
        beneficiary_account=fresh.consumer,
        claim=1,
        period_start_s=int(bundle[k.B_PERIOD_S]),
        duration_s=1_800,
    )
    found = lie(fresh, plan_of([row]))
    assert [finding.rule for finding in found] == ["L2: the retired ranges are exactly the allocated ones"]
    assert found[0].position.startswith("record ")


def test_settings_changed_without_a_record_are_found(fresh: SmallHome) -> None:
    from wattmark.flows.settings import parse_settings, settings_bytes

    fresh.close()
    path = fresh.home / "wattmark.json"
    path.write_bytes(settings_bytes(parse_settings(path.read_bytes()).with_changes(mint_t0=True)))
    assert [finding.file for finding in truth(fresh.home)] == ["wattmark.json"]
