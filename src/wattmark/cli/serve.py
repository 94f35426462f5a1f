"""``wattmark serve HOME``: the API and the pages over one platform."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer
from typing_extensions import override

from wattmark.cli.say import say, tell
from wattmark.core.text import Text

if TYPE_CHECKING:
    from socket import socket
    from types import FrameType

    from wattmark.core.clock import Clock
    from wattmark.flows.platform import Platform

BACKLOG: Final = 2_048
"""Connections that may wait to be taken."""
SLOW_READER_MS: Final = 30_000
"""A connection whose reader takes in nothing for so long is dropped; until then its sender waits [ms]."""
SWITCH_S: Final = 0.001
"""How long a thread that reads a large body keeps the interpreter from those that answer [s]; Python's own is 5 ms."""
_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_HOST = tell(Text(en="Address to listen on.", ja="待ち受けアドレス。"))
_PORT = tell(Text(en="Port to listen on; 0 takes a free one.", ja="待ち受けポート。0なら空きを使う。"))
_TAKEOVER = tell(
    Text(
        en="End the writer there is and take its place (journal in PostgreSQL).",
        ja="現在の書込プロセスを終了させて引き継ぐ(PostgreSQLのジャーナル)。",
    )
)
_STANDBY = tell(
    Text(
        en="Wait until the writer there is has gone, then take its place (journal in PostgreSQL).",
        ja="現在の書込プロセスがいなくなるまで待って引き継ぐ(PostgreSQLのジャーナル)。",
    )
)
_POLICY = tell(
    Text(
        en="Witnesses to ask for cosignatures (C2SP tlog-policy); HOME/witness.policy where there is one.",
        ja="連署を依頼する立会人の方針ファイル(C2SP tlog-policy)。省略時は HOME/witness.policy があればそれ。",
    )
)
_COSIGN_EVERY = tell(Text(en="Ask them once every so many seconds; 0 never.", ja="依頼する間隔(秒)。0なら依頼しない。"))
WITNESS_TIMEOUT_S: Final = 5.0
"""Longest wait for one request to a witness [s]."""


def serve(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    host: Annotated[str, typer.Option("--host", help=_HOST)] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help=_PORT)] = 8000,
    takeover: Annotated[bool, typer.Option("--takeover", help=_TAKEOVER)] = False,
    standby: Annotated[bool, typer.Option("--standby", help=_STANDBY)] = False,
    policy: Annotated[Path | None, typer.Option("--policy", help=_POLICY)] = None,
    cosign_every: Annotated[float, typer.Option("--cosign-every", min=0, help=_COSIGN_EVERY)] = 10,
) -> None:
    """Serve the HTTP API and the pages until interrupted.

    APIと画面を配信する(中断するまで)。
    """
    from wattmark import wiring
    from wattmark.cli.policy import ALL, policy_of
    from wattmark.flows.settings import JOURNAL_POSTGRES
    from wattmark.wiring.home import read_settings

    asked = None if not cosign_every else policy_of(policy, [], ALL) or wiring.home_policy(home)
    if standby and read_settings(home).journal == JOURNAL_POSTGRES:
        say(Text(en="Waiting for the writer to go ...", ja="書込プロセスの終了を待っています…"))
    with (
        listen(host, port) as listening,
        wiring.Platform.open(home, takeover=takeover, standby=standby) as platform,
    ):
        if asked is not None:
            wiring.start_cosigning(platform, asked, cosign_every, WITNESS_TIMEOUT_S)
        serve_site(platform, listening)


def listen(host: str, port: int) -> "socket":
    """Return a socket that listens; who connects before the server is ready waits for it.

    Raises:
        Unavailable: the address is taken, not this machine's, or not allowed.
    """
    import socket

    from wattmark.core.errors import Unavailable

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=BACKLOG)
    except OSError as error:
        reason = Text(en=f"cannot listen on {host}:{port}: {error}", ja=f"{host}:{port} で待ち受けできません: {error}")
        raise Unavailable(reason) from error
    # inherited by every connection: head and body of an answer go out without waiting for an acknowledgement
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, SLOW_READER_MS)
    return listening


def address(listening: "socket") -> str:
    """Return the URL of a socket that listens."""
    host, port = listening.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"


def serve_site(
    platform: "Platform", listening: "socket", clock: "Clock | None" = None, tell_user: Callable[[Text], None] = say
) -> None:
    """Serve API and pages of an open platform until SIGINT or SIGTERM; then return, so that it can be closed.

    Args:
        platform: open for writing.
        listening: where to serve.
        clock: the platform's time [ms]; the machine's when ``None``.
        tell_user: prints a message; the address is told once requests are answered.
    """
    import gc
    import signal
    import sys

    import uvicorn

    from wattmark.api.messages import MAX_MESSAGE_BYTES
    from wattmark.core.clock import now_ms
    from wattmark.web.app import create_site

    class Server(uvicorn.Server):
        """Tells when it is ready, and lets the listeners of the market stream go, for whom it would wait otherwise."""

        @override
        async def startup(self, sockets: "list[socket] | None" = None) -> None:
            await super().startup(sockets)
            if self.started:
                gc.collect()
                gc.freeze()  # what is loaded stays: a collection that visits all of it halts every request for 0.1 s
                where = address(listening)
                tell_user(Text(en=f"Serving {where} (Ctrl-C stops)", ja=f"{where} で配信中(Ctrl-Cで停止)"))

        @override
        def handle_exit(self, sig: int, frame: "FrameType | None") -> None:
            site.state.context.stream.end()
            site.state.context.taps.end()
            platform.replication.end()
            super().handle_exit(sig, frame)

    sys.setswitchinterval(SWITCH_S)
    site = create_site(platform, clock or now_ms)
    # uvicorn raises the signal that stopped it once more when it is done; by itself SIGTERM would end the process there
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        config = uvicorn.Config(site, log_level="warning", timeout_graceful_shutdown=3, ws_max_size=MAX_MESSAGE_BYTES)
        Server(config).run(sockets=[listening])
    except KeyboardInterrupt:
        tell_user(Text(en="Stopped.", ja="停止しました。"))
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
