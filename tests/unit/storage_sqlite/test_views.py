"""The read model in SQLite: seal, schema, filters; its rows are compared with the state by the flow tests."""

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from wattmark.core.errors import Broken, Unavailable
from wattmark.core.ids import derive_id
from wattmark.core.periods import DAY_S, JST_OFFSET_S
from wattmark.engine.commands import Kind, command, stack
from wattmark.engine.state import State
from wattmark.flows.ports import AppliedFrame
from wattmark.flows.sequence import replay_frame
from wattmark.storage.sqlite.schema import create_tables
from wattmark.storage.sqlite.views import SqliteViews, is_sealed
from wattmark.testing.small_home import NIGHT_MS, SmallHome


def no_lake(path: str) -> bytes:
    raise AssertionError(path)


def frame(sequence: int, *rows: np.ndarray) -> AppliedFrame:
    commands = stack(rows)
    verdicts = np.zeros((len(commands), 4), np.int64)
    verdicts[:, 0] = 1_000 + sequence
    trades, ranges = np.zeros((0, 9), np.int64), np.zeros((0, 2), np.int64)
    return AppliedFrame(sequence, bytes([sequence]) * 32, sequence, commands, verdicts, {}, trades, ranges)


def key_row(number: int) -> np.ndarray:
    return command(Kind.REGISTER_KEY, id=derive_id(number), actor=0, account=4, roles=4, hash=bytes([number]) * 32)


def test_a_sealed_file_is_believed_once(tmp_path: Path) -> None:
    path = tmp_path / "views" / "views.db"
    views = SqliteViews.create(path, no_lake)
    views.record(frame(0, key_row(7)), State())
    assert not is_sealed(path), "while a writer has it open there is no seal"
    views.close()
    assert is_sealed(path)
    again = SqliteViews.open_sealed(path, no_lake)
    assert again is not None
    assert again.cursor() == (0, bytes(32))
    assert not is_sealed(path)
    again.abandon()
    assert SqliteViews.open_sealed(path, no_lake) is None, "not closed in peace: to be rebuilt"


@pytest.mark.parametrize("offset", [0, 100, 5_000, -1])
def test_a_changed_byte_breaks_the_seal(tmp_path: Path, offset: int) -> None:
    path = tmp_path / "views.db"
    SqliteViews.create(path, no_lake).close()
    data = bytearray(path.read_bytes())
    data[offset] ^= 1
    path.write_bytes(data)
    assert SqliteViews.open_sealed(path, no_lake) is None
    assert SqliteViews.read_sealed(path, no_lake) is None


def test_a_file_of_another_version_is_rebuilt(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "views.db"
    SqliteViews.create(path, no_lake).close()
    monkeypatch.setattr("wattmark.storage.sqlite.schema.SCHEMA_VERSION", 10**6)
    assert SqliteViews.open_sealed(path, no_lake) is None


def test_what_sqlite_refuses_is_unavailable_and_the_file_is_never_sealed(tmp_path: Path) -> None:
    path, copy = tmp_path / "views.db", tmp_path / "copy.db"
    views = SqliteViews.create(path, no_lake)
    views.record(frame(0, key_row(7)), State())
    with pytest.raises(Unavailable) as raised:
        views.record(frame(1, key_row(7)), State())  # the same row again
    assert isinstance(raised.value.__cause__, sqlite3.Error)
    assert "the read model cannot be written" in raised.value.reason.en
    assert "開き直す" in raised.value.reason.ja
    for attempt in (lambda: views.record(frame(1), State()), lambda: views.write_copy(copy), views.close):
        with pytest.raises(Unavailable, match="earlier write failed"):
            attempt()
    assert not is_sealed(path)
    assert not is_sealed(copy)
    assert SqliteViews.open_sealed(path, no_lake) is None


def test_a_copy_that_cannot_be_written_is_unavailable_and_the_model_goes_on(tmp_path: Path) -> None:
    path, copy = tmp_path / "views.db", tmp_path / "copy.db"
    views = SqliteViews.create(path, no_lake)
    copy.with_name("copy.db-journal").mkdir()  # where SQLite keeps what it overwrites
    with pytest.raises(Unavailable, match="the copy of the read model"):
        views.write_copy(copy)
    views.record(frame(0, key_row(7)), State())
    views.close()
    assert is_sealed(path)


def test_a_refused_command_leaves_no_row() -> None:
    views = SqliteViews.in_memory(no_lake)
    refused = frame(0, key_row(1))
    refused.verdicts[:, 1] = 9
    views.record(refused, State())
    assert views.key_by_digest(bytes([1]) * 32) is None
    views.record(frame(1, key_row(2)), State())
    assert views.key_by_digest(bytes([2]) * 32) is not None
    views.abandon()


def test_tables_are_made_once(tmp_path: Path) -> None:
    views = SqliteViews.create(tmp_path / "views.db", no_lake)
    with pytest.raises(Exception, match="already exists"):
        create_tables(views._connection)
    views.abandon()


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SmallHome]:
    made = SmallHome(tmp_path_factory.mktemp("views") / "home").run()
    yield made
    made.close()


