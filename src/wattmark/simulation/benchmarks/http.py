"""HTTP: orders per second through ``wattmark serve``, in a process of its own, on the loopback address.

64 members trade one product, each with a key and a keep-alive connection; every order is new and none is refused.
Batches are measured saturated (the next is sent as soon as one is answered) and paced: those of 512 are due at a fixed
rate, a quarter of what the server did when saturated, and a late one counts from when it was due. Single orders meet a
server bound to one core. Beside them: what the sequencer acknowledges in process, and an application that does nothing
behind the same server. No snapshot falls into the run; ``bench ledger`` says what one costs.
"""

import json
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from http import HTTPStatus
from http.client import HTTPConnection
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np

from wattmark.core.clock import now_ms
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine import layout as e
from wattmark.engine.commands import Words, to_bytes
from wattmark.flows.issue_key import plan_issue_key
from wattmark.flows.settings import Settings
from wattmark.market import layout as m
from wattmark.simulation.benchmarks.http_client import HOST, Driven, drive, request
from wattmark.simulation.benchmarks.http_server import BARE, OURS, STOP_S, TICKS_PER_S, Server, server
from wattmark.simulation.benchmarks.report import Report, seconds_of, significant
from wattmark.simulation.benchmarks.world import FIRST_TRADER, LOT_WH, NO_TEXT, TRADERS, lot_of, set_up_commands
from wattmark.wiring import Platform

BATCH: Final = 8_192
SMALL: Final = 512
BATCHES: Final = 42
SATURATED: Final = 150
PACED: Final = 420
SINGLES: Final = 12_000
SEQUENTIAL: Final = 400
QUICK: Final = 20
"""How many times less a quick run does."""
IN_FLIGHT: Final = 3
"""Connections that send batches of 8,192: one is answered, one written, one read."""
CALM: Final = 0.25
"""Share of the saturated rate at which paced batches are due."""
ORDERS: Final = "/api/v1/orders"
OCTETS: Final = ("Content-Type: application/octet-stream", "Accept: application/octet-stream")
JSON: Final = ("Content-Type: application/json",)
SETTINGS: Final = Settings(origin="bench.example/http", name=Text(en="Benchmark", ja="測定"), snapshot_frames=1_000_000)
PLACED: Final = b'"outcome":"OK"'


def secret_of(trader: int) -> str:
    """Return a member's API key, without its prefix."""
    return sha256(b"bench member %d" % trader).hex()


def make_home(home: Path) -> None:
    """Make a platform with the market and a key for every member."""
    time_ms = now_ms()
    with Platform.create(home, SETTINGS, time_ms) as platform:
        verdicts = platform.sequencer.submit(set_up_commands(m.MODE_CONTINUOUS, time_ms), [NO_TEXT], now_ms=time_ms)
        assert not verdicts[:, e.V_OUTCOME].any()
        for trader in range(TRADERS):
            plan = plan_issue_key(
                identity=derive_id("bench key", trader),
                account=FIRST_TRADER + trader,
                roles=6,
                secret=secret_of(trader),
            )
            platform.execute_all(plan, time_ms)


class Orders:
    """Makes orders that nobody refuses: sellers sell their lots from the end, in slices."""

    def __init__(self) -> None:
        """Begin with the first id and whole lots."""
        self._draw = np.random.default_rng(11)
        self._ids = count(1)
        self._left = np.full(TRADERS, LOT_WH)

    def rows(self, trader: int, number: int) -> Words:
        """Return so many new orders of a member as commands ``int64 [number, 16]``."""
        rows = np.zeros((number, e.COMMAND_WORDS), np.int64)
        rows[:, e.W_ID_LOW] = [next(self._ids) for _ in range(number)]
        rows[:, e.W_HEAD] = e.PLACE_ORDER | (FIRST_TRADER + trader) << e.ACTOR_SHIFT
        sells = trader % 2 == 1
        quantity = self._draw.integers(1, 100, number)
        fields = rows[:, e.W_FIELDS :]
        fields[:, 1] = m.SELL if sells else m.BUY
        fields[:, 2] = self._draw.integers(1_400, 1_601, number)
        fields[:, 3] = quantity
        if sells:
            fields[:, 4] = lot_of(trader)
            fields[:, 5] = self._left[trader] - np.cumsum(quantity)
            self._left[trader] = fields[-1, 5]
        return rows


