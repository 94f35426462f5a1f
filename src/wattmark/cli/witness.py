"""``wattmark witness DIR``: a witness, which cosigns only checkpoints that extend what it cosigned before."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup
from typing_extensions import override

from wattmark.cli.say import print_json, say, tell
from wattmark.core.text import Text

_DIRECTORY = tell(
    Text(
        en="Directory of the witness: its keys and the latest checkpoint of each log.",
        ja="立会人のディレクトリ(鍵と各ログの最新チェックポイント)。",
    )
)
_NAME = tell(Text(en="Name of its keys: a URL without schema.", ja="鍵の名前(スキームなしのURL)。"))
_LOG = tell(
    Text(
        en="Public key of a log to witness, or a file that holds it; once per log.",
        ja="対象ログの検証鍵、またはそのファイル(ログごとに指定)。",
    )
)
_HOST = tell(Text(en="Address to listen on.", ja="待ち受けアドレス。"))
_PORT = tell(Text(en="Port to listen on; 0 takes a free one.", ja="待ち受けポート。0で空きポート。"))
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))


class _ServeByDefault(TyperGroup):
    """``wattmark witness DIR`` is ``wattmark witness serve DIR``."""

    @override
    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        return super().resolve_command(ctx, args if args[0] in self.commands else ["serve", *args])


witness = typer.Typer(
    cls=_ServeByDefault,
    no_args_is_help=True,
    help=tell(
        Text(
            en="Cosign the checkpoints of other people's logs (C2SP tlog-witness).",
            ja="他者のログのチェックポイントに連署する(C2SP tlog-witness)。",
        )
    ),
)


@witness.command("init")
def init(
    directory: Annotated[Path, typer.Argument(help=_DIRECTORY)],
    name: Annotated[str, typer.Option("--name", help=_NAME)],
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Make a witness's keys: Ed25519, and ML-DSA-44, which quantum computers do not break.

    立会人の鍵を作る(Ed25519と、量子計算機に耐えるML-DSA-44)。
    """
    from wattmark.wiring import make_witness

    vkey, subtree_vkey = make_witness(directory, name)
    if as_json:
        print_json({"directory": str(directory), "vkey": vkey, "vkey_mldsa44": subtree_vkey})
        return
    say(Text(en=f"Made {directory}.", ja=f"{directory} を作りました。"))
    say(Text(en=f"Witness key (publish it): {vkey}", ja=f"立会人の検証鍵(公開するもの): {vkey}"))
    where = directory / "keys"
    say(Text(en=f"Both public keys are in {where}/*.vkey.", ja=f"検証鍵は2つとも {where}/*.vkey にあります。"))


@witness.command("serve")
def serve(
    directory: Annotated[Path, typer.Argument(help=_DIRECTORY)],
    logs: Annotated[list[str], typer.Option("--log", help=_LOG)],
    host: Annotated[str, typer.Option("--host", help=_HOST)] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help=_PORT)] = 8001,
) -> None:
    """Serve the witness until interrupted; ``serve`` may be left out.

    立会人として待ち受ける(中断まで)。「serve」は省略できる。
    """
    import uvicorn

    from wattmark.api.witness import create_witness
    from wattmark.cli.given import read_key
    from wattmark.cli.serve import address, listen
    from wattmark.ledger.note import parse_vkey
    from wattmark.wiring import open_witness

    served = open_witness(directory, [parse_vkey(read_key(log)) for log in logs])
    app = create_witness(served)
    with listen(host, port) as listening:
        where = address(listening)
        say(Text(en=f"Witness {served.vkeys[0]}", ja=f"立会人 {served.vkeys[0]}"))
        say(Text(en=f"Serving {where} (Ctrl-C stops)", ja=f"{where} で待ち受け中(Ctrl-Cで停止)"))
        config = uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=3, limit_concurrency=1_000)
        uvicorn.Server(config).run(sockets=[listening])
