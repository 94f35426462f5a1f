"""``wattmark takeover HOME`` and ``wattmark followers HOME``: who writes a log, and who must have what is written."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from wattmark.cli.follow import API_KEY_VARIABLE, api_key
from wattmark.cli.say import print_json, say, tell
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

if TYPE_CHECKING:
    from wattmark.wiring.takeover import Fenced

HASH_DIGITS: Final = 16
"""So much of a frame's hash is told and asked for, at least [hexadecimal digits]."""
_FENCED_FORM: Final = re.compile(rf"([^:]*):(-1|[0-9]{{1,16}}):([0-9]{{1,16}}):([0-9a-f]{{{HASH_DIGITS},64}})")
_HOME = tell(
    Text(
        en="Home of a follower, or any home of a journal in PostgreSQL, which is to write.",
        ja="書込元にする追随先のホーム、またはPostgreSQLのジャーナルのホーム。",
    )
)
_WRITER_HOME = tell(Text(en="Directory of the platform, not open elsewhere.", ja="運用先のディレクトリ(停止中)。"))
_FENCE = tell(
    Text(
        en="Address of another follower's server, to turn it away from the old writer; once per follower.",
        ja="旧書込元から切り離す他の追随先のアドレス(追随先ごとに指定)。",
    )
)
_FENCED = tell(
    Text(
        en="NAME:LAST:EPOCH:HASH of a follower fenced on its own machine with --only-fence.",
        ja="その端末で --only-fence により遮断済みの追随先(名前:末尾:世代:ハッシュ)。",
    )
)
_ONLY_FENCE = tell(
    Text(
        en="Only turn this follower away from the old writer; another one takes over.",
        ja="このホームを旧書込元から切り離すだけで、書込元にはしない。",
    )
)
_EPOCH = tell(Text(en="Epoch of the new writer, when followers are fenced by hand.", ja="新しい書込元の世代番号。"))
_FOLLOWER = tell(
    Text(
        en="Follower that counts, as NAME or NAME#KEY (row of its API key); once per follower.",
        ja="数える追随先(名前、または 名前#鍵番号)。追随先ごとに指定。",
    )
)
_AFTER = tell(Text(en="So many followers must confirm a record.", ja="記録の確認に必要な追随先の数。"))
_MAY_LOSE = tell(
    Text(
        en="Take over although the old writer could go on or acknowledged records could be missing here.",
        ja="旧書込元の継続や受付済み記録の欠落がありうる場合でも交代する。",
    )
)
_KEY_FILE = tell(
    Text(
        en=f"File with an operator's API key, for --fence; else {API_KEY_VARIABLE} is read.",
        ja=f"--fence用の運営者のAPIキーのファイル(なければ環境変数{API_KEY_VARIABLE})。",
    )
)
_HOST = tell(Text(en="Address to listen on.", ja="待ち受けアドレス。"))
_PORT = tell(
    Text(
        en="Serve at once, as wattmark serve does, on this port; 0 takes a free one.",
        ja="そのまま配信するポート(wattmark serve と同じ。0で空き)。",
    )
)
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))


