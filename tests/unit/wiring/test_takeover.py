"""Who may take over: enough followers fenced, none of them longer, and none with frames that an older writer left behind."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from wattmark.cli.main import run
from wattmark.core.errors import MalformedInput, RuleViolated, Unavailable
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.keys import LogKeys
from wattmark.flows.replication import FOLLOWER, WRITER, Standing
from wattmark.flows.settings import Settings, settings_bytes
from wattmark.storage.files import FileJournal
from wattmark.storage.files.standing import FileStandings
from wattmark.wiring import Platform, audit_home
from wattmark.wiring.home import read_keys
from wattmark.wiring.ledger import Ledger
from wattmark.wiring.takeover import Wish, change_followers, fence_home, take_over

SETTINGS = Settings(
    origin="takeover.example/log",
    name=Text(en="Takeover", ja="交代"),
    segment_bytes=1 << 16,
    reserve_bytes=0,
    followers=("b", "c", "d"),
    acknowledge_after=2,
    acknowledge_within_ms=100,
)


def write(home: Path, *ids: str) -> None:
    """Append a deposit per id, one frame each, as the writer of a home that waits for nobody."""
    keys = read_keys(home, SETTINGS.origin)
    log_keys = LogKeys(SETTINGS.origin, keys.vkey, keys.log, keys.blinding)
    with Ledger(home, log_keys, segment_bytes=SETTINGS.segment_bytes, reserve_bytes=0) as ledger:
        for one in ids:
            plan = plan_deposit_cash(identity=derive_id(one), account=0, amount_e5jpy=1)
            ledger.submit(plan.commands, list(plan.payloads), 2_000)


def last_sequence(home: Path) -> int:
    journal = FileJournal(home / "journal", read_only=True)
    journal.close()
    return journal.last_sequence


@pytest.fixture
def copied(tmp_path: Path) -> Callable[..., Path]:
    """Return what makes the home of a follower that has the first frames and some more, and knows an epoch."""
    Platform.create(tmp_path / "first", SETTINGS, 1_000).close()

    def make(name: str, *ids: str, epoch: int = 0) -> Path:
        home = tmp_path / name
        shutil.copytree(tmp_path / "first", home)
        write(home, *ids)
        FileStandings(home).store(Standing(epoch, FOLLOWER, "http://127.0.0.1:1", name))
        return home

    return make


def test_the_longer_of_two_takes_over(copied) -> None:
    short, long = copied("b", "x"), copied("c", "x", "y")
    last = last_sequence(long)
    done = take_over(long, Wish(fenced=(fence_home(short),)), 3_000)
    assert (done["epoch"], done["last_sequence"], done["followers"]) == (1, last, ["b", "d"])
    assert FileStandings(long).load() == Standing(1, WRITER)
    assert last_sequence(long) == last + 1, "the new followers are on record"


def test_the_shorter_of_two_may_not(copied) -> None:
    short, long = copied("b", "x"), copied("c", "x", "y")
    before = FileStandings(short).load(), last_sequence(short)
    with pytest.raises(RuleViolated, match="NOT_THE_LONGEST"):
        take_over(short, Wish(fenced=(fence_home(long),)), 3_000)
    assert (FileStandings(short).load(), last_sequence(short)) == before


@pytest.mark.parametrize("may_lose", [False, True])
@pytest.mark.parametrize("stale", [("left behind",), ("left behind", "and more")], ids=["as long", "longer"])
def test_what_an_older_writer_left_behind_does_not_win(copied, stale: tuple[str, ...], may_lose: bool) -> None:
    """Follower b missed a takeover and holds what was never confirmed; d has what the newer writer acknowledged."""
    missed, current = copied("b", *stale), copied("d", "acknowledged", epoch=1)
    before = FileStandings(missed).load(), last_sequence(missed)
    with pytest.raises(RuleViolated, match="FOLLOWERS_DIFFER"):
        take_over(missed, Wish(fenced=(fence_home(current),), may_lose=may_lose), 3_000)
    assert (FileStandings(missed).load(), last_sequence(missed)) == before


@pytest.mark.parametrize(("names", "needed"), [((), 2), (("b",), None)])
def test_of_three_of_whom_two_confirm_two_are_fenced(copied, names: tuple[str, ...], needed: int | None) -> None:
    home = copied("c", "x")
    wish = Wish(fenced=tuple(fence_home(copied(name)) for name in names))
    if needed is None:
        take_over(home, wish, 3_000)
        return
    with pytest.raises(RuleViolated, match=f"at least {needed} of the 3"):
        take_over(home, wish, 3_000)
    assert FileStandings(home).load().role == FOLLOWER


def test_one_that_is_named_twice_counts_once(copied) -> None:
    home = copied("c", "x")
    with pytest.raises(RuleViolated, match="TOO_FEW_FENCED"):
        take_over(home, Wish(fenced=(fence_home(home), fence_home(home))), 3_000)


def test_a_writer_does_not_take_over_and_a_follower_needs_the_keys(copied) -> None:
    home = copied("c", "x")
    (home / "keys" / "log.key").unlink()
    with pytest.raises(MalformedInput, match="KEYS_NEEDED"):
        take_over(home, Wish(), 3_000)
    FileStandings(home).store(Standing(0, WRITER))
    with pytest.raises(MalformedInput, match="NOT_A_FOLLOWER"):
        take_over(home, Wish(), 3_000)


def test_a_follower_fenced_by_hand_is_named_at_the_other_machine(copied, capsys) -> None:
    home, other = copied("c", "x"), copied("b", "x")
    assert run(["takeover", str(other), "--only-fence", "--json"]) == 0
    fenced = json.loads(capsys.readouterr().out)["fenced"]
    assert run(["takeover", str(home), "--fenced", fenced[:-1]]) == 2
    assert "NAME:LAST:EPOCH:HASH" in capsys.readouterr().err
    assert run(["takeover", str(home), "--fenced", fenced, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["fenced"][1]["name"] == "b"


def test_a_writer_that_waits_for_followers_can_be_stopped(tmp_path: Path) -> None:
    """Nothing is signed or written, and the read model is sealed: the next opening has nothing to make anew."""
    home = tmp_path / "first"
    Platform.create(home, SETTINGS, 1_000).close()
    kept = {path: path.read_bytes() for path in home.rglob("*") if path.is_file() and path.parent.name != "views"}
    with Platform.open(home) as platform, pytest.raises(Unavailable, match="waiting"), platform.sequencer.reading():
        pass
    assert {path: path.read_bytes() for path in kept} == kept
    assert list(audit_home(home)) == []


def test_the_follower_of_a_writer_in_a_database_writes_to_its_own_files(copied) -> None:
    """Its settings name the database of the writer before, which may be gone; the journal it has is in files."""
    home = copied("b", "x")
    of_writer = SETTINGS.with_changes(
        journal="postgres", journal_dsn="host=gone.example dbname=wattmark", followers=("b",), acknowledge_after=0
    )
    (home / "wattmark.json").write_bytes(settings_bytes(of_writer))
    take_over(home, Wish(followers=(), acknowledge_after=0, may_lose=True), 3_000)
    assert b"postgres" not in (home / "wattmark.json").read_bytes()
    with Platform.open(home) as platform:
        assert platform.settings.journal == "file"
        assert platform.sequencer.find(derive_id("x")) is not None
    assert [found.finding for found in audit_home(home) if found.is_truth] == []


def test_a_follower_bound_to_a_key_that_nobody_has_is_refused(tmp_path: Path) -> None:
    """It could never confirm, and the writer would wait for ever."""
    home = tmp_path / "home"
    Platform.create(home, SETTINGS.with_changes(followers=(), acknowledge_after=0), 1_000).close()
    before = (home / "wattmark.json").read_bytes()
    with pytest.raises(MalformedInput) as caught:
        change_followers(home, ["x#99"], 1, 2_000)
    assert (caught.value.code, caught.value.field, caught.value.value) == ("UNKNOWN_KEY", "follower", "x#99")
    assert (home / "wattmark.json").read_bytes() == before
