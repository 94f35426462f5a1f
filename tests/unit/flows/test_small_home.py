"""Use cases on a real platform: what a day leads to, that repeating changes nothing, that a restart forgets nothing."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from wattmark.certificates.check import verify_file
from wattmark.core.errors import MalformedInput, NotAuthorised, RuleViolated, Unavailable, UnknownReference
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.outcomes import Outcome
from wattmark.engine.snapshot import Snapshot, dump, load
from wattmark.engine.state import TABLES, State
from wattmark.flows.bank_deposit import DepositWish, bank_cover, plan_bank_deposit, plan_bank_deposits
from wattmark.flows.expire_lots import plan_expire_lots
from wattmark.flows.ingest_slots import plan_ingest_slots
from wattmark.flows.issue_key import authenticate, plan_revoke_key
from wattmark.flows.move_lots import plan_transfer
from wattmark.flows.prove_plan import prove_plan
from wattmark.flows.prove_retirement import prove_retirement
from wattmark.flows.register_device import plan_register_device, register_device
from wattmark.flows.seal_day import plan_seal_day
from wattmark.flows.settings import Settings
from wattmark.flows.settle_day import plan_settle_day, settle_day
from wattmark.flows.settle_plan import plan_settle_plan
from wattmark.flows.statements import read_statement
from wattmark.metering.envelope import leaf_bytes
from wattmark.metering.errors import Code
from wattmark.metering.tree import leaf_hash
from wattmark.settlement.plan import PlanDemand
from wattmark.testing.small_home import DAY, LOAD_WH, NIGHT_MS, PSEUDONYMS, SECRET, START_S, SUN_WH, SmallHome, prices
from wattmark.tokens import layout as k
from wattmark.wiring import Platform, audit_home
from wattmark.wiring.snapshots import SEAL_BYTES, snapshot_seal


@pytest.fixture
def empty(tmp_path: Path) -> Iterator[SmallHome]:
    small = SmallHome(tmp_path / "home")
    yield small
    small.close()


@pytest.fixture
def measured(empty: SmallHome) -> SmallHome:
    empty.measure()
    return empty


@pytest.fixture
def whole(empty: SmallHome) -> SmallHome:
    return empty.run()


def test_production_is_minted_and_consumption_is_not(measured: SmallHome) -> None:
    bundles = measured.platform.state.bundles
    assert bundles[:, k.B_ISSUED_WH].tolist() == [wh for wh in SUN_WH if wh]
    assert set(bundles[:, k.B_DEVICE].tolist()) == {measured.plant}


def test_every_envelope_is_kept_and_can_be_found_by_its_hash(measured: SmallHome) -> None:
    platform = measured.platform
    for leaf in measured.plant_day.leaves[:3] + measured.dwelling_day.leaves[-3:]:
        assert platform.views.evidence(leaf_hash(leaf_bytes(leaf))) is not None


def test_a_replayed_delivery_mints_nothing(measured: SmallHome) -> None:
    before = measured.platform.state.state_hash()
    again = plan_ingest_slots(
        measured.platform, measured.plant_day.slots, identity=derive_id("again"), received_ms=NIGHT_MS
    )
    assert {outcome.code for outcome in again.outcomes} == {Code.REPLAYED}
    assert len(again.plan) == 1, "the refusals are kept, nothing is issued"
    measured.platform.execute_all(again.plan, NIGHT_MS)
    assert measured.platform.state.count("bundles") == sum(wh > 0 for wh in SUN_WH)
    assert measured.platform.state.state_hash() != before, "the delivery itself is on record"


def test_a_delivery_sent_again_is_answered_as_before_and_changes_nothing(measured: SmallHome) -> None:
    platform = measured.platform
    before, size = platform.state.state_hash(), platform.sequencer.position
    envelopes = [*measured.plant_day.slots[:12], *measured.dwelling_day.slots[:12]]
    again = plan_ingest_slots(platform, envelopes, identity=derive_id("delivery", 0), received_ms=NIGHT_MS)
    seals = [measured.plant_day.seal, measured.dwelling_day.seal]
    sealed = plan_seal_day(platform, seals, identity=derive_id("seal"), received_ms=NIGHT_MS)
    assert [outcome.code for outcome in again.outcomes] == [Code.OK] * 24
    assert [outcome.code for outcome in sealed.outcomes] == [Code.OK] * 2
    platform.execute_all(again.plan + sealed.plan, NIGHT_MS)
    assert (platform.state.state_hash(), platform.sequencer.position) == (before, size)


def test_a_delivery_is_one_frame(empty: SmallHome, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wattmark.flows.plan.MAX_COMMANDS", 3)
    with pytest.raises(MalformedInput) as refused:
        plan_seal_day(empty.platform, [empty.plant_day.seal], identity=1, received_ms=NIGHT_MS)
    assert refused.value.code == "TOO_MUCH_AT_ONCE"


def test_another_delivery_under_a_used_id_is_refused(empty: SmallHome) -> None:
    platform = empty.platform
    first = plan_ingest_slots(platform, empty.plant_day.slots[:2], identity=1, received_ms=NIGHT_MS)
    platform.execute_all(first.plan, NIGHT_MS)
    with pytest.raises(RuleViolated) as refused:
        plan_ingest_slots(platform, empty.plant_day.slots[2:4], identity=1, received_ms=NIGHT_MS)
    assert refused.value.code == "ID_REUSED"


def test_slots_only_the_seal_has_brought_are_minted_from_it(empty: SmallHome) -> None:
    seal = [empty.plant_day.seal]
    sealed = plan_seal_day(empty.platform, seal, identity=1, received_ms=empty.plant_day.received_ms)
    empty.platform.execute_all(sealed.plan, empty.plant_day.received_ms)
    assert empty.platform.state.bundles[:, k.B_ISSUED_WH].sum() == sum(SUN_WH)


def test_carrying_out_a_plan_twice_changes_nothing(measured: SmallHome) -> None:
    platform = measured.platform
    lot = measured.held(measured.producer)[0]
    plan = plan_transfer(
        identity=9, actor=measured.producer, lot=lot, start=0, end=measured.size(lot), to_account=measured.consumer
    )
    first = platform.execute_all(plan, NIGHT_MS)
    before, size = platform.state.state_hash(), platform.state.position
    assert platform.execute_all(plan, NIGHT_MS + 1) == first
    assert (platform.state.state_hash(), platform.state.position) == (before, size)


def test_a_settled_day_adds_up(whole: SmallHome) -> None:
    totals = read_statement(whole.platform, whole.consumer, DAY)["totals"]
    assert totals["consumption_wh"] == sum(LOAD_WH)
    assert totals["consumption_wh"] == totals["same_slot_wh"] + totals["banked_wh"] + totals["residual_wh"]
    assert totals["same_slot_wh"] > 0
    assert totals["spot_amount_e5"] == totals["residual_wh"] * 1_500
    paid = 10**11 - int(whole.platform.state.accounts[whole.consumer, e.A_CASH_E5])
    bought = 1_200 * sum(trade.quantity_wh for trade in whole.platform.views.trades())
    assert paid == totals["amount_e5"] + bought


def test_settling_twice_is_settling_once(whole: SmallHome) -> None:
    before, size = whole.platform.state.state_hash(), whole.platform.state.position
    settle_day(whole.platform, DAY, prices(9_999), NIGHT_MS)
    assert (whole.platform.state.state_hash(), whole.platform.state.position) == (before, size)


def test_a_settlement_without_prices_changes_nothing(measured: SmallHome) -> None:
    before = measured.platform.state.state_hash()
    with pytest.raises(UnknownReference) as refused:
        settle_day(measured.platform, DAY, prices().take(np.arange(10)), NIGHT_MS)
    assert refused.value.code == "PRICE_MISSING"
    assert measured.platform.state.state_hash() == before


def test_plan_customers_retire_the_retailers_tokens_exactly(whole: SmallHome) -> None:
    lots = whole.platform.state.lots
    retired = lots[(lots[:, k.L_OWNER] == e.OPERATOR) & (lots[:, k.L_STATE] == k.RETIRED)]
    proof = [verify_file(prove_plan(whole.platform, 0, DAY, name), whole.platform.keys.vkey) for name in PSEUDONYMS]
    assert sum(one.quantity_wh for one in proof) == int((retired[:, k.L_END] - retired[:, k.L_START]).sum()) > 0


@pytest.mark.parametrize("done", [0, 1, 2])
def test_an_interrupted_plan_day_is_carried_out_from_its_record(measured: SmallHome, done: int) -> None:
    """A long plan takes several frames; killed between them, the rest is retired and nothing twice."""
    platform = measured.platform
    measured.trade()
    lots = measured.held(e.OPERATOR)
    starts = platform.state.bundles[platform.state.lots[lots, k.L_BUNDLE], k.B_PERIOD_S]
    demand = PlanDemand(np.zeros(len(lots), np.int64), starts, np.full(len(lots), 1_800), np.full(len(lots), 10_000))
    decided = plan_settle_plan(platform, DAY, demand, PSEUDONYMS, e.OPERATOR)
    assert len(decided.plan) == 1 + len(lots) >= 3
    platform.execute_all(replace(decided.plan, commands=decided.plan.commands[: 1 + done]), NIGHT_MS)
    again = plan_settle_plan(platform, DAY, demand, PSEUDONYMS, e.OPERATOR)
    assert sorted(again.plan.commands.tolist()) == sorted(decided.plan.commands[1 + done :].tolist())
    platform.execute_all(again.plan, NIGHT_MS)
    assert measured.held(e.OPERATOR) == []
    assert len(plan_settle_plan(platform, DAY, demand, PSEUDONYMS, e.OPERATOR).plan) == 0


def test_an_interrupted_settlement_is_carried_out_from_its_record(measured: SmallHome) -> None:
    platform = measured.platform
    measured.trade()
    decided = plan_settle_day(platform, DAY, prices())
    half = replace(decided.plan, commands=decided.plan.commands[:4])
    platform.execute_all(half, NIGHT_MS)
    settled = settle_day(platform, DAY, prices(9_999), NIGHT_MS)
    assert settled.settlement.tobytes() == decided.settlement.tobytes()
    retired = platform.state.bundles[:, k.B_RETIRED_WH].sum()
    assert retired == decided.settlement.allocation.quantity_wh.sum() > 0


def test_a_retirement_is_proven_back_to_the_meters_signature(whole: SmallHome) -> None:
    events = whole.platform.views.account_events(whole.consumer, kind=e.RETIRE)
    for event in events:
        proven = verify_file(prove_retirement(whole.platform, event.position), whole.platform.keys.vkey)
        assert proven.facts()["serials"] == [event.start, event.end]
        assert proven.evidence.value == "signed"  # type: ignore[union-attr]
    assert events


def test_only_retirements_have_certificates(whole: SmallHome) -> None:
    with pytest.raises(RuleViolated):
        prove_retirement(whole.platform, 0)
    with pytest.raises(UnknownReference):
        prove_retirement(whole.platform, 10**9)
    with pytest.raises(UnknownReference):
        prove_plan(whole.platform, 0, DAY, b"a stranger's name")


def test_a_deposit_pays_its_charge_in_kind_and_is_covered(measured: SmallHome) -> None:
    platform = measured.platform
    measured.trade()
    claims = platform.state.lots[platform.state.lots[:, k.L_KIND] == k.ENERGY_CLAIM]
    credited = int((claims[:, k.L_END] - claims[:, k.L_START]).sum())
    assert bank_cover(platform.state).outstanding_wh == credited > 0
    of_bundle = [
        row for row in measured.held(e.OPERATOR) if platform.state.lots[row, k.L_BUNDLE] == claims[0, k.L_BUNDLE]
    ]
    charge = sum(measured.size(row) for row in of_bundle)
    assert credited == (credited + charge) * 920 // 1_000, "80 per mille in kind (K5)"
    assert platform.state.bundles[claims[0, k.L_BUNDLE], k.B_ISSUED_WH] == credited + charge


@pytest.mark.parametrize(
    ("case", "code"),
    [
        ("unknown lot", "UNKNOWN_LOT"),
        ("range outside", "RANGE_NOT_IN_LOT"),
        ("empty range", "RANGE_NOT_IN_LOT"),
        ("unknown rule", "REDEMPTION_RULE_UNKNOWN"),
        ("too late", "BANK_WINDOW_CLOSED"),
        ("too early", "PERIOD_NOT_OVER"),
        ("no cover", "COVER_TOO_SMALL"),
    ],
)
def test_a_deposit_that_cannot_be_banked_moves_nothing(measured: SmallHome, case: str, code: str) -> None:
    platform = measured.platform
    lot = measured.held(measured.producer)[-1]
    size = measured.size(lot)
    wish = {
        "unknown lot": DepositWish(1, 10**6, 0, 1, 1),
        "range outside": DepositWish(1, lot, 0, size + 1, 1),
        "empty range": DepositWish(1, lot, 5, 5, 1),
        "unknown rule": DepositWish(1, lot, 0, size, 99),
    }.get(case, DepositWish(1, lot, 0, size, 1))
    now_ms = {"too late": NIGHT_MS + 4 * 86_400_000, "too early": START_S * 1_000}.get(case, NIGHT_MS)
    before = platform.state.state_hash()
    plan, refused = plan_bank_deposits(platform.state, [wish], now_ms)
    assert [error.code for _, error in refused] == [code]
    assert len(plan) == 0
    with pytest.raises(type(refused[0][1])):
        plan_bank_deposit(platform.state, wish, now_ms)
    assert platform.state.state_hash() == before


def test_tokens_expire_after_their_date_and_not_before(measured: SmallHome) -> None:
    platform = measured.platform
    assert len(plan_expire_lots(platform.state, NIGHT_MS)) == 0
    later_ms = NIGHT_MS + 366 * 86_400_000
    platform.execute_all(plan_expire_lots(platform.state, later_ms), later_ms)
    assert platform.state.bundles[:, k.B_EXPIRED_WH].sum() == sum(SUN_WH)
    assert len(plan_expire_lots(platform.state, later_ms)) == 0


def test_a_key_opens_until_it_is_revoked(empty: SmallHome) -> None:
    row = authenticate(empty.platform, SECRET)
    assert (row.account, row.revoked) == (empty.consumer, False)
    for wrong, error in (("5b" * 32, NotAuthorised), ("short", MalformedInput), ("5A" * 32, MalformedInput)):
        with pytest.raises(error) as refused:
            authenticate(empty.platform, wrong)
        assert wrong not in str(refused.value)
    empty.platform.execute_one(plan_revoke_key(identity=4, key=row.key), NIGHT_MS)
    with pytest.raises(NotAuthorised):
        authenticate(empty.platform, SECRET)


def test_a_meter_channel_is_registered_once(empty: SmallHome) -> None:
    text = {"meter_id": empty.pv.signer.meter_id.hex(), "channel": empty.pv.signer.channel}
    plan = plan_register_device(
        identity=77, account=empty.producer, area=3, source=1, capacity_w=1, channel_role=1, tier=3, text=text
    )
    with pytest.raises(RuleViolated) as refused:
        register_device(empty.platform, plan, NIGHT_MS)
    assert refused.value.code == "METER_REGISTERED"


@pytest.mark.parametrize("text", [{"meter_id": "zz"}, {"meter_id": "00"}, {"meter_id": "00" * 8, "channel": 300}])
def test_a_malformed_meter_is_refused(text: dict[str, object]) -> None:
    with pytest.raises(MalformedInput):
        plan_register_device(identity=1, account=0, area=3, source=1, capacity_w=1, channel_role=1, tier=3, text=text)


def test_a_refused_command_raises_and_stays_refused(measured: SmallHome) -> None:
    platform = measured.platform
    lot = measured.held(measured.producer)[0]
    stolen = plan_transfer(identity=5, actor=measured.consumer, lot=lot, start=0, end=1, to_account=measured.consumer)
    before = platform.state.state_hash()
    for _ in range(2):
        with pytest.raises(NotAuthorised) as refused:
            platform.execute_all(stolen, NIGHT_MS)
        assert refused.value.code == Outcome.NOT_OWNER.name
    assert platform.state.state_hash() == before


# ------------------------------------------------------------------------------------------ restarts


def test_a_restart_gives_the_same_state_log_and_reads(whole: SmallHome) -> None:
    platform = whole.platform
    facts = _facts(platform)
    root = platform.publish()
    whole.close()
    with Platform.open(whole.home) as again:
        assert _facts(again) == facts
        assert again.publish() == root
    with Platform.open(whole.home, read_only=True) as reader:
        assert _facts(reader) == facts


@pytest.mark.parametrize(
    "damage", ["views", "seal", "snapshot", "foreign snapshot", "no disposable files", "stale views"]
)
def test_disposable_files_are_never_believed(whole: SmallHome, damage: str) -> None:
    facts = _facts(whole.platform)
    whole.close()
    views, snapshots = whole.home / "views" / "views.db", sorted((whole.home / "snapshots").iterdir())
    if damage == "views":
        data = bytearray(views.read_bytes())
        at = data.find(b"\x03producer") if b"\x03producer" in data else len(data) // 2
        data[at] ^= 1
        views.write_bytes(data)
    elif damage == "seal":
        seal = views.with_name("views.db.sha256")
        seal.write_text("0" * 64 + "  views.db\n")
    elif damage == "snapshot":
        data = bytearray(snapshots[-1].read_bytes())
        data[len(data) // 2] ^= 0x10
        snapshots[-1].write_bytes(data)
    elif damage == "foreign snapshot":
        for path in snapshots:
            path.write_bytes(_foreign_snapshot(path.read_bytes()))
    elif damage == "no disposable files":
        for path in [views, *snapshots]:
            path.unlink()
    else:
        with Platform.open(whole.home) as again:
            old = views.read_bytes()
            again.execute_one(plan_revoke_key(identity=4, key=0), NIGHT_MS)
            facts = _facts(again)
        views.write_bytes(old)
    with Platform.open(whole.home) as mended:
        assert _facts(mended) == facts


def _foreign_snapshot(data: bytes) -> bytes:
    """A snapshot with money out of nothing, sound in itself, sealed with another secret."""
    honest = load(data[:-SEAL_BYTES])
    tables = {name: honest.state.table(name).copy() for name in TABLES}
    tables["accounts"][e.OPERATOR, e.A_CASH_E5] += 10**9
    forged = dump(
        Snapshot(
            honest.sequence, honest.frame_hash, honest.frame_starts, State.from_tables(tables, honest.state.header)
        )
    )
    return forged + snapshot_seal(bytes(32), forged)


def test_channel_states_are_derived_again_after_a_crash(empty: SmallHome) -> None:
    """Slots before the crash are known after it: replays are refused, the next slot and the seal are accepted."""
    platform = empty.platform
    noon_ms = (START_S + 40 * 1_800) * 1_000
    for first in (0, 20):
        envelopes = empty.plant_day.slots[first : first + 20]
        delivery = plan_ingest_slots(platform, envelopes, identity=100 + first, received_ms=noon_ms)
        platform.execute_all(delivery.plan, noon_ms)
    crash(platform)
    with Platform.open(empty.home) as again:
        empty.platform = again
        replay = plan_ingest_slots(again, [empty.plant_day.slots[39]], identity=2, received_ms=NIGHT_MS)
        assert [outcome.code for outcome in replay.outcomes] == [Code.REPLAYED]
        rest = plan_ingest_slots(again, empty.plant_day.slots[40:], identity=3, received_ms=NIGHT_MS)
        assert rest.accepted == 8
        again.execute_all(rest.plan, NIGHT_MS)
        sealed = plan_seal_day(again, [empty.plant_day.seal], identity=4, received_ms=NIGHT_MS)
        assert sealed.accepted == 1
        again.execute_all(sealed.plan, NIGHT_MS)
        assert again.state.bundles[:, k.B_ISSUED_WH].sum() == sum(SUN_WH)


def test_there_is_one_writer(empty: SmallHome) -> None:
    with pytest.raises(Unavailable) as refused:
        Platform.open(empty.home)
    assert "writer" in refused.value.reason.en
    with Platform.open(empty.home, read_only=True) as reader:
        assert reader.state.state_hash() == empty.platform.state.state_hash()
        with pytest.raises(Unavailable):
            reader.execute_one(plan_revoke_key(identity=4, key=0), NIGHT_MS)


def test_a_home_is_made_once_and_in_an_empty_place(empty: SmallHome, tmp_path: Path) -> None:
    settings = Settings(origin="a.b", name=Text(en="x", ja="x"))
    with pytest.raises(MalformedInput) as refused:
        Platform.create(empty.home, settings, 0)
    assert refused.value.code == "HOME_NOT_EMPTY"
    with pytest.raises(MalformedInput) as refused:
        Platform.open(tmp_path / "nothing")
    assert refused.value.code == "NOT_A_HOME"


def test_secrets_are_for_the_owner_only(empty: SmallHome) -> None:
    for name in ("log.key", "blinding.key", "web.key"):
        assert (empty.home / "keys" / name).stat().st_mode & 0o077 == 0


def test_a_killed_writer_leaves_a_home_that_opens(tmp_path: Path) -> None:
    """kill -9 in the middle of a day: the next opening has every acknowledged record and a sound audit."""
    script = (
        "import sys, os, signal\nfrom pathlib import Path\nfrom wattmark.testing.small_home import SmallHome\n"
        "s = SmallHome(Path(sys.argv[1]))\ns.measure()\ns.trade()\n"
        "print(s.platform.state.position, flush=True)\nos.kill(os.getpid(), signal.SIGKILL)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "home")],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ,
    )
    assert run.returncode == -9
    with Platform.open(tmp_path / "home") as again:
        assert again.state.position == int(run.stdout)
    assert [found for found in audit_home(tmp_path / "home") if found.is_truth] == []


def crash(platform: Platform) -> None:
    """Let go of everything as a killed process does: nothing published, sealed or snapshot."""
    platform._closed = True
    platform._views.abandon()
    platform._journal.close()


def _facts(platform: Platform) -> tuple[object, ...]:
    views = platform.views
    return (
        platform.state.state_hash(),
        platform.sequencer.position,
        views.trades(),
        views.candles(1_800, by_period=True),
        views.products(),
        views.orders(3),
        [views.events(bundle) for bundle in range(platform.state.count("bundles"))],
        views.account_events(4, limit=1_000),
        views.keys_of(4),
        views.bulk(limit=1_000),
        [(account, views.statement_days(account)) for account in range(5)],
        views.settled_days(),
    )


@pytest.mark.parametrize("damage", ["lost", "flipped", "cut"])
def test_tiles_that_do_not_hold_are_made_again_from_the_journal(whole: SmallHome, damage: str) -> None:
    facts = _facts(whole.platform)
    whole.close()
    tile = max(
        (path for path in (whole.home / "log" / "tile").rglob("*") if path.is_file()), key=lambda path: int(path.name)
    )
    data = tile.read_bytes()
    if damage == "lost":
        tile.unlink()
    else:
        tile.write_bytes(data[:-32] if damage == "cut" else bytes([data[0] ^ 1]) + data[1:])
    assert any(found.is_truth for found in audit_home(whole.home))
    with Platform.open(whole.home) as mended:
        assert _facts(mended) == facts
    assert tile.read_bytes() == data
    assert list(audit_home(whole.home)) == []


@pytest.mark.parametrize("copy", ["sound", "flipped", "foreign"])
def test_a_crash_goes_on_from_the_snapshot_and_its_copy_of_the_reads(
    whole: SmallHome, tmp_path: Path, copy: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    platform = whole.platform
    platform.settings = platform.settings.with_changes(snapshot_frames=1)
    platform.tick(NIGHT_MS)
    platform.execute_one(plan_revoke_key(identity=4, key=0), NIGHT_MS)
    facts = _facts(platform)
    crash(platform)
    path = whole.home / "views" / "copy.db"
    if copy == "flipped":
        data = bytearray(path.read_bytes())
        data[len(data) // 3] ^= 4
        path.write_bytes(data)
    if copy == "foreign":
        other = SmallHome(tmp_path / "other")
        other.platform.settings = other.platform.settings.with_changes(snapshot_frames=1)
        other.platform.execute_one(plan_revoke_key(identity=99, key=0), NIGHT_MS)
        other.platform.tick(NIGHT_MS)
        other.close()
        for name in ("copy.db", "copy.db.sha256"):
            (whole.home / "views" / name).write_bytes((tmp_path / "other" / "views" / name).read_bytes())
    replayed: list[int] = []
    original = Platform._new_views
    monkeypatch.setattr(Platform, "_new_views", lambda self: replayed.append(1) or original(self))
    with Platform.open(whole.home, read_only=True) as reader:
        assert _facts(reader) == facts
    with Platform.open(whole.home) as again:
        assert _facts(again) == facts
    assert len(replayed) == (0 if copy == "sound" else 2)