def settle(some: Server) -> None:
    """Wait until the read model has taken in everything that was acknowledged."""
    connection = HTTPConnection(HOST, some.port, timeout=STOP_S)
    try:
        headers = {"Authorization": f"Bearer {secret_of(0)}"}
        connection.request("GET", f"/api/v1/accounts/{FIRST_TRADER}/orders?limit=1", headers=headers)
        assert connection.getresponse().status < HTTPStatus.BAD_REQUEST
    finally:
        connection.close()


def to_json(row: list[int]) -> str:
    """Return the JSON form of an order."""
    low, (product, side, price, quantity, lot, start) = row[0], row[e.W_FIELDS : e.W_FIELDS + 6]
    sold = f',"lot":{lot},"start":{start}' if side == m.SELL else ""
    return (
        f'{{"id":"{low:032x}","product":{product},"side":"{"sell" if side == m.SELL else "buy"}",'
        f'"price_sen_per_kwh":{price},"quantity_wh":{quantity}{sold}}}'
    )


def single(trader: int, row: Words) -> bytes:
    """Return the request that places one order."""
    return request(ORDERS, secret_of(trader), to_json(row.tolist()).encode(), *JSON)


def batch(trader: int, rows: Words, *, binary: bool) -> bytes:
    """Return the request that places many."""
    if binary:
        return request(f"{ORDERS}/batch", secret_of(trader), to_bytes(rows), *OCTETS)
    body = '{"orders":[' + ",".join(map(to_json, rows.tolist())) + "]}"
    return request(f"{ORDERS}/batch", secret_of(trader), body.encode(), *JSON)


def check_batches(driven: Driven, size: int, *, binary: bool) -> None:
    """Assert that every order of every batch was accepted."""
    for body in driven.bodies:
        if binary:
            verdicts = np.frombuffer(body, "<i8").reshape(size, 4)
            assert not verdicts[:, e.V_OUTCOME].any()
        else:
            assert json.loads(body)["accepted"] == size


@dataclass(frozen=True, slots=True)
class Figures:
    """What one run of requests came to.

    Attributes:
        orders_per_s: acknowledged [1/s].
        until_readable_per_s: the same, until the read model has taken in all of them [1/s].
        orders_per_server_cpu_s: per second of the server's processor time, all threads [1/s].
        client_cpu_share: processor time of the client per second.
        p50_ms: median wait for an answer [ms].
        p99_ms: 99th percentile [ms].
    """

    orders_per_s: float
    until_readable_per_s: float
    orders_per_server_cpu_s: float
    client_cpu_share: float
    p50_ms: float
    p99_ms: float

    def to_dict(self) -> dict[str, float]:
        """Return the figures by name."""
        return {name: significant(value) for name, value in asdict(self).items()}


