"""What every route works on: the platform, its clock, and the tasks that run beside the requests.

Theory of operation. Nothing that touches the platform runs on the event loop's thread. A reader holds the
state still (``Sequencer.reading``) only while it copies what it needs, and renders afterwards. Proofs come
from the publisher's side of the sequencer: they are asked for without holding the state (``run``), or the
two locks would be taken in both orders.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, TypeVar, cast

from fastapi import Depends, Request

from wattmark.api.commit import GroupCommit
from wattmark.api.security import KnownKeys
from wattmark.api.sessions import Sessions
from wattmark.api.stream import MarketStream
from wattmark.api.taps import Taps
from wattmark.core.clock import Clock
from wattmark.engine.commands import Words
from wattmark.engine.outcomes import Outcome, refusal
from wattmark.flows.energy import EnergyCount
from wattmark.flows.plan import Plan
from wattmark.flows.platform import Done, Platform

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class Context:
    """The parts shared by all requests of one application.

    Attributes:
        platform: what is served.
        clock: POSIX milliseconds.
        commit: gathers commands into batches.
        stream: market data, rendered once for all listeners.
        keys: the callers behind keys.
        energy: what this process has used since it serves.
        taps: who follows the books of products; their boards are ``taps.data``.
        sessions: open sockets, and orders that end with them.
    """

    platform: Platform
    clock: Clock
    commit: GroupCommit
    stream: MarketStream
    keys: KnownKeys
    energy: EnergyCount
    taps: Taps
    sessions: Sessions

    async def read(self, query: Callable[[Platform], Answer]) -> Answer:
        """Return what ``query`` reads while the state stands still, off the event loop's thread."""

        def work() -> Answer:
            with self.platform.sequencer.reading():
                return query(self.platform)

        return await asyncio.to_thread(work)

    async def run(self, query: Callable[[Platform], Answer]) -> Answer:
        """Return what ``query`` finds, off the event loop's thread, the state not held; for proofs and the journal."""
        return await asyncio.to_thread(query, self.platform)

    async def order(self, row: Words, payloads: tuple[bytes, ...] = ()) -> Done:
        """Return the results of one accepted command, once it is on disk.

        Args:
            row: ``int64 [16]``.
            payloads: the payload it names, if it names one.

        Raises:
            Refused: the leaf of the error tree that fits the outcome.
            Unavailable: nothing was acknowledged.
        """
        (verdict,) = (await self.commit.submit(row.reshape(1, -1), payloads)).tolist()
        timestamp_ms, outcome, result0, result1 = verdict
        if outcome != Outcome.OK:
            raise refusal(row, outcome)
        return Done(timestamp_ms, result0, result1)

    async def carry_out(self, make_plan: Callable[[Platform, int], Plan]) -> list[Done]:
        """Make a plan and carry it out in one go, off the event loop's thread; for plans with lake files.

        Raises:
            Refused: making the plan, or one of its commands, was refused.
            Unavailable: nothing was acknowledged.
        """

        def work() -> list[Done]:
            with self.platform.sequencer.reading():
                now_ms = self.clock()
                return self.platform.execute_all(make_plan(self.platform, now_ms), now_ms)

        return await asyncio.to_thread(work)


def context_of(request: Request) -> Context:
    """Return the context of the application that serves a request."""
    return cast("Context", request.app.state.context)


async def _served(request: Request) -> Context:  # FastAPI gives a dependency that is no coroutine a thread
    return context_of(request)


Served = Annotated[Context, Depends(_served)]
"""A route's parameter: the context."""
