"""Words of orders: the form, its kinds and refusals, the preview, what became of an order, my orders."""

from typing import Final

from wattmark.core.text import Text

FORM: Final = {
    "order.heading": Text(en="Place an order", ja="注文する"),
    "order.side": Text(en="Side", ja="売買"),
    "order.buy": Text(en="Buy", ja="買い"),
    "order.sell": Text(en="Sell", ja="売り"),
    "order.price": Text(en="Limit price", ja="指値"),
    "order.price_hint": Text(en="JPY/kWh, such as 12.50; empty for a market order", ja="円/kWh(例 12.50)。成行は空欄"),
    "order.quantity": Text(en="Quantity", ja="数量"),
    "order.quantity_hint": Text(en="kWh, such as 1.25; or 1250 Wh", ja="kWh(例 1.25)、または 1250 Wh"),
    "order.lot": Text(en="From which lot, when selling", ja="売る場合の保有ロット"),
    "order.lot_hint": Text(
        en="Only lots that fit this market are listed.", ja="この市場に出せるロットだけを表示しています。"
    ),
    "order.no_lots": Text(en="You hold nothing that can be sold here.", ja="ここで売れる保有ロットはありません。"),
    "order.more": Text(en="More choices", ja="詳しい条件"),
    "order.tif": Text(en="How long", ja="有効な期間"),
    "order.tif_rest": Text(en="until the gate closes", ja="締め切りまで"),
    "order.tif_ioc": Text(en="at once, cancel the rest (IOC)", ja="即時、残りは取り消し(IOC)"),
    "order.place": Text(en="Place the order", ja="注文を出す"),
    "order.preview": Text(en="See first what would happen", ja="先に結果を見る"),
    "order.closed": Text(en="This market no longer takes orders.", ja="この市場の注文は締め切られました。"),
    "order.soon": Text(en="This market does not take orders yet.", ja="この市場の注文受付はまだ始まっていません。"),
    "order.log_in_first": Text(en="Log in to place an order.", ja="注文するにはログインしてください。"),
    "order.wallet": Text(en="Free to spend: {cash}.", ja="使える残高: {cash}。"),
    "order.error": Text(en="Please mend this", ja="ここを直してください"),
    "order.choice_rule": Text(en="one of the listed choices", ja="一覧にある選択肢"),
}
PREVIEW: Final = {
    "foresee.heading": Text(en="What would happen now", ja="いま出すとどうなるか"),
    "foresee.worth": Text(en="Price × quantity", ja="価格 × 数量"),
    "foresee.held": Text(en="Held of your money at most", ja="拘束される額(最大)"),
    "foresee.now": Text(en="Trades at once", ja="すぐに約定"),
    "foresee.mean": Text(en="at {price} JPY/kWh on average", ja="平均 {price}円/kWh"),
    "foresee.cost": Text(en="For", ja="その金額"),
    "foresee.rest": Text(en="Waits in the book", ja="板に残る"),
    "foresee.deleted": Text(en="Cancelled", ja="取り消される"),
    "foresee.nothing": Text(en="nothing", ja="なし"),
    "foresee.auction": Text(
        en="It joins the auction at {close} JST. You pay the one price, never more than your bid.",
        ja="{close}(日本時間)の入札に加わります。約定価格は一つで、入札価格より高く払うことはありません。",
    ),
    "foresee.auction_sell": Text(
        en="It joins the auction at {close} JST. You get the one price, never less than your bid.",
        ja="{close}(日本時間)の入札に加わります。約定価格は一つで、入札価格より安く売ることはありません。",
    ),
    "foresee.as_seen": Text(
        en="By the book as it is seen now; it may change before your order arrives.",
        ja="いま見えている板による見込みです。注文が届くまでに変わることがあります。",
    ),
}
VERDICT: Final = {
    "order.placed": Text(en="Your order was placed", ja="注文を受け付けました"),
    "order.placed_words": Text(
        en="Order {order}: {filled} traded at once, {rest} waiting in the book.",
        ja="注文{order}: すぐに成立したのは{filled}、板に残っているのは{rest}です。",
    ),
    "order.ended_words": Text(
        en="Order {order}: {filled} traded at once, {rest} cancelled.",
        ja="注文{order}: すぐに成立したのは{filled}、取り消されたのは{rest}です。",
    ),
    "order.bid_words": Text(
        en="Bid {order} of {rest} waits for the auction.", ja="入札{order}({rest})が約定処理を待っています。"
    ),
    "order.proof": Text(en="Its record and proof: #{position}", ja="記録と証明: #{position}"),
    "order.refused": Text(en="Your order was refused", ja="注文は受け付けられませんでした"),
    "order.value": Text(en="entered: {value}", ja="入力: {value}"),
}
ORDERS: Final = {
    "orders.title": Text(en="My orders", ja="わたしの注文"),
    "orders.open": Text(en="In the book", ja="板に出ている注文"),
    "orders.none_open": Text(en="You have no open orders.", ja="板に出ている注文はありません。"),
    "orders.left": Text(en="Left", ja="残り"),
    "orders.cancel": Text(en="Cancel", ja="取り消す"),
    "orders.cancelled": Text(en="The order was cancelled", ja="注文を取り消しました"),
    "orders.cancelled_words": Text(en="{quantity} were released.", ja="{quantity}が戻りました。"),
    "orders.trades": Text(en="My trades", ja="わたしの取引"),
    "orders.no_trades": Text(en="You have not traded yet.", ja="取引はまだありません。"),
}
ORDERING: Final = FORM | PREVIEW | VERDICT | ORDERS
