"""Words of the wallet."""

from typing import Final

from wattmark.core.text import Text

WALLET: Final = {
    "wallet.title": Text(en="My wallet", ja="わたしの財布"),
    "wallet.lead": Text(en="Money and tokens that are yours.", ja="あなたの残高と保有トークンです。"),
    "wallet.cash": Text(en="Cash", ja="残高"),
    "wallet.held": Text(en="Held for open orders", ja="注文中の拘束額"),
    "wallet.free": Text(en="Free to spend", ja="使える額"),
    "wallet.credit": Text(en="Credit limit", ja="与信枠"),
    "wallet.lots": Text(en="Lots", ja="保有ロット"),
    "wallet.lots_sentence": Text(en="{count} lots, {energy} in all.", ja="{count}件、あわせて{energy}。"),
    "wallet.lot": Text(en="Lot", ja="ロット"),
    "wallet.state": Text(en="State", ja="状態"),
    "wallet.none": Text(en="You hold no tokens.", ja="保有しているトークンはありません。"),
    "wallet.pages": Text(en="Pages", ja="ページ"),
    "wallet.newer": Text(en="Newer", ja="新しい方"),
    "wallet.older": Text(en="Older", ja="古い方"),
}
