"""``wattmark serve HOME``: the API and the pages over one platform."""

from pathlib import Path
from typing import Annotated

import typer

from wattmark.cli.say import say, tell
from wattmark.core.text import Text

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
    import uvicorn

    from wattmark.web.app import create_site
    from wattmark.wiring import Platform

    with Platform.open(home) as platform:
        say(
            Text(en=f"Serving http://{host}:{port}/ (Ctrl-C stops)", ja=f"http://{host}:{port}/ で配信中(Ctrl-Cで停止)")
        )
        uvicorn.run(create_site(platform), host=host, port=port, log_level="warning", timeout_graceful_shutdown=3)
