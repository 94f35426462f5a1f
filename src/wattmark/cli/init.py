"""``wattmark init HOME``: make a new, empty platform."""

from pathlib import Path
from typing import Annotated

import typer

from wattmark.cli.say import print_json, say, tell
from wattmark.core.text import Text

_HOME = tell(
    Text(en="Directory of the new platform; must be absent or empty.", ja="新しい運用先のディレクトリ(空か未作成)。")
)
_ORIGIN = tell(Text(en="Log origin: a URL without schema.", ja="ログの起点名(スキームなしのURL)。"))
_NAME_EN = tell(Text(en="Name in English.", ja="英語の名称。"))
_NAME_JA = tell(Text(en="Name in Japanese (default: the English one).", ja="日本語の名称(省略時は英語名)。"))
_AREA = tell(Text(en="Market area 1..9 (1 Hokkaido ... 9 Kyushu).", ja="エリア番号1〜9(1北海道〜9九州)。"))
_RESOLUTION = tell(Text(en="Settlement period: 300, 900, 1800 or 3600 s.", ja="精算期間: 300、900、1800、3600秒。"))
_EXPIRY = tell(Text(en="Days a token lives.", ja="トークンの有効日数。"))
_TARIFF = tell(
    Text(
        en="Added to the spot price for energy without a token [sen/kWh].", ja="トークンのない電力に加える額(銭/kWh)。"
    )
)
_MINT_T0 = tell(
    Text(en="Let unsigned readings (tier T0) become tokens.", ja="署名のない検針値(T0)のトークン化を許す。")
)
_FOLLOWER = tell(
    Text(
        en="Name of a follower that is to count; gets an API key of its own; once per follower.",
        ja="数える追随先の名前(APIキーを発行)。追随先ごとに指定。",
    )
)
_AFTER = tell(Text(en="Acknowledge when so many followers have a record.", ja="受付前に確認が必要な追随先の数。"))
_JOURNAL = tell(
    Text(
        en="Where the journal is kept: file or postgres (extra `postgres`).",
        ja="ジャーナルの置き場所: fileまたはpostgres(追加機能postgres)。",
    )
)
_DSN = tell(
    Text(
        en="Connection string of the database, without a password (see PGPASSFILE).",
        ja="データベースの接続文字列(パスワードは含めない。PGPASSFILEを参照)。",
    )
)
_SCHEMA = tell(Text(en="Schema of the journal's tables.", ja="ジャーナルの表のスキーマ。"))
_JSON = tell(Text(en="Print one JSON object.", ja="JSONで出力。"))


def init(
    home: Annotated[Path, typer.Argument(help=_HOME)],
    origin: Annotated[str, typer.Option("--origin", help=_ORIGIN)] = "wattmark.example/log",
    name: Annotated[str, typer.Option("--name", help=_NAME_EN)] = "Wattmark",
    name_ja: Annotated[str, typer.Option("--name-ja", help=_NAME_JA)] = "",
    area: Annotated[int, typer.Option("--area", help=_AREA)] = 3,
    resolution_s: Annotated[int, typer.Option("--resolution", help=_RESOLUTION)] = 1_800,
    token_expiry_days: Annotated[int, typer.Option("--expiry-days", help=_EXPIRY)] = 365,
    tariff_sen_per_kwh: Annotated[int, typer.Option("--tariff", help=_TARIFF)] = 700,
    mint_t0: Annotated[bool, typer.Option("--mint-t0", help=_MINT_T0)] = False,
    follower: Annotated[list[str] | None, typer.Option("--follower", help=_FOLLOWER)] = None,
    acknowledge_after: Annotated[int, typer.Option("--acknowledge-after", min=0, help=_AFTER)] = 0,
    journal: Annotated[str, typer.Option("--journal", help=_JOURNAL)] = "file",
    journal_dsn: Annotated[str, typer.Option("--journal-dsn", help=_DSN)] = "",
    journal_schema: Annotated[str, typer.Option("--journal-schema", help=_SCHEMA)] = "wattmark",
    as_json: Annotated[bool, typer.Option("--json", help=_JSON)] = False,
) -> None:
    """Make a new platform: keys, genesis records, first checkpoint, an operator's API key.

    新しいプラットフォームを作る(鍵・最初の記録・チェックポイント・運営者のAPIキー)。
    """
    from wattmark.core.clock import now_ms
    from wattmark.core.codes import Role
    from wattmark.core.ids import fresh_id, random_bytes
    from wattmark.flows.issue_key import issue_key
    from wattmark.flows.open_account import open_account, plan_open_account
    from wattmark.flows.settings import Settings
    from wattmark.wiring import Platform

    settings = Settings(
        origin=origin,
        name=Text(en=name, ja=name_ja or name),
        area=area,
        resolution_s=resolution_s,
        token_expiry_days=token_expiry_days,
        tariff_sen_per_kwh=tariff_sen_per_kwh,
        mint_t0=mint_t0,
        followers=tuple(f"{one}#{row}" for row, one in enumerate(follower or (), start=1)),
        acknowledge_after=acknowledge_after,
        journal=journal,
        journal_dsn=journal_dsn,
        journal_schema=journal_schema,
    )
    now = now_ms()
    with Platform.create(home, settings, now) as platform:
        secret = random_bytes(32).hex()
        issue_key(platform, account=0, roles=Role.OPERATOR, secret=secret, identity=fresh_id(now), now_ms=now)
        vkey = platform.keys.vkey
        follower_keys = {}
        if follower:
            opened = plan_open_account(
                identity=fresh_id(now),
                roles=Role.AUDITOR,
                profile={"name": {"en": "Followers", "ja": "追随先"}},
                salt=random_bytes(16),
            )
            auditor = open_account(platform, opened, now)
            for one in follower:
                follower_keys[one] = random_bytes(32).hex()
                issue_key(
                    platform,
                    account=auditor,
                    roles=Role.AUDITOR,
                    secret=follower_keys[one],
                    identity=fresh_id(now),
                    now_ms=now,
                )
    if as_json:
        made = {"home": str(home), "vkey": vkey, "operator_key": secret}
        print_json({**made, "follower_keys": follower_keys} if follower_keys else made)
        return
    say(Text(en=f"Made {home}.", ja=f"{home} を作りました。"))
    say(Text(en=f"Log key (publish it): {vkey}", ja=f"ログ検証鍵(公開するもの): {vkey}"))
    say(
        Text(
            en=f"Operator's API key (shown once, only its hash is kept): {secret}",
            ja=f"運営者のAPIキー(表示は一度だけ。保存されるのはハッシュのみ): {secret}",
        )
    )
    for one, key in follower_keys.items():
        say(
            Text(
                en=f"API key of follower {one} (shown once): {key}", ja=f"追随先 {one} のAPIキー(表示は一度だけ): {key}"
            )
        )