def test_trades_by_every_filter(small: SmallHome) -> None:
    views = small.platform.views
    (trade,) = views.trades()
    for wanted in (
        {"product": trade.product},
        {"area": trade.area, "source": trade.source},
        {"account": small.consumer},
        {"account": small.producer},
        {"since_ms": trade.timestamp_ms, "until_ms": trade.timestamp_ms + 1},
        {"before_position": trade.position + 1},
    ):
        assert views.trades(**wanted) == [trade]
    for other in (
        {"product": trade.product + 1},
        {"area": 9},
        {"account": 0},
        {"until_ms": trade.timestamp_ms},
        {"since_ms": trade.timestamp_ms + 1},
        {"before_position": trade.position},
        {"limit": 0},
    ):
        assert views.trades(**other) == []
    assert (trade.buyer, trade.seller) == (small.consumer, small.producer)


def test_candles_say_what_was_traded(small: SmallHome) -> None:
    views = small.platform.views
    (trade,) = views.trades()
    (candle,) = views.candles(3_600)
    assert (candle.open_sen, candle.high_sen, candle.low_sen, candle.close_sen) == (trade.price_sen_per_kwh,) * 4
    assert (candle.quantity_wh, candle.trades) == (trade.quantity_wh, 1)
    assert candle.start_s == trade.timestamp_ms // 1_000 // 3_600 * 3_600
    assert candle.value_e5 == trade.price_sen_per_kwh * trade.quantity_wh
    assert candle.vwap_sen == trade.price_sen_per_kwh
    (day,) = views.candles(DAY_S, align_s=JST_OFFSET_S)
    assert day.start_s == NIGHT_MS // 1_000 - 3_600, "a day in Japan begins at midnight there"
    (by_period,) = views.candles(1_800, by_period=True)
    assert by_period.start_s == trade.period_start_s


def test_a_bundles_life_is_told_in_order(small: SmallHome) -> None:
    views = small.platform.views
    (trade,) = views.trades()
    kinds = [event.kind for event in views.events(trade.bundle)]
    assert kinds == [Kind.ISSUE, 0, Kind.RETIRE]
    positions = [event.position for event in views.events(trade.bundle)]
    assert positions == sorted(positions)


def test_products_and_orders(small: SmallHome) -> None:
    views = small.platform.views
    (product,) = views.products()
    assert (product.trades, product.last_price_sen) == (1, views.trades()[0].price_sen_per_kwh)
    assert views.products(from_s=product.period_start_s + 1) == []
    assert views.products(until_s=product.period_start_s) == []
    (order,) = views.orders(small.consumer)
    assert (order.side, order.filled_at_once_wh) == (1, order.quantity_wh)
    assert order.identity == derive_id("buy")


def test_a_lake_file_that_is_not_the_one_on_record_is_not_indexed(small: SmallHome) -> None:
    honest = SqliteViews.in_memory(small.platform.lake.get)
    feed(honest, small)
    assert honest.bulk(limit=100) == small.platform.views.bulk(limit=100)
    views = SqliteViews.in_memory(lambda path: small.platform.lake.get(path) + b"\0")
    with pytest.raises(Broken) as broken:
        feed(views, small)
    assert broken.value.file.startswith("lake/readings/")
    honest.abandon()
    views.abandon()


def feed(views: SqliteViews, small: SmallHome) -> None:
    """Give a read model the whole journal."""
    state = State()
    for stored in small.platform._journal.read():
        _, applied = replay_frame(state, stored)
        views.record(applied, state)
