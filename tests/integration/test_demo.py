"""``wattmark demo`` as a person or a program runs it."""

import json
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest

DATA = Path(__file__).parents[3] / "shared" / "data"
FIELDS = (
    "periods",
    "readings",
    "envelopes_verified",
    "envelopes_refused",
    "minted_wh",
    "traded_wh",
    "retired_wh",
    "banked_wh",
    "residual_wh",
    "expired_wh",
    "log_size",
    "root",
    "state_hash",
    "seconds",
    "peak_mb",
)
ZERO = ("cash_sum_e5jpy", "audit_findings")
SMALL = ["--days", "2", "--homes", "6", "--plants", "4", "--seed", "5"]


def wattmark(*arguments, timeout=280):
    program = "from wattmark.cli.main import app; app()"
    return subprocess.run(
        [sys.executable, "-c", program, *map(str, arguments)],
        capture_output=True,
        text=True,
        timeout=timeout,
        check=False,
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    return tmp_path_factory.mktemp("demo") / "home"


@pytest.fixture(scope="module")
def finished(home):
    done = wattmark("demo", "--home", home, *SMALL, "--no-serve", "--json")
    assert done.returncode == 0, done.stderr
    return done


def test_json_and_nothing_else_goes_to_the_standard_output(finished):
    lines = finished.stdout.splitlines()
    assert len(lines) == 1
    figures = json.loads(lines[0])
    for name in FIELDS:
        assert figures[name], name
    for name in ZERO:
        assert figures[name] == 0, name


def test_the_auditor_agrees(finished, home):
    done = wattmark("audit", home, "--json")
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["findings"] == []


def test_started_again_it_reports_the_same(finished, home):
    again = json.loads(wattmark("demo", "--home", home, *SMALL, "--no-serve", "--json").stdout)
    before = json.loads(finished.stdout)
    for name in before.keys() - {"seconds", "peak_mb"}:
        assert again[name] == before[name], name


def test_a_home_of_other_parameters_is_refused_in_one_line(finished, home):
    done = wattmark("demo", "--home", home, "--days", "2", "--homes", "7", "--no-serve", "--json")
    assert done.returncode == 2
    assert done.stdout == ""
    assert "HOME_OF_ANOTHER_RUN" in done.stderr
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("option", "value", "code"), [("--days", "0", "PARAMETER_OUT_OF_RANGE"), ("--data", "absent", "RECORD_ABSENT")]
)
def test_wrong_input_is_named(option, value, code, tmp_path):
    done = wattmark("demo", "--home", tmp_path / "home", option, value, "--no-serve", "--json")
    assert done.returncode == 2
    assert code in done.stderr
    assert not (tmp_path / "home").exists()


def test_people_read_a_table_in_their_language(finished, home):
    done = wattmark("--lang", "ja", "demo", "--home", home, *SMALL, "--no-serve")
    assert done.returncode == 0, done.stderr
    assert "状態ハッシュ" in done.stdout
    assert json.loads(finished.stdout)["state_hash"] in done.stdout


def test_it_serves_the_pages_of_what_it_ran(finished, home):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = "from wattmark.cli.main import app; app()"
    process = subprocess.Popen(
        [sys.executable, "-c", program, "demo", "--home", str(home), *SMALL, "--json", "--port", str(port)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        page = fetch(f"http://127.0.0.1:{port}/", process)
        assert "Minato" in page or "みなと" in page
        checkpoint = fetch(f"http://127.0.0.1:{port}/log/checkpoint", process)
        assert checkpoint.splitlines()[1] == str(json.loads(finished.stdout)["log_size"])
    finally:
        process.send_signal(signal.SIGINT)
        out, error = process.communicate(timeout=60)
    assert json.loads(out)["audit_findings"] == 0
    assert len(re.findall(r"\b[0-9a-f]{64}\b", error)) > 5, "log-in keys are shown"
    assert "Traceback" not in error
    check_hints(error, home)


def check_hints(error, home):
    """Carry out the commands that the demo told to try."""
    hints = re.findall(r"wattmark (?:audit|prove|verify) .*$", error, re.MULTILINE)
    assert len(hints) == 4
    for hint in [*hints, hints[-1].replace("used.json", "plan.json")]:
        words = [str(home.parent / word) if word.endswith(".json") else word for word in hint.split()[1:]]
        done = wattmark(*words)
        assert done.returncode == 0, (hint, done.stderr)


def fetch(address, process):
    deadline = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(address, timeout=5) as answer:
                return answer.read().decode()
        except OSError:
            assert process.poll() is None, process.communicate()
            assert time.monotonic() < deadline
            time.sleep(0.1)


@pytest.mark.slow
@pytest.mark.data
@pytest.mark.skipif(not DATA.is_dir(), reason="the measured records (../shared/data) are not here")
def test_fourteen_days_of_january_2021(tmp_path):
    done = wattmark("demo", "--home", tmp_path / "home", "--data", DATA, "--days", "14", "--no-serve", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["periods"] == 672
    for name in FIELDS:
        assert figures[name], name
    for name in ZERO:
        assert figures[name] == 0, name
    # Every token that was ever made is somewhere; nothing was made twice.
    assert figures["retired_wh"] + figures["expired_wh"] <= figures["minted_wh"]
