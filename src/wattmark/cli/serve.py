"""``wattmark serve HOME``: the API and the pages over one platform."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from typing_extensions import override

from wattmark.cli.say import say, tell
from wattmark.core.text import Text

if TYPE_CHECKING:
    from types import FrameType

    from wattmark.core.clock import Clock
    from wattmark.flows.platform import Platform

_HOME = tell(Text(en="Directory of the platform.", ja="運用先のディレクトリ。"))
_HOST = tell(Text(en="Address to listen on.", ja="待ち受けアドレス。"))
_PORT = tell(Text(en="Port to listen on.", ja="待ち受けポート。"))


def serve(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    host: Annotated[str, typer.Option("--host", help=_HOST)] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=1, max=65_535, help=_PORT)] = 8000,
) -> None:
    """Serve the HTTP API and the pages until interrupted.

    APIと画面を配信する(中断するまで)。
    """
    from wattmark import wiring

    with wiring.Platform.open(home) as platform:
        serve_site(platform, host, port)


def serve_site(
    platform: "Platform", host: str, port: int, clock: "Clock | None" = None, tell_user: Callable[[Text], None] = say
) -> None:
    """Serve API and pages of an open platform until SIGINT or SIGTERM; then return, so that it can be closed.

    Args:
        platform: open for writing.
        host: address to listen on.
        port: port to listen on.
        clock: the platform's time [ms]; the machine's when ``None``.
        tell_user: prints a message.
    """
    import signal

    import uvicorn

    from wattmark.core.clock import now_ms
    from wattmark.web.app import create_site

    class Server(uvicorn.Server):
        """Lets the listeners of the market stream go, for whose connections it would wait otherwise."""

        @override
        def handle_exit(self, sig: int, frame: "FrameType | None") -> None:
            site.state.context.stream.end()
            super().handle_exit(sig, frame)

    site = create_site(platform, clock or now_ms)
    # uvicorn raises the signal that stopped it once more when it is done; by itself SIGTERM would end the process there
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        tell_user(
            Text(en=f"Serving http://{host}:{port}/ (Ctrl-C stops)", ja=f"http://{host}:{port}/ で配信中(Ctrl-Cで停止)")
        )
        config = uvicorn.Config(site, host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
        Server(config).run()
    except KeyboardInterrupt:
        tell_user(Text(en="Stopped.", ja="停止しました。"))
    finally:
        signal.signal(signal.SIGTERM, before)


def _interrupt(number: int, frame: object) -> None:
    del number, frame
    raise KeyboardInterrupt
