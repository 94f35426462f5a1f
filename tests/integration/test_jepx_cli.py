"""``wattmark jepx``: a day is listed by the calendar, cleared, exported, and replayed from what was exported."""

import json
import os
import re
import subprocess
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from wattmark.cli import main
from wattmark.core.codes import Area, Source
from wattmark.core.ids import derive_id
from wattmark.core.periods import Period
from wattmark.core.text import Text
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.clear_auctions import plan_clear_auctions
from wattmark.flows.list_products import plan_list_day_ahead, plan_list_intraday, plan_list_products
from wattmark.flows.place_orders import buy, plan_cancel, plan_orders, sell
from wattmark.flows.settings import Settings
from wattmark.market.calendar import Calendar, at_ms, intraday
from wattmark.market.formats.jepx_groups import read_groups
from wattmark.market.formats.jepx_results import read_summary
from wattmark.market.layout import MODE_CALL, P_CLOSE_MS, P_MODE, P_OPEN_MS, P_PERIOD_S
from wattmark.testing.small_home import DAY, NIGHT_MS, SmallHome
from wattmark.tokens import layout as k
from wattmark.wiring import Platform

GATE_MS = NIGHT_MS + 60_000
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def cleared_home(home: Path) -> tuple[SmallHome, int]:
    """Two auctions: one trades, with an order cancelled before the gate and one that comes away empty; one does not."""
    small = SmallHome(home)
    small.measure()
    platform = small.platform
    cash = plan_deposit_cash(identity=derive_id("cash"), account=small.consumer, amount_e5jpy=10**11)
    platform.execute_all(cash, NIGHT_MS)
    lots = small.held(small.producer)[10:12]
    bundles = [platform.state.bundles[platform.state.lots[lot, k.L_BUNDLE]] for lot in lots]
    periods = [Period(int(bundle[k.B_PERIOD_S]), int(bundle[k.B_DURATION_S])) for bundle in bundles]
    listing = plan_list_products(
        area=Area.TOKYO,
        sources=[Source.SOLAR],
        periods=periods,
        gate_open_ms=0,
        gate_close_ms=GATE_MS,
        mode=MODE_CALL,
    )
    trades, empty = (one.result0 for one in platform.execute_all(listing, NIGHT_MS))
    size = small.size(lots[0])
    orders = [
        sell(1, small.producer, trades, 1_000, lot=lots[0], start=0, end=size),
        buy(2, small.consumer, trades, 2_000, size - 5),
        buy(3, small.consumer, trades, 1_500, 50),
        buy(4, small.consumer, trades, 900, 7),
        sell(5, small.producer, empty, 3_000, lot=lots[1], start=0, end=small.size(lots[1])),
    ]
    platform.execute_all(plan_orders(orders), NIGHT_MS)
    platform.execute_all(plan_cancel(identity=6, account=small.consumer, target=3), NIGHT_MS + 1)
    platform.execute_all(plan_clear_auctions(platform.state, GATE_MS), GATE_MS)
    small.close()
    return small, size


@pytest.fixture(scope="module")
def cleared(tmp_path_factory: pytest.TempPathFactory) -> tuple[SmallHome, int]:
    return cleared_home(tmp_path_factory.mktemp("jepx") / "home")


