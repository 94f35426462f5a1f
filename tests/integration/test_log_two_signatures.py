"""A log with an ML-DSA-44 key beside its Ed25519 key: every checkpoint bears both, and either is enough to check."""

import json
from pathlib import Path

import pytest

from reference.witnessed_log import NOW_MS
from wattmark.cli.main import run
from wattmark.core.errors import MalformedInput
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.crypto.signing import SignatureInvalid
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.settings import Settings
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.note import ED25519, SUBTREE_V1, parse_vkey, split_note
from wattmark.wiring import Platform, add_subtree_key, audit_home

SETTINGS = Settings(origin="two.example/log", name=Text(en="Two", ja="二"))


def deposit(platform: Platform, name: str) -> None:
    plan = plan_deposit_cash(identity=derive_id("test", name), account=0, amount_e5jpy=100)
    platform.execute_all(plan, NOW_MS)


def checkpoint(home: Path) -> str:
    return (home / "log" / "checkpoint").read_text()


def test_checkpoints_bear_both_signatures_from_the_next_start_on(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    home = tmp_path / "home"
    with Platform.create(home, SETTINGS, NOW_MS) as platform:
        ed25519 = platform.keys.vkey
    assert len(split_note(checkpoint(home))[1]) == 1
    assert run(["log", "add-key", str(home), "--json"]) == 0
    subtree = json.loads(capsys.readouterr().out)["vkey"]
    with Platform.open(home) as platform:
        deposit(platform, "a")
    note = checkpoint(home)
    kinds = [parse_vkey(vkey).kind for vkey in (ed25519, subtree)]
    assert kinds == [ED25519, SUBTREE_V1]
    assert open_checkpoint(note, ed25519) == open_checkpoint(note, subtree)
    assert len(split_note(note)[1]) == 2
    with Platform.open(home) as platform:  # nothing new: what was signed stands, no other signature of the same tree
        assert platform.sequencer.checkpoint_text == note
    assert checkpoint(home) == note
    assert not [item for item in audit_home(home) if item.is_truth]
    assert (home / "keys" / "log-mldsa44.key").stat().st_mode & 0o077 == 0


def test_a_proof_is_checked_with_either_key(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    Platform.create(home, SETTINGS, NOW_MS).close()
    add_subtree_key(home)
    with Platform.open(home) as platform:
        deposit(platform, "a")
    entry = tmp_path / "entry"
    assert run(["log", "proof", str(home), "0", "--entry-out", str(entry)]) == 0
    proof = tmp_path / "proof"
    proof.write_text(capsys.readouterr().out)
    for name in ("log.vkey", "log-mldsa44.vkey"):
        assert run(["log", "check", str(proof), "--entry", str(entry), "--key", str(home / "keys" / name)]) == 0


def test_a_changed_root_is_under_neither_signature(tmp_path: Path) -> None:
    home = tmp_path / "home"
    Platform.create(home, SETTINGS, NOW_MS).close()
    subtree = add_subtree_key(home)
    with Platform.open(home) as platform:
        deposit(platform, "a")
        ed25519 = platform.keys.vkey
    lines = checkpoint(home).split("\n")
    lines[2] = "A" * 43 + "="
    for vkey in (ed25519, subtree):
        with pytest.raises(SignatureInvalid):
            open_checkpoint("\n".join(lines), vkey)


def test_a_second_key_is_made_once_and_must_be_the_log_s(tmp_path: Path) -> None:
    home, other = tmp_path / "home", tmp_path / "other"
    Platform.create(home, SETTINGS, NOW_MS).close()
    add_subtree_key(home)
    with pytest.raises(MalformedInput, match="KEY_EXISTS"):
        add_subtree_key(home)
    Platform.create(other, SETTINGS.with_changes(origin="other.example/log"), NOW_MS).close()
    for key in ("log.key", "log-mldsa44.key"):  # of another type, of another log
        (other / "keys" / "log-mldsa44.key").write_bytes((home / "keys" / key).read_bytes())
        with pytest.raises(MalformedInput, match="BAD_KEY_TYPE"):
            Platform.open(other)
