"""The small home behind a real server: one caller per role, and a browser's or a client's way in."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import uvicorn

from wattmark.core.codes import Role
from wattmark.core.ids import derive_id, id_hex
from wattmark.flows.issue_key import issue_key
from wattmark.flows.open_account import open_account, plan_open_account
from wattmark.testing.small_home import NIGHT_MS, SECRET, SmallHome
from wattmark.web.app import create_site

SECRETS = {
    "operator": "0a" * 32,
    "auditor": "0b" * 32,
    "producer": "0c" * 32,
    "consumer": SECRET,
    "other": "0d" * 32,
}
"""Role of a caller in the tests -> API key; ``other`` is a consumer who owns nothing of the home."""


@dataclass
class ServedHome:
    """A running platform.

    Attributes:
        small: what is in it.
        url: where it is served.
        accounts: caller -> account.
    """

    small: SmallHome
    url: str
    accounts: dict[str, int]
    clients: dict[str, httpx.Client] = field(default_factory=dict)

    @property
    def platform(self):
        return self.small.platform

    def client(self, caller: str | None = None) -> httpx.Client:
        """Return a client with a caller's key, or without one; it is closed with the home."""
        return self.client_with("" if caller is None else SECRETS[caller])

    def client_with(self, secret: str) -> httpx.Client:
        """Return a client with a key."""
        if secret not in self.clients:
            headers = {"Authorization": f"Bearer wm_{secret}"} if secret else {}
            self.clients[secret] = httpx.Client(base_url=self.url, headers=headers, timeout=30)
        return self.clients[secret]

    def state_hash(self) -> str:
        with self.platform.sequencer.reading() as state:
            return state.state_hash().hex()


def new_id(*parts: str | int) -> str:
    """Return a command id made from what a test is about."""
    return id_hex(derive_id("test", *parts))


@contextmanager
def served(small: SmallHome, accounts: dict[str, int]) -> Iterator[ServedHome]:
    """Serve a home until the block ends."""
    app = create_site(small.platform, lambda: NIGHT_MS + 60_000)
    config = uvicorn.Config(app, port=0, log_level="error", timeout_graceful_shutdown=1, lifespan="on")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        assert thread.is_alive(), "the server ended before it began"
        thread.join(0.02)
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        running = ServedHome(small, f"http://127.0.0.1:{port}", accounts)
        yield running
        for client in running.clients.values():
            client.close()
    finally:
        server.should_exit = True
        thread.join(20)


@contextmanager
def served_home(
    folder: Path, prepare: Callable[[SmallHome], object] | None = None, **changes: object
) -> Iterator[ServedHome]:
    """Make the small home with some settings changed, let everything happen in it once, and more, and serve it."""
    small = SmallHome(folder / "home", **changes).run()
    try:
        if prepare is not None:
            prepare(small)
        accounts = {"operator": 0, "producer": small.producer, "consumer": small.consumer}
        for caller, roles in (("auditor", Role.AUDITOR), ("other", Role.CONSUMER)):
            plan = plan_open_account(
                identity=derive_id("account", caller),
                roles=roles,
                profile={"name": {"en": caller, "ja": caller}},
                salt=bytes(16),
            )
            accounts[caller] = open_account(small.platform, plan, NIGHT_MS)
        own = {"operator": Role.OPERATOR, "auditor": Role.AUDITOR, "producer": Role.PRODUCER, "other": Role.CONSUMER}
        for caller, roles in own.items():
            issue_key(
                small.platform,
                identity=derive_id("key", caller),
                account=accounts[caller],
                roles=roles,
                secret=SECRETS[caller],
                now_ms=NIGHT_MS,
            )
        with served(small, accounts) as running:
            yield running
    finally:
        small.close()
