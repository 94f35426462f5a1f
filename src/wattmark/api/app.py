"""The API as one application.

Life of a command: body checked for form, caller found by key, one record of 128 bytes made, queued, applied
and persisted with others, answered. The tasks that run beside the requests start and stop with the
application: group commit, publisher, market stream.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

from fastapi import FastAPI
from starlette.routing import WebSocketRoute

from wattmark import __version__
from wattmark.api import socket
from wattmark.api.authorisation import API, check_table
from wattmark.api.bodies import StrictRoute
from wattmark.api.commit import Commands, GroupCommit, Verdicts
from wattmark.api.context import Context
from wattmark.api.elsewhere import Elsewhere
from wattmark.api.errors import install_handlers
from wattmark.api.publisher import Publisher
from wattmark.api.routes import accounts, devices, log, lots, market, orders, replication, statements
from wattmark.api.security import KnownKeys
from wattmark.api.sessions import Sessions, sessions_of
from wattmark.api.shield import Shield
from wattmark.api.stream import MarketStream
from wattmark.api.taps import Taps
from wattmark.api.ticker import market_snapshot
from wattmark.core.clock import Clock, cpu_seconds, now_ms
from wattmark.flows.energy import EnergyCount
from wattmark.flows.market_data import MarketData
from wattmark.flows.platform import Platform
from wattmark.flows.sequence import check_batch

TITLE: Final = "Wattmark"
MS_PER_S: Final = 1_000
ROUTERS: Final = (
    orders.direct,  # looked at first
    orders.router,
    market.router,
    accounts.router,
    lots.router,
    devices.router,
    statements.router,
    log.router,
    replication.direct,
    replication.router,
    socket.router,
)


def create_app(platform: Platform, clock: Clock = now_ms) -> FastAPI:
    """Return the API over a platform, without pages.

    Args:
        platform: open for writing; its owner closes it after the application has ended.
        clock: POSIX milliseconds.
    """
    app = FastAPI(
        title=TITLE,
        version=__version__,
        docs_url=None,
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        lifespan=_lifespan,
    )
    app.state.context = make_context(platform, clock)
    routes = [route for router in ROUTERS for route in router.routes]
    assert all(isinstance(route, (StrictRoute, WebSocketRoute)) for route in routes), "a route that asks no table"
    app.router.routes.extend(routes)  # one flat list: an included router is searched twice per request
    check_table(routes)
    install_handlers(app)
    if platform.elsewhere is not None:
        app.add_middleware(Elsewhere, reason=platform.elsewhere)
    app.add_middleware(Shield)
    return app


def make_context(platform: Platform, clock: Clock) -> Context:
    """Return what all requests share; its tasks are not started yet."""

    def submit(commands: Commands, payloads: Sequence[bytes], time_ms: int, applied: Callable[[], object]) -> Verdicts:
        return platform.sequencer.submit(commands, payloads, now_ms=time_ms, applied=applied)

    async def render() -> dict[str, str]:
        return await context.read(market_snapshot)

    commit = GroupCommit(submit, clock, check=check_batch)
    context = Context(
        platform,
        clock,
        commit,
        MarketStream(render),
        KnownKeys(platform),
        EnergyCount(cpu_seconds, platform.sequencer.position),
        Taps(MarketData(platform.sequencer)),
        Sessions(commit, clock),
    )
    return context


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    context: Context = app.state.context
    platform = context.platform
    publisher = Publisher(
        lambda: platform.sequencer.published_size < platform.sequencer.position,
        lambda: platform.tick(context.clock()),
        platform.settings.checkpoint_interval_ms / MS_PER_S,
    )
    # read before anything writes, and at once: a writer whose followers have yet to confirm must serve them to go on
    left = sessions_of(platform.sequencer.state) if platform.elsewhere is None else []
    context.commit.start()
    publisher.start()
    collector = _collector(platform)
    if collector is not None:
        collector.start()
    context.stream.start()
    context.taps.start()
    await context.sessions.start(left)
    try:
        yield
    finally:
        await context.taps.stop()
        await context.sessions.stop()
        await context.stream.stop()
        await context.commit.stop()
        if collector is not None:
            await collector.stop()
        await publisher.stop()


def _collector(platform: Platform) -> Publisher | None:
    """Return the task that asks the witnesses, where the platform has some."""
    cosigning = platform.cosigning
    if cosigning is None:
        return None
    return Publisher(cosigning.is_due, cosigning.collect, platform.cosign_every_s, "cosignatures")
