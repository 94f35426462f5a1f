"""Sessions: orders that live as long as the connection they came over ("cancel on disconnect").

Theory of operation. A client names a number when it logs in on a socket; the pair of account and number is one session,
of one socket at a time. Orders placed over the socket carry the number. When the socket ends, for whatever reason, the
server submits ``CANCEL_ALL`` for the pair, after the orders that were on their way, and tries again while the writer is
not available. A server that starts cancels every order that still carries a number: its connection died with the server
before. So an order outlives its connection only while nobody serves.
"""

import asyncio
import logging
from typing import Final

import numpy as np

from wattmark.api.commit import GroupCommit
from wattmark.core.clock import Clock
from wattmark.core.errors import RuleViolated, Unavailable
from wattmark.core.ids import fresh_id
from wattmark.core.text import Text
from wattmark.engine.state import State
from wattmark.flows.place_orders import plan_cancel_all
from wattmark.market import layout as m

LOGGER: Final = logging.getLogger("wattmark.api")
FIRST_PAUSE_S: Final = 0.05
LAST_PAUSE_S: Final = 5.0
START_S: Final = 1.0
"""A start waits so long for what it cancels; a writer that waits for its followers must begin to serve them."""
GIVE_UP_S: Final = 600.0
"""A writer that is not available for so long is opened anew, and cancels then."""

IN_USE: Final = Text(
    en="a number that no other open socket of the account has", ja="同じ口座の他の接続が使っていない番号"
)

Pair = tuple[int, int]
"""Account and number."""


class Sessions:
    """The sessions of one application.

    Attributes:
        sockets: connections that are open, with a session or without.
    """

    def __init__(self, commit: GroupCommit, clock: Clock) -> None:
        """Cancel through ``commit``, with ids of the time of ``clock``."""
        self._commit = commit
        self._clock = clock
        self._open: set[Pair] = set()
        self._ending: set[asyncio.Task[None]] = set()
        self.sockets = 0

    def begin(self, account: int, number: int) -> None:
        """Open a session.

        Raises:
            RuleViolated: another socket of the account has this number, or its orders are still being cancelled.
        """
        if (account, number) in self._open:
            raise RuleViolated("SESSION_IN_USE", "session", number, IN_USE)
        self._open.add((account, number))

    def end(self, account: int, number: int) -> None:
        """Cancel a session's orders, whatever becomes of the caller, and free its number."""
        task = asyncio.get_running_loop().create_task(self._end((account, number)), name="cancel on disconnect")
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    async def start(self, left: list[Pair]) -> None:
        """Cancel the orders that a server before this one has left."""
        for account, number in left:
            self._open.add((account, number))
            self.end(account, number)
        if self._ending:
            await asyncio.wait(self._ending, timeout=START_S)

    async def stop(self) -> None:
        """Wait until what was ended is cancelled, a few seconds at most: the next start does the rest."""
        if self._ending:
            await asyncio.wait(self._ending, timeout=LAST_PAUSE_S)
        for task in tuple(self._ending):
            task.cancel()

    async def _end(self, pair: Pair) -> None:
        pause_s, waited_s = FIRST_PAUSE_S, 0.0
        account, number = pair
        plan = plan_cancel_all(identity=fresh_id(self._clock()), actor=account, account=account, session=number)
        while True:
            try:
                await self._commit.submit(plan.commands)
            except Unavailable as error:
                if waited_s > GIVE_UP_S:
                    LOGGER.error("orders of a closed connection stay until the next start: %s", error)  # noqa: TRY400 - an error of ours, said in one line
                    return
                await asyncio.sleep(pause_s)
                waited_s, pause_s = waited_s + pause_s, min(2 * pause_s, LAST_PAUSE_S)
            else:
                self._open.discard(pair)
                return


def sessions_of(state: State) -> list[Pair]:
    """Return the pairs of account and number that orders in the books carry."""
    orders = state.orders
    live = (orders[:, m.O_STATE] == m.ORDER_OPEN) | (orders[:, m.O_STATE] == m.ORDER_QUEUED)
    pairs = orders[live & (orders[:, m.O_GROUP] != 0)][:, [m.O_ACCOUNT, m.O_GROUP]]
    return [(account, number) for account, number in np.unique(pairs, axis=0).tolist()]