def takeover(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    fence: Annotated[list[str] | None, typer.Option("--fence", help=_FENCE)] = None,
    fenced: Annotated[list[str] | None, typer.Option("--fenced", help=_FENCED)] = None,
    only_fence: Annotated[bool, typer.Option("--only-fence", help=_ONLY_FENCE)] = False,
    epoch: Annotated[int, typer.Option("--epoch", min=0, help=_EPOCH)] = 0,
    follower: Annotated[list[str] | None, typer.Option("--follower", help=_FOLLOWER)] = None,
    acknowledge_after: Annotated[int, typer.Option("--acknowledge-after", min=-1, help=_AFTER)] = -1,
    may_lose: Annotated[bool, typer.Option("--may-lose", help=_MAY_LOSE)] = False,
    key_file: Annotated[Path | None, typer.Option("--key-file", help=_KEY_FILE)] = None,
    host: Annotated[str, typer.Option("--host", help=_HOST)] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=-1, max=65_535, help=_PORT)] = -1,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Make a home the writer's; the old writer can never acknowledge anything again.

    ホームを書込元にする。旧書込元は以後何も受け付けられない。
    """
    from wattmark.core.clock import now_ms
    from wattmark.wiring.shared import is_shared
    from wattmark.wiring.takeover import Wish, fence_home, take_over

    if is_shared(home):
        asked = {"fence": fence, "fenced": fenced, "only-fence": only_fence, "epoch": epoch, "follower": follower}
        _by_database(home, [name for name, value in asked.items() if value], host, port, as_json=as_json)
        return
    if only_fence:
        one = fence_home(home, epoch)
        _tell_fenced(one, as_json=as_json)
        return
    wish = Wish(
        urls=tuple(fence or ()),
        api_key=api_key(key_file) if fence else "",
        fenced=tuple(_fenced(text) for text in fenced or ()),
        epoch=epoch,
        followers=None if follower is None else tuple(follower),
        acknowledge_after=None if acknowledge_after < 0 else acknowledge_after,
        may_lose=may_lose,
    )
    done = take_over(home, wish, now_ms())
    if as_json:
        print_json(done)
    else:
        say(
            Text(
                en=f"{home} is the writer of epoch {done['epoch']} from frame {done['last_sequence'] + 1} on.",
                ja=f"{home} は世代{done['epoch']}の書込元です(フレーム{done['last_sequence'] + 1}から)。",
            )
        )
    if port >= 0:
        from wattmark.cli.serve import serve

        serve(home, host, port)


def _by_database(home: Path, asked: list[str], host: str, port: int, *, as_json: bool) -> None:
    """Take over where the database says who writes.

    Raises:
        MalformedInput: an option that is for followers.
    """
    if asked:
        rule = Text(
            en="only where the journal is in files: the database itself fences the old writer",
            ja="ジャーナルがファイルの場合のみ(旧書込元はデータベースが遮断する)",
        )
        raise MalformedInput("ARGUMENTS", asked[0], "", rule)
    if port >= 0:
        from wattmark.cli.serve import serve

        serve(home, host, port, takeover=True)
        return
    from wattmark.wiring.shared import take_over_shared

    done = take_over_shared(home)
    if as_json:
        print_json(done)
        return
    say(
        Text(
            en=f"The writer before epoch {done['epoch']} is ended and fenced; frame {done['last_sequence']} was its last. "
            f"`wattmark serve {home}` goes on from there.",
            ja=f"世代{done['epoch']}より前の書込元を終了・遮断しました(末尾フレーム{done['last_sequence']})。"
            f"`wattmark serve {home}` で続けられます。",
        )
    )


def followers(
    home: Annotated[Path, typer.Argument(help=_WRITER_HOME)],
    follower: Annotated[list[str] | None, typer.Option("--follower", help=_FOLLOWER)] = None,
    acknowledge_after: Annotated[int, typer.Option("--acknowledge-after", min=0, help=_AFTER)] = 0,
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Say who follows a writer, and how many of them must have a record before it is acknowledged.

    書込元の追随先と、受付前に確認が必要な数を定める。
    """
    from wattmark.core.clock import now_ms
    from wattmark.wiring.takeover import change_followers

    changed = change_followers(home, follower or (), acknowledge_after, now_ms())
    if as_json:
        print_json({"followers": list(changed.followers), "acknowledge_after": changed.acknowledge_after})
        return
    named = ", ".join(changed.followers) or "-"
    say(
        Text(
            en=f"Followers: {named}; {changed.acknowledge_after} must confirm each record.",
            ja=f"追随先: {named}(確認が必要な数: {changed.acknowledge_after})",
        )
    )


def _tell_fenced(one: "Fenced", *, as_json: bool) -> None:
    given = f"{one.name}:{one.last_sequence}:{one.epoch}:{one.frame_hash[:HASH_DIGITS]}"
    if as_json:
        done = {"name": one.name, "last_sequence": one.last_sequence, "epoch": one.epoch, "frame_hash": one.frame_hash}
        print_json({**done, "fenced": given})
        return
    say(Text(en=f"Fenced: take over with --fenced {given}", ja=f"遮断しました。交代時に --fenced {given} を指定"))


def _fenced(text: str) -> "Fenced":
    """Return a follower that was fenced on its own machine.

    Raises:
        MalformedInput: not ``NAME:LAST:EPOCH:HASH``.
    """
    from wattmark.wiring.takeover import Fenced

    given = _FENCED_FORM.fullmatch(text)
    if given is None:
        rule = Text(en="NAME:LAST:EPOCH:HASH", ja="名前:末尾:世代:ハッシュ")
        raise MalformedInput("FENCED_MALFORMED", "fenced", text, rule)
    name, last, epoch, frame_hash = given.groups()
    return Fenced(name, int(last), int(epoch), frame_hash)
