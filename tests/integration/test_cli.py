"""The program: what it prints, its exit codes, and that no wrong input ends in a traceback."""

import json
import os
import re
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from wattmark.cli import main
from wattmark.core.errors import Unavailable
from wattmark.core.text import Text
from wattmark.testing.small_home import PSEUDONYMS, SmallHome
from wattmark.wiring import Platform, log_reader

JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def interrupted_write() -> Unavailable:
    """Return the error of a writer that Ctrl-C stopped in the middle of a write."""
    error = Unavailable(Text(en="stopped", ja="停止"))
    error.__context__ = KeyboardInterrupt()
    return error


class Program:
    """Runs the program in this process, as a shell would call it."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch = monkeypatch
        self._capsys = capsys
        for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
            monkeypatch.delenv(name, raising=False)

    def __call__(self, *arguments: object) -> tuple[int, str, str]:
        words = [str(argument) for argument in arguments]
        self._monkeypatch.setattr(sys, "argv", ["wattmark", *words])
        self._capsys.readouterr()
        code = main.run(words)
        printed = self._capsys.readouterr()
        return code, printed.out, printed.err


@pytest.fixture
def wattmark(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(monkeypatch, capsys)


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> SmallHome:
    made = SmallHome(tmp_path_factory.mktemp("cli") / "home").run()
    made.close()
    return made


WRONG = """
# command line                                        | exit | what the line says
nonsense                                              |  2 | nonsense
init                                                  |  2 | home
init {home}                                           |  2 | HOME_NOT_EMPTY
init {new} --area 12                                  |  2 | area = 12: a whole number from 1 to 9
init {new} --area north                               |  2 | --area
init {new} --origin https://x                         |  2 | origin = https://x
init {new} --resolution 60                            |  2 | resolution_s = 60
init {new} --expiry-days 0                            |  2 | token_expiry_days = 0
init {new} --tariff -5                                |  2 | tariff_sen_per_kwh = -5
init {file}                                           |  2 | HOME_NOT_EMPTY
serve {new}                                           |  2 | NOT_A_HOME
serve {home} --port -1                                |  2 | --port
audit                                                 |  2 | home
audit {new}                                           |  2 | NOT_A_HOME
audit {home} --max-findings 0                         |  2 | --max-findings
prove {home}                                          |  2 | exactly one of
prove {home} --position 0 --id 0                      |  2 | exactly one of
prove {home} --position 0                             |  2 | NOT_A_RETIREMENT
prove {home} --position 999999                        |  2 | UNKNOWN_POSITION
prove {home} --id xyz                                 |  2 | ID_INVALID
prove {home} --id 0123456789abcdef0123456789abcdef    |  2 | UNKNOWN_POSITION
prove {home} --customer zz --day 2021-01-04           |  2 | CUSTOMER_INVALID
prove {home} --customer 00 --day 2021-13-01           |  2 | DAY_INVALID
prove {home} --customer 00 --day 2021-01-05           |  2 | UNKNOWN_PLAN_DAY
prove {home} --customer 00 --day 2021-01-04           |  2 | UNKNOWN_CUSTOMER
prove {new} --position 1                              |  2 | NOT_A_HOME
verify {file}                                         |  2 | key
verify {new} --key {vkey}                             |  2 | FILE_UNREADABLE
verify {file} --key {new}                             |  2 | FILE_UNREADABLE
verify {file} --key a+b+c                             |  2 | BAD_VKEY
verify {file} --key {vkey}                            |  1 | JSON
log                                                   |  2 |
log checkpoint {new}                                  |  2 | NOT_A_HOME
log entries {home} --from -1                          |  2 | --from
log entries {home} --from 999999                      |  2 | 999999
log proof {home} 999999                               |  2 | 999999
log proof {home} x                                    |  2 | index
log check {file} --entry 00 --key {vkey}              |  1 | BAD_PROOF
log check {new} --entry 00 --key {vkey}               |  2 | FILE_UNREADABLE
log check {file} --entry {new} --key {vkey}           |  2 | FILE_UNREADABLE
import {home} {file} --map {file} --device a          |  2 | DEVICE_INVALID
import {home} {file} --map {new} --device a=1         |  2 | FILE_UNREADABLE
import {home} {new} --map {file} --device a=1         |  2 | FILE_UNREADABLE
import {home} {file} --map {file} --device a=1        |  2 | JSON
import {home} {file}                                  |  2 | --map
bench nothing                                         |  2 | nothing
demo --days x                                         |  2 | --days
--lang fr audit {home}                                |  2 | ja or en
"""

CASES = [
    tuple(part.strip() for part in line.split("|")) for line in WRONG.splitlines() if line and not line.startswith("#")
]


@pytest.mark.parametrize(("line", "code", "says"), CASES, ids=[case[0] for case in CASES])
def test_wrong_input_gives_one_line_and_the_exit_code(
    wattmark: Program, small: SmallHome, tmp_path: Path, line: str, code: str, says: str
) -> None:
    file = tmp_path / "some.txt"
    file.write_text("no JSON, no CSV\n")
    vkey = (small.home / "keys" / "log.vkey").read_text().strip()
    words = line.format(home=small.home, new=tmp_path / "new", file=file, vkey=vkey).split()
    found, out, err = wattmark(*words)
    assert found == int(code), (out, err)
    assert says in err
    if says:
        assert err.startswith("error: ")
        assert err.count("\n") == 1, err
        assert out == ""
    assert not (tmp_path / "new").exists()


def test_errors_and_help_speak_japanese(wattmark: Program, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _, _, err = wattmark("--lang", "ja", "audit", tmp_path / "none")
    assert err.startswith("エラー: ")
    assert JAPANESE.search(err.removeprefix("エラー: "))
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert wattmark("audit", tmp_path / "none")[2].startswith("エラー: ")
    assert wattmark("--lang", "en", "audit", tmp_path / "none")[2].startswith("error: ")


def run(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    program = "import sys; from wattmark.cli.main import run; sys.exit(run())"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
        timeout=60,
    )


def test_help_is_quick_and_names_every_command() -> None:
    started = time.perf_counter()
    shown = run("--help", LANG="C.UTF-8")
    took = time.perf_counter() - started
    assert shown.returncode == 0
    for name in ("init", "serve", "demo", "import", "audit", "prove", "verify", "log", "bench"):
        assert name in shown.stdout
    assert took < 2.5, "0.5 s on an idle machine; tests share theirs"


@pytest.mark.parametrize("module", ["numpy", "numba", "pyarrow", "fastapi", "uvicorn", "sqlite3", "cryptography"])
def test_help_imports_nothing_heavy(module: str) -> None:
    program = f"import sys; import wattmark.cli.main; sys.exit({module!r} in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_verify_needs_nothing_of_the_platform(small: SmallHome, tmp_path: Path) -> None:
    """The command loads certificates, ledger, crypto and core, and none of the rest."""
    run("prove", small.home, "--position", retirement(small), "--out", tmp_path / "proof.json")
    program = (
        "import sys; from wattmark.cli.main import run; code = run();"
        "rest = [name for name in sys.modules if name.startswith('wattmark.') and name.split('.')[1] not in"
        " {'core', 'crypto', 'ledger', 'certificates', 'cli'}]; print(rest, file=sys.stderr); sys.exit(code or bool(rest))"
    )
    words = ["verify", str(tmp_path / "proof.json"), "--key", str(small.home / "keys" / "log.vkey")]
    shown = subprocess.run([sys.executable, "-c", program, *words], check=False, capture_output=True, text=True)
    assert shown.returncode == 0, shown.stderr


def retirement(small: SmallHome) -> int:
    with Platform.open(small.home, read_only=True) as platform:
        return platform.views.account_events(small.consumer, kind=13)[0].position


def test_a_new_home_is_sound_and_its_key_opens(wattmark: Program, tmp_path: Path) -> None:
    home = tmp_path / "home"
    code, out, _ = wattmark("init", home, "--origin", "example.org/x", "--name", "X", "--name-ja", "ば", "--json")
    made = json.loads(out)
    assert code == 0
    assert (home / "keys" / "log.vkey").read_text().strip() == made["vkey"]
    from wattmark.flows.issue_key import authenticate

    with Platform.open(home) as platform:
        assert authenticate(platform, made["operator_key"]).account == 0
        assert platform.settings.name.ja == "ば"
    secret = made["operator_key"].encode()
    assert not [path for path in home.rglob("*") if path.is_file() and secret in path.read_bytes()]
    code, out, _ = wattmark("audit", home, "--json")
    assert (code, json.loads(out)["findings"]) == (0, [])


def test_audit_exits_with_one_and_names_file_and_position(wattmark: Program, small: SmallHome) -> None:
    assert wattmark("audit", small.home)[0] == 0
    path = max((small.home / "lake" / "statements").iterdir())
    data = path.read_bytes()
    path.write_bytes(data[:-1] + bytes([data[-1] ^ 1]))
    try:
        code, out, _ = wattmark("audit", small.home)
        coded, printed, _ = wattmark("audit", small.home, "--json", "--quick")
    finally:
        path.write_bytes(data)
    assert code == coded == 1
    name = path.relative_to(small.home).as_posix()
    assert out.startswith(f"{name}\tbyte 0 to {len(data) - 1}\t")
    (finding,) = json.loads(printed)["findings"]
    assert finding["file"] == name


def test_a_file_that_cannot_be_read_is_named(wattmark: Program, tmp_path: Path) -> None:
    made = SmallHome(tmp_path / "home")
    made.close()
    last = made.home / "checkpoint" / "last"
    last.unlink()
    last.mkdir()
    for words in (("audit", made.home), ("log", "checkpoint", made.home), ("serve", made.home)):
        code, _, err = wattmark(*words)
        assert code == 3
        assert err.count("\n") == 1
        assert str(last) in err


def test_a_proof_travels_from_prove_to_verify(wattmark: Program, small: SmallHome, tmp_path: Path) -> None:
    proof, vkey = tmp_path / "proof.json", small.home / "keys" / "log.vkey"
    assert wattmark("prove", small.home, "--position", retirement(small), "--out", proof, "--json")[0] == 0
    code, out, _ = wattmark("verify", proof, "--key", vkey, "--json")
    verified = json.loads(out)
    assert (code, verified["valid"], verified["facts"]["claim"]) == (0, True, "SAME_SLOT")
    data = bytearray(proof.read_bytes())
    data[len(data) // 2] ^= 1
    proof.write_bytes(data)
    code, _, err = wattmark("verify", proof, "--key", vkey)
    assert code == 1
    assert err.startswith("error: ")
    code, out, _ = wattmark("verify", proof, "--key", vkey, "--json")
    assert (code, json.loads(out)["valid"]) == (1, False)


def test_verify_says_how_far_a_proof_leads_back(wattmark: Program, small: SmallHome, tmp_path: Path) -> None:
    """A proof without its reading still holds, but nobody checked a meter's signature."""
    proof, vkey = tmp_path / "proof.json", small.home / "keys" / "log.vkey"
    wattmark("prove", small.home, "--position", retirement(small), "--out", proof)
    assert "signed by the registered meter" in wattmark("verify", proof, "--key", vkey)[1]
    whole = json.loads(proof.read_text())
    proof.write_text(json.dumps({name: part for name, part in whole.items() if name not in {"reading", "meter_key"}}))
    code, out, _ = wattmark("verify", proof, "--key", vkey)
    assert (code, "hash of the reading" in out, "signed" in out) == (0, True, False)
    assert json.loads(wattmark("verify", proof, "--key", vkey, "--json")[1])["evidence"] == "hash"


