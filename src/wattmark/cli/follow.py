"""``wattmark follow URL HOME``: a mirror that verifies everything and needs no trust in the operator."""

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wattmark.cli.say import print_json, say, tell, warn
from wattmark.core.text import Text

if TYPE_CHECKING:
    from wattmark.wiring.follower import FollowerPlatform, Mirror

API_KEY_VARIABLE: Final = "WATTMARK_API_KEY"
_URL = tell(Text(en="Address of the writer, such as https://power.example.", ja="書込元のアドレス。"))
_HOME = tell(Text(en="Directory of the mirror; made if absent or empty.", ja="複製のディレクトリ(なければ作成)。"))
_VKEY = tell(Text(en="Public key of the log, or a file that holds it.", ja="ログの検証鍵、またはそのファイル。"))
_TRUST = tell(
    Text(
        en="Believe the key that the writer names, this first time.",
        ja="初回に限り、書込元の示す検証鍵を信じる。",
    )
)
_NAME = tell(Text(en="Name under which this follower counts.", ja="数えられる追随先としての名前。"))
_KEY_FILE = tell(
    Text(
        en=f"File with an API key of an operator or auditor; else {API_KEY_VARIABLE} is read.",
        ja=f"運営者または監査人のAPIキーのファイル(なければ環境変数{API_KEY_VARIABLE})。",
    )
)
_ONCE = tell(Text(en="Mirror to the end, print a JSON summary, and exit.", ja="末尾まで複製し、JSONで要約して終了。"))
_HOST = tell(Text(en="Address to listen on.", ja="待ち受けアドレス。"))
_PORT = tell(
    Text(en="Serve the mirror for reading on this port; 0 takes a free one.", ja="閲覧用に配信するポート(0で空き)。")
)
_REJOIN = tell(
    Text(
        en="HOME was a writer's or diverged: set aside what the writer at URL does not have, and follow it.",
        ja="HOMEは元の書込元など: URLの書込元にない記録を別置きし、追随する。",
    )
)


def follow(
    url: Annotated[str, typer.Argument(help=_URL)],
    home: Annotated[Path, typer.Argument(help=_HOME)],
    vkey: Annotated[str, typer.Option("--vkey", help=_VKEY)] = "",
    trust_first: Annotated[bool, typer.Option("--trust-first", help=_TRUST)] = False,
    name: Annotated[str, typer.Option("--name", help=_NAME)] = "",
    key_file: Annotated[Path | None, typer.Option("--key-file", help=_KEY_FILE)] = None,
    once: Annotated[bool, typer.Option("--once", help=_ONCE)] = False,
    host: Annotated[str, typer.Option("--host", help=_HOST)] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=-1, max=65_535, help=_PORT)] = -1,
    rejoin: Annotated[bool, typer.Option("--rejoin", help=_REJOIN)] = False,
) -> None:
    """Mirror a log, verify every record and checkpoint, and serve it for reading.

    ログを複製し、全記録とチェックポイントを検証して閲覧用に配信する。
    """
    from wattmark.cli.given import read_key
    from wattmark.wiring.follower import Mirror, Source, open_follower, summary

    source = Source(url, api_key(key_file), name)
    if rejoin:
        from wattmark.wiring.takeover import rejoin as turn

        aside = turn(home, source)
        if aside is not None:
            warn(Text(en=f"set aside: {aside}", ja=f"別置き: {aside}"))
    with open_follower(home, source, read_key(vkey) if vkey else None, trust_first=trust_first) as platform:
        if once:
            print_json(Mirror(platform, source).once())
            return
        if port >= 0:
            _serve(platform, source, host, port)
            return
        mirror = Mirror(platform, source)
        say(Text(en=f"Following {url} (Ctrl-C stops)", ja=f"{url} に追随中(Ctrl-Cで停止)"))
        _until_stopped(mirror)
        print_json(summary(platform))


def api_key(key_file: Path | None) -> str:
    """Return the API key of a file, else of the environment; never of the command line.

    Raises:
        MalformedInput: there is none.
    """
    from wattmark.cli.given import read_input
    from wattmark.core.errors import MalformedInput

    text = os.environ.get(API_KEY_VARIABLE, "")
    if key_file is not None:
        text = read_input(key_file, "key-file").decode(errors="replace")
    text = text.strip()
    if not text:
        rule = Text(
            en=f"an API key of an operator or auditor, in --key-file or {API_KEY_VARIABLE}",
            ja=f"--key-file または {API_KEY_VARIABLE} に運営者か監査人のAPIキー",
        )
        raise MalformedInput("KEY_NEEDED", "key-file", "", rule)
    return text


def _serve(platform: "FollowerPlatform", source: object, host: str, port: int) -> None:
    import signal

    from wattmark.cli.serve import listen, serve_site
    from wattmark.wiring.follower import Mirror, Source

    assert isinstance(source, Source)
    with listen(host, port) as listening:
        mirror = Mirror(platform, source, lambda: os.kill(os.getpid(), signal.SIGTERM))
        mirror.start()
        try:
            serve_site(platform, listening)
        finally:
            mirror.stop()
        if mirror.failure is not None:
            raise mirror.failure


def _until_stopped(mirror: "Mirror") -> None:
    import signal

    def interrupt(number: int, frame: object) -> None:
        del number, frame
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGTERM, interrupt)
    mirror.start()
    try:
        mirror.wait()
    except KeyboardInterrupt:
        say(Text(en="Stopped.", ja="停止しました。"))
    finally:
        signal.signal(signal.SIGTERM, before)
        mirror.stop()