class Run:
    """One run's figures, each taken from a server that is started for it."""

    def __init__(self, home: Path, *, quick: bool) -> None:
        """Measure on a home."""
        self._home = home
        self._orders = Orders()
        self._less = QUICK if quick else 1
        self.found: dict[str, Figures] = {}

    def batches(self) -> None:
        """Measure batches: saturated, then paced, as JSON and as records."""
        with self._serving(one_core=False) as ours:
            for binary in (False, True):
                form = "binary" if binary else "json"
                self.found[f"batches_{BATCH}_{form}"] = self._batches(ours, BATCH, BATCHES, binary=binary)
                full = self._batches(ours, SMALL, SATURATED, binary=binary)
                self.found[f"batches_{SMALL}_{form}_saturated"] = full
                interval_s = SMALL / (CALM * full.orders_per_s)
                calm = self._batches(ours, SMALL, PACED, binary=binary, interval_s=interval_s)
                self.found[f"batches_{SMALL}_{form}_paced"] = calm

    def singles(self) -> None:
        """Measure single orders on one core, all members at once, then one client alone; and the bare application."""
        with self._serving(one_core=True) as ours:
            self.found["single"] = self._singles(ours, TRADERS, SINGLES)
            self.found["single_one_client"] = self._singles(ours, 1, SEQUENTIAL)
        with server(BARE, one_core=True) as bare:
            self.found["bare_single"] = self._singles(bare, TRADERS, SINGLES)
            self.found["bare_single_one_client"] = self._singles(bare, 1, SEQUENTIAL)

    def in_process(self) -> float:
        """Return the orders per second that the sequencer acknowledges in process, at batches of 8,192 [1/s]."""
        seconds = 0.0
        times = self._times(BATCHES)
        with Platform.open(self._home) as platform:
            for turn in range(times):
                rows = self._orders.rows(turn % IN_FLIGHT, BATCH)
                begun = time.perf_counter()
                verdicts = platform.sequencer.submit(rows, now_ms=now_ms())
                seconds += time.perf_counter() - begun
                assert not verdicts[:, e.V_OUTCOME].any()
        return times * BATCH / seconds

    @contextmanager
    def _serving(self, *, one_core: bool) -> Iterator[Server]:
        with server(OURS, "serve", str(self._home), "--port", "0", one_core=one_core) as ours:
            warm = [[single(trader, row) for row in self._orders.rows(trader, 3)] for trader in range(TRADERS)]
            drive(ours.port, warm)
            yield ours

    def _times(self, number: int) -> int:
        return max(2 * IN_FLIGHT, number // self._less)

    def _batches(self, ours: Server, size: int, number: int, *, binary: bool, interval_s: float = 0.0) -> Figures:
        lines = 2 * IN_FLIGHT if interval_s else IN_FLIGHT
        requests = [
            [batch(trader, self._orders.rows(trader, size), binary=binary) for _ in range(self._times(number) // lines)]
            for trader in range(lines)
        ]
        driven, figures = self._driven(ours, requests, size, interval_s)
        check_batches(driven, size, binary=binary)
        return figures

    def _singles(self, some: Server, lines: int, number: int) -> Figures:
        each = max(QUICK, number // self._less // lines)
        requests = [[single(trader, row) for row in self._orders.rows(trader, each)] for trader in range(lines)]
        driven, figures = self._driven(some, requests, 1, 0.0)
        assert all(PLACED in body for body in driven.bodies)
        return figures

    @staticmethod
    def _driven(
        some: Server, requests: Sequence[Sequence[bytes]], size: int, interval_s: float
    ) -> tuple[Driven, Figures]:
        settle(some)
        cpu, own = some.cpu_seconds(), time.process_time()
        driven = drive(some.port, requests, interval_s)
        own = time.process_time() - own
        settled = driven.seconds + seconds_of(lambda: settle(some))
        cpu = max(some.cpu_seconds() - cpu, 1 / TICKS_PER_S)
        orders = size * len(driven.bodies)
        return driven, Figures(
            orders / driven.seconds,
            orders / settled,
            orders / cpu,
            own / driven.seconds,
            driven.quantile_ms(0.5),
            driven.quantile_ms(0.99),
        )


def run(*, quick: bool) -> Report:
    """Return the report; ``quick`` sends a twentieth."""
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory(prefix="wattmark-bench-") as folder:
        home = Path(folder) / "home"
        make_home(home)
        measured = Run(home, quick=quick)
        measured.batches()
        measured.singles()
        limit = measured.in_process()
    found = measured.found
    return Report(
        bench="http",
        figure=found[f"batches_{BATCH}_binary"].orders_per_s,
        unit="orders/s",
        limit=limit,
        limit_is="the same orders through the sequencer in process, batches of 8,192",
        peers={"a bare ASGI application behind the same server, single requests": found["bare_single"].orders_per_s},
        seconds=time.perf_counter() - begun,
        detail={
            **{name: figures.to_dict() for name, figures in found.items()},
            "single_ratio_to_bare": significant(
                found["single"].orders_per_server_cpu_s / found["bare_single"].orders_per_server_cpu_s
            ),
            "json_ratio_to_limit": significant(found[f"batches_{BATCH}_json"].orders_per_s / limit),
            "connections": {"single": TRADERS, "batches": IN_FLIGHT},
            "paced_share_of_saturated": CALM,
        },
    )