def test_a_folder_that_is_no_home_is_not_audited(wattmark: Program, tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("hello")
    code, out, err = wattmark("audit", tmp_path)
    assert (code, out) == (2, "")
    assert "NOT_A_HOME" in err


@pytest.mark.parametrize(
    ("fault", "exit_code", "words"),
    [
        (sqlite3.OperationalError("database or disk is full"), 3, "error: read model: database or disk is full"),
        (interrupted_write(), main.EXIT_INTERRUPTED, ""),
    ],
)
def test_a_full_disk_and_ctrl_c_end_in_order(
    wattmark: Program, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, fault: Exception, exit_code: int, words: str
) -> None:
    def create(*_: object) -> None:
        raise fault

    monkeypatch.setattr(Platform, "create", create)
    code, _, err = wattmark("init", tmp_path / "new")
    assert (code, err.strip()) == (exit_code, words)


def test_a_strangers_key_verifies_nothing(wattmark: Program, small: SmallHome, tmp_path: Path) -> None:
    proof, other = tmp_path / "proof.json", tmp_path / "other"
    wattmark("prove", small.home, "--position", retirement(small), "--out", proof)
    wattmark("init", other, "--origin", small.platform.settings.origin)
    assert wattmark("verify", proof, "--key", other / "keys" / "log.vkey")[0] == 1


def test_a_plan_customer_gets_their_own_proof(wattmark: Program, small: SmallHome, tmp_path: Path) -> None:
    proof, vkey = tmp_path / "plan.json", small.home / "keys" / "log.vkey"
    code, out, _ = wattmark("prove", small.home, "--customer", PSEUDONYMS[0].hex(), "--day", "2021-01-04")
    proof.write_text(out)
    assert code == 0
    assert PSEUDONYMS[1] not in proof.read_bytes()
    code, out, _ = wattmark("verify", proof, "--key", vkey, "--json")
    assert (code, json.loads(out)["facts"]["pseudonym"]) == (0, PSEUDONYMS[0].hex())


def test_the_log_is_shown_and_its_proofs_hold(wattmark: Program, small: SmallHome, tmp_path: Path) -> None:
    note = wattmark("log", "checkpoint", small.home)[1]
    signed = json.loads(wattmark("log", "checkpoint", small.home, "--json")[1])
    assert note == signed["note"]
    lines = wattmark("log", "entries", small.home, "--from", 2, "--count", 3, "--json")[1].splitlines()
    assert [json.loads(line)["index"] for line in lines] == [2, 3, 4]
    last = wattmark("log", "tail", small.home, "--count", 1, "--json")[1]
    assert json.loads(last)["index"] == signed["size"] - 1
    proof, entry = tmp_path / "p.tlog-proof", tmp_path / "entry"
    proof.write_text(wattmark("log", "proof", small.home, 3, "--entry-out", entry)[1])
    vkey = small.home / "keys" / "log.vkey"
    assert wattmark("log", "check", proof, "--entry", entry, "--key", vkey)[0] == 0
    assert wattmark("log", "check", proof, "--entry", json.loads(lines[1])["entry"], "--key", vkey)[0] == 0
    assert wattmark("log", "check", proof, "--entry", json.loads(lines[0])["entry"], "--key", vkey)[0] == 1


def test_a_reader_of_the_log_sees_what_comes(tmp_path: Path) -> None:
    made = SmallHome(tmp_path / "home")
    with log_reader(made.home) as reader:
        before = reader.size
        assert before == made.platform.sequencer.position
        made.measure()
        assert reader.size == before
        assert reader.catch_up() == made.platform.sequencer.position
        for start, end in ((0, 3), (before - 1, before + 5), (reader.size - 1, reader.size + 9)):
            mine = [(one.position, one.entry) for one in reader.records(start, end)]
            theirs = made.platform.sequencer.records(start, min(end, reader.size))
            assert mine == [(one.position, one.entry) for one in theirs]
    made.close()


def test_unsigned_readings_are_kept_and_not_minted(wattmark: Program, tmp_path: Path) -> None:
    home = unsigned_home(tmp_path, wattmark, mint=False)
    code, out, _ = wattmark(
        "import", home, tmp_path / "r.csv", "--map", tmp_path / "map.json", "--device", "roof=0", "--json"
    )
    report = json.loads(out)
    assert (code, report["rows"], report["energy_wh"]) == (0, 4, 1_000)
    with Platform.open(home) as platform:
        assert platform.state.bundles[:, 9].sum() == 0
    assert wattmark("audit", home)[0] == 0


def test_unsigned_readings_are_minted_where_the_policy_says_so(wattmark: Program, tmp_path: Path) -> None:
    home = unsigned_home(tmp_path, wattmark, mint=True)
    words = ("import", home, tmp_path / "r.csv", "--map", tmp_path / "map.json", "--device", "roof=0", "--json")
    assert json.loads(wattmark(*words)[1])["issued"] == 3
    with Platform.open(home) as platform:
        assert platform.state.bundles[:, 9].tolist() == [250, 500, 250]
    code, out, _ = wattmark(*words)
    assert (code, json.loads(out)["issued"]) == (0, 0), "the same file again is the same import"
    assert wattmark("audit", home)[0] == 0


def unsigned_home(tmp_path: Path, wattmark: Program, *, mint: bool) -> Path:
    from wattmark.flows.open_account import open_account, plan_open_account
    from wattmark.flows.register_device import plan_register_device, register_device

    home = tmp_path / "home"
    wattmark("init", home, *(["--mint-t0"] if mint else []))
    with Platform.open(home) as platform:
        account = plan_open_account(identity=1, roles=6, profile={}, salt=bytes(16))
        owner = open_account(platform, account, 1)
        device = plan_register_device(
            identity=2, account=owner, area=3, source=1, capacity_w=2_000, channel_role=1, tier=0, text={"name": "roof"}
        )
        register_device(platform, device, 1)
    columns = {
        "unit": "kWh",
        "duration_s": 1_800,
        "timezone": "JST",
        "stamp": "start",
        "encoding": "utf-8",
        "time": ["at"],
        "value": "kwh",
        "meter_name": "roof",
    }
    (tmp_path / "map.json").write_text(json.dumps(columns))
    rows = ["2021-01-04T11:00,0.25", "2021-01-04T11:30,0.5", "2021-01-04T12:00,0", "2021-01-04T12:30,0.25"]
    (tmp_path / "r.csv").write_text("\n".join(["at,kwh", *rows]) + "\n")
    return home


def test_a_wrong_line_of_a_file_is_named_and_nothing_is_kept(wattmark: Program, tmp_path: Path) -> None:
    home = unsigned_home(tmp_path, wattmark, mint=True)
    csv = tmp_path / "r.csv"
    csv.write_text(csv.read_text().replace("0.5", "-0.5"))
    before = wattmark("log", "checkpoint", home)[1]
    code, _, err = wattmark("import", home, csv, "--map", tmp_path / "map.json", "--device", "roof=0")
    assert code == 2
    assert "line 3" in err
    assert wattmark("log", "checkpoint", home)[1] == before


def test_a_meter_with_keys_speaks_for_itself(wattmark: Program, small: SmallHome, tmp_path: Path) -> None:
    unsigned_home(tmp_path, wattmark, mint=True)
    words = (tmp_path / "r.csv", "--map", tmp_path / "map.json", "--device", f"roof={small.plant}")
    code, _, err = wattmark("import", small.home, *words)
    assert code == 2
    assert "METER_SIGNS" in err


def test_a_second_writer_is_told_so(wattmark: Program, tmp_path: Path) -> None:
    home = unsigned_home(tmp_path, wattmark, mint=False)
    with Platform.open(home):
        words = (tmp_path / "r.csv", "--map", tmp_path / "map.json", "--device", "roof=0")
        code, _, err = wattmark("import", home, *words)
        assert code == 3
        assert "writer" in err
        assert wattmark("log", "checkpoint", home)[0] == 0, "readers are welcome"
        assert wattmark("audit", home)[0] == 0