@pytest.mark.parametrize("encoding", ["utf-8", "cp932"])
def test_an_exported_day_is_replayed(
    cleared: tuple[SmallHome, int], encoding: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, size = cleared
    wanted = ["--day", DAY.isoformat(), "--out", str(tmp_path), "--lot-wh", "1", "--encoding", encoding, "--json"]
    assert main.run(["jepx", "export", str(small.home), *wanted]) == 0
    report = json.loads(capsys.readouterr().out)
    assert (report["slots"], report["curves"], report["replayed"], report["cut_wh"]) == (2, 4, 4, 0)
    curves, groups, summary = (tmp_path / Path(file).name for file in report["files"])
    assert [file.name for file in (curves, groups, summary)] == [
        "spot_bid_curves_20210104.csv",
        "spot_splitting_areas_20210104.csv",
        "spot_summary_20210104.csv",
    ]
    assert "売入札量累積(MW)".encode(encoding) in curves.read_bytes()
    with groups.open("rb") as source:
        assert {one.areas for one in read_groups(source, "groups")} == {(), (Area.TOKYO,)}
    with summary.open("rb") as source:
        first, second = read_summary(source, "summary")
    price = first.area_sen[Area.TOKYO - 1]
    # the cancelled order is gone: five Wh are left over, so sellers are rationed and the price is theirs
    assert (price, first.system_sen, first.contract_kwh) == (1_000, 1_000, (size - 5) // 1_000)
    assert (second.area_sen[Area.TOKYO - 1], second.system_sen, second.contract_kwh) == (None, None, 0)
    rows = curves.read_text(encoding).splitlines()
    slot = first.slot
    assert f"{DAY:%Y%m%d},{slot},20.00,{size // 10}.{size % 10},{(size - 5) // 10}.{(size - 5) % 10},0" in rows
    assert not any(f",{slot},15.00," in row for row in rows), "a cancelled order is on no curve"
    assert any(f",{slot},9.00," in row for row in rows), "an order that came away empty is"

    words = ["jepx", "replay", str(curves), "--groups", str(groups), "--expected", str(summary), "--json"]
    assert main.run(words) == 0
    replayed = json.loads(capsys.readouterr().out)
    assert (replayed["equal"], replayed["total"], replayed["differences"]) == (4, 4, [])


def test_a_changed_price_is_told_with_its_curve(
    cleared: tuple[SmallHome, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small, _ = cleared
    wanted = ["--day", DAY.isoformat(), "--out", str(tmp_path), "--lot-wh", "1"]
    assert main.run(["jepx", "export", str(small.home), *wanted]) == 0
    assert "4 replay to their price" in capsys.readouterr().out
    curves, groups, summary = (
        str(tmp_path / f"spot_{name}_20210104.csv") for name in ("bid_curves", "splitting_areas", "summary")
    )
    text = Path(summary).read_text()
    Path(summary).write_text(text.replace(",10.00,,", ",10.01,,"))
    words = ["jepx", "replay", curves, "--groups", groups, "--expected", summary]
    assert main.run([*words, "--json"]) == 1
    report = json.loads(capsys.readouterr().out)
    assert (report["equal"], report["total"]) == (2, 4) or (report["equal"], report["total"]) == (3, 4)
    difference = report["differences"][-1]
    assert (difference["areas"], difference["replayed_sen_per_kwh"]) == ("tokyo", 1_000)
    assert (difference["published_sen_per_kwh"], difference["date"]) == (1_001, "2021-01-04")
    assert main.run(words) == 1
    assert "another price" in capsys.readouterr().out


WRONG = """
replay {curves} --expected {summary}                       | GROUPS_MISSING
replay {curves} --expected {summary} --groups {curves}     | HEADER_UNKNOWN
replay {groups} --expected {summary} --groups {groups}     | HEADER_UNKNOWN
replay {new} --expected {summary} --groups {groups}        | FILE_UNREADABLE
replay {folder} --expected {summary} --groups {groups}     | FILE_UNREADABLE
replay {curves} --groups {groups}                          | --expected
export {new} --day 2021-01-04 --out {folder}               | NOT_A_HOME
export {home} --day 2021-01-05 --out {folder}              | NO_AUCTIONS
export {home} --day 2021-01-04 --source 2 --out {folder}   | NO_AUCTIONS
export {home} --day 2021-02-30 --out {folder}              | DAY_INVALID
export {home} --day 1900-01-01 --out {folder}              | DAY_INVALID
export {home} --day 2021-01-04 --out {folder} --encoding x | --encoding
list {home} --day 2021-01-04 --area 3 --source 1 --market x | --market
list {home} --day 2021-01-04 --area 3 --source 1 --trading-day 2021-01-04 | TRADING_DAY_INVALID
list {home} --day 2021-01-04 --area 10 --source 1          | --area
"""


@pytest.mark.parametrize("line", WRONG.strip().splitlines(), ids=lambda line: " ".join(line.split("|")[0].split()))
def test_wrong_input_is_one_line(
    cleared: tuple[SmallHome, int], line: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    command, says = (part.strip() for part in line.split("|"))
    small, _ = cleared
    folder = tmp_path / "folder"
    assert main.run(["jepx", "export", str(small.home), "--day", "2021-01-04", "--out", str(folder)]) == 0
    capsys.readouterr()
    files = {
        name: folder / f"spot_{file}_20210104.csv"
        for name, file in (("curves", "bid_curves"), ("groups", "splitting_areas"), ("summary", "summary"))
    }
    words = command.format(home=small.home, new=tmp_path / "new", folder=folder, **files).split()
    assert main.run(["jepx", *words]) == 2
    printed = capsys.readouterr()
    assert says in printed.err
    assert printed.err.count("\n") == 1
    assert printed.out == ""


PRICES = "date,slot,curve_id,areas,published_price_jpy_per_kwh,system_contract_kwh\n"
GROUPS = "電力受渡日,商品コード,エリアグループ,分断エリア連番\n"


def test_files_that_contradict_each_other_are_refused(
    cleared: tuple[SmallHome, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The groups against the areas of our list, and against the area prices of a summary."""
    small, _ = cleared
    assert main.run(["jepx", "export", str(small.home), "--day", "2021-01-04", "--out", str(tmp_path)]) == 0
    curves, summary = (tmp_path / f"spot_{name}_20210104.csv" for name in ("bid_curves", "summary"))
    text = summary.read_text()
    slot = text.splitlines()[1].split(",")[1]
    summary.write_text(text.replace(",10.00,,", ",10.00,9.00,"))
    groups, prices = tmp_path / "groups.csv", tmp_path / "prices.csv"
    groups.write_text(f"{GROUPS}20210104,{slot},東京・中部,0\n")
    prices.write_text(f"{PRICES}2021-01-04,{slot},0,tokyo+kansai,10.00,\n")
    capsys.readouterr()
    for expected, code, said in (
        (prices, "GROUP_DIFFERS", "tokyo+chubu"),
        (summary, "GROUP_PRICES_DIFFER", "[900, 1000]"),
    ):
        assert main.run(["jepx", "replay", str(curves), "--groups", str(groups), "--expected", str(expected)]) == 2
        err = capsys.readouterr().err
        assert code in err
        assert said in err


def test_what_is_missing_is_told(
    cleared: tuple[SmallHome, int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Groups and curves belong together; a price without a curve differs, a whole day without one is not covered."""
    small, _ = cleared
    wanted = ["--day", "2021-01-04", "--out", str(tmp_path), "--lot-wh", "1"]
    assert main.run(["jepx", "export", str(small.home), *wanted]) == 0
    curves, groups, summary = (
        tmp_path / f"spot_{name}_20210104.csv" for name in ("bid_curves", "splitting_areas", "summary")
    )
    whole = summary.read_text()
    first = whole.splitlines()[1]
    rows = [first.replace("2021/01/04", day) for day in ("2021/01/05", "2021/01/06")]
    words = ["jepx", "replay", str(curves), "--groups", str(groups), "--expected", str(summary)]

    def ends(code: int) -> dict[str, Any]:
        capsys.readouterr()
        assert main.run([*words, "--json"]) == code
        report: dict[str, Any] = json.loads(capsys.readouterr().out)
        return report

    assert ends(0)["not_covered"] == 0
    summary.write_text(whole + "\n".join(rows))
    report = ends(0)
    assert (report["equal"], report["total"], report["not_covered"]) == (4, 4, 2)
    assert main.run(words) == 0
    assert "not_covered: 2 days" in capsys.readouterr().out

    slot = first.split(",")[1]
    summary.write_text(whole + first.replace(f",{slot},", ",48,", 1))
    report = ends(1)
    assert (report["equal"], report["total"], report["not_covered"]) == (4, 5, 0)
    assert [(one["slot"], one["difference"]["en"]) for one in report["differences"]] == [
        (48, "published, but without a curve")
    ]

    summary.write_text(whole)
    named = groups.read_text()
    for text, code, field in (
        (GROUPS, "GROUP_MISSING", f"groups, 2021-01-04 slot {slot} curve 0"),
        (f"{named}20210104,48,東京・中部,7\n", "CURVE_MISSING", "curves, 2021-01-04 slot 48 curve 7"),
    ):
        groups.write_text(text)
        capsys.readouterr()
        assert main.run(words) == 2
        err = capsys.readouterr().err
        assert code in err
        assert field in err
    groups.write_text(f"{named}20210105,48,東京・中部,7\n")
    assert ends(0)["total"] == 4, "groups of other days are not asked for"


def test_curves_may_come_through_a_pipe(cleared: tuple[SmallHome, int], tmp_path: Path) -> None:
    small, _ = cleared
    assert (
        main.run(["jepx", "export", str(small.home), "--day", "2021-01-04", "--out", str(tmp_path), "--lot-wh", "1"])
        == 0
    )
    curves, groups, summary = (
        str(tmp_path / f"spot_{name}_20210104.csv") for name in ("bid_curves", "splitting_areas", "summary")
    )
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with subprocess.Popen(["/bin/sh", "-c", f"gzip -c {curves} > {pipe}"]):
        assert main.run(["jepx", "replay", str(pipe), "--groups", groups, "--expected", summary]) == 0


def test_a_day_is_listed_by_the_calendar(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """J6, J10, J36: 48 half hours for each area and source, listed once however often it is said."""
    home = tmp_path / "home"
    settings = Settings(origin="test.example/jepx", name=Text(en="x", ja="x"), segment_bytes=1 << 20, reserve_bytes=0)
    Platform.create(home, settings, NIGHT_MS).close()
    words = ["jepx", "list", str(home), "--day", "2026-05-07", "--area", "3", "--area", "9", "--source", "1"]
    for _ in range(2):
        assert main.run([*words, "--json"]) == 0
        assert json.loads(capsys.readouterr().out)["products"] == list(range(96))
    assert main.run([*words, "--market", "intraday"]) == 0
    assert "96 products" in capsys.readouterr().out
    assert main.run([*words, "--trading-day", "2026-05-01"]) == 2
    assert "ID_REUSED" in capsys.readouterr().err, "a listed product keeps its gates"
    day = date(2026, 5, 7)
    auction = Calendar().day_ahead(day)
    with Platform.open(home, read_only=True) as platform:
        products = platform.state.products
        assert len(products) == 192
        assert set(products[:96, P_MODE].tolist()) == {MODE_CALL}
        assert set(products[:96, P_OPEN_MS].tolist()) == {auction.open_ms}
        assert set(products[:96, P_CLOSE_MS].tolist()) == {auction.close_ms}
        for row in products[96:].tolist():
            gates = intraday(Period(row[P_PERIOD_S], 1_800))
            assert (row[P_OPEN_MS], row[P_CLOSE_MS]) == (gates.open_ms, gates.close_ms)


def test_a_trading_day_and_closed_days_are_inputs(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    home = tmp_path / "home"
    settings = Settings(origin="test.example/jepx", name=Text(en="x", ja="x"), segment_bytes=1 << 20, reserve_bytes=0)
    Platform.create(home, settings, NIGHT_MS).close()
    words = ["jepx", "list", str(home), "--day", "2026-05-07", "--area", "3", "--source", "1"]
    assert main.run([*words, "--trading-day", "2026-05-01", "--closed", "2026-04-28", "--json"]) == 0
    capsys.readouterr()
    calendar = Calendar(added=frozenset({date(2026, 4, 28)}))
    with Platform.open(home, read_only=True) as platform:
        row = platform.state.products[0].tolist()
    assert row[P_OPEN_MS] == at_ms(calendar.business_day(date(2026, 5, 1), -10), 7)
    assert row[P_CLOSE_MS] == at_ms(date(2026, 5, 1), 10)


def test_plans_of_a_whole_country_fit_into_one_frame() -> None:
    """9 areas x 7 sources x 48 half hours."""
    for plan in (
        plan_list_day_ahead(date(2026, 1, 1), areas=list(Area), sources=list(Source), calendar=Calendar()),
        plan_list_intraday(date(2026, 1, 1), areas=list(Area), sources=list(Source)),
    ):
        assert len(plan) == 9 * 7 * 48


def test_help_and_results_speak_japanese(
    cleared: tuple[SmallHome, int], tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    small, _ = cleared
    monkeypatch.setenv("LC_ALL", "ja_JP.UTF-8")
    assert main.run(["jepx", "export", str(small.home), "--day", "2021-01-04", "--out", str(tmp_path)]) == 0
    assert JAPANESE.search(capsys.readouterr().out)
