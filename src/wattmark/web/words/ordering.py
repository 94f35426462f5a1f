"""Words of orders: the form, its kinds and refusals, the preview, what became of an order, my orders."""

from typing import Final

from wattmark.core.text import Text

FORM: Final = {
    "order.heading": Text(en="Place an order", ja="注文する"),
    "order.side": Text(en="Side", ja="売買"),
    "order.buy": Text(en="Buy", ja="買い"),
    "order.sell": Text(en="Sell", ja="売り"),
    "order.kind": Text(en="Price", ja="価格の決め方"),
    "order.kind_hint": Text(
        en="A market order takes any price; what cannot trade at once is cancelled.",
        ja="成行はどの価格でも約定し、すぐに約定しない分は取り消されます。",
    ),
    "order.kind_limit": Text(en="Limit", ja="指値"),
    "order.kind_market": Text(en="Market", ja="成行"),
    "order.price": Text(en="Limit price", ja="指値"),
    "order.price_hint": Text(en="JPY/kWh, such as 12.50; empty for a market order", ja="円/kWh(例 12.50)。成行は空欄"),
    "order.quantity": Text(en="Quantity", ja="数量"),
    "order.quantity_hint": Text(en="kWh, such as 1.25; or 1250 Wh", ja="kWh(例 1.25)、または 1250 Wh"),
    "order.area": Text(en="Area where I use it", ja="使うエリア"),
    "order.choose": Text(en="Choose", ja="選んでください"),
    "order.area_hint": Text(
        en="This market spans all areas: energy from another area needs room on the lines between.",
        ja="全エリアの市場です。他のエリアの電力には連系線の空きが必要です。",
    ),
    "order.lot": Text(en="From which lot, when selling", ja="売る場合の保有ロット"),
    "order.lot_hint": Text(
        en="Only lots that fit this market are listed.", ja="この市場に出せるロットだけを表示しています。"
    ),
    "order.no_lots": Text(en="You hold nothing that can be sold here.", ja="ここで売れる保有ロットはありません。"),
    "order.more": Text(en="More choices", ja="詳しい条件"),
    "order.tif": Text(en="How long", ja="有効な期間"),
    "order.tif_rest": Text(en="until the gate closes", ja="締め切りまで"),
    "order.tif_until": Text(en="until a time", ja="指定した時刻まで"),
    "order.tif_ioc": Text(en="at once, cancel the rest (IOC)", ja="即時、残りは取り消し(IOC)"),
    "order.tif_fok": Text(en="all at once or not at all (FOK)", ja="全量即時、できなければ出さない(FOK)"),
    "order.tif_post": Text(en="only wait in the book (maker only)", ja="板に並べるだけ(メイカー限定)"),
    "order.until": Text(en="Until", ja="いつまで"),
    "order.until_hint": Text(en="Day and time in JST.", ja="日本時間の日付と時刻。"),
    "order.minimum": Text(en="Minimum quantity", ja="最低約定量"),
    "order.minimum_hint": Text(
        en="At least this must trade at once, or the order is not taken. kWh, empty for none.",
        ja="すぐにこれだけ約定しなければ注文しません。kWh、なければ空欄。",
    ),
    "order.shown": Text(en="Shown quantity (iceberg)", ja="見せる数量(アイスバーグ)"),
    "order.shown_hint": Text(
        en="Others see only so much at a time; at least a twentieth. kWh, empty for all.",
        ja="一度に見せる量。全体の20分の1以上。kWh、すべて見せるなら空欄。",
    ),
    "order.own": Text(en="If it meets an order of my own", ja="自分の注文と出合ったら"),
    "order.own_newest": Text(en="cancel the new order", ja="新しい注文を取り消す"),
    "order.own_oldest": Text(en="cancel the waiting order", ja="待っている注文を取り消す"),
    "order.own_both": Text(en="cancel both", ja="両方を取り消す"),
    "order.own_less": Text(en="take the same from both", ja="両方から同じ量を減らす"),
    "order.place": Text(en="Place the order", ja="注文を出す"),
    "order.preview": Text(en="See first what would happen", ja="先に結果を見る"),
    "order.closed": Text(en="This market no longer takes orders.", ja="この市場の注文は締め切られました。"),
    "order.soon": Text(en="This market does not take orders yet.", ja="この市場の注文受付はまだ始まっていません。"),
    "order.log_in_first": Text(en="Log in to place an order.", ja="注文するにはログインしてください。"),
    "order.wallet": Text(en="Free to spend: {cash}.", ja="使える残高: {cash}。"),
    "order.error": Text(en="Please mend this", ja="ここを直してください"),
    "order.choice_rule": Text(en="one of the listed choices", ja="一覧にある選択肢"),
    "order.market_price_rule": Text(
        en="empty for a market order, which takes any price; or choose a limit",
        ja="成行では空欄(どの価格でも約定します)。価格を決めるなら指値を選んでください",
    ),
    "order.until_other_rule": Text(
        en="empty, unless the order ends at a time", ja="時刻までの注文でなければ空欄にしてください"
    ),
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
    "foresee.seen": Text(en="Seen by others", ja="他の人に見える量"),
    "foresee.nothing": Text(en="nothing", ja="なし"),
    "foresee.ends": Text(en="Ends at", ja="終了"),
    "foresee.auction": Text(
        en="It joins the auction at {close} JST. You pay the one price, never more than your bid.",
        ja="{close}(日本時間)の入札に加わります。約定価格は一つで、入札価格より高く払うことはありません。",
    ),
    "foresee.auction_sell": Text(
        en="It joins the auction at {close} JST. You get the one price, never less than your bid.",
        ja="{close}(日本時間)の入札に加わります。約定価格は一つで、入札価格より安く売ることはありません。",
    ),
    "foresee.queued": Text(
        en="Trading is halted: the order waits in line and is handled when trading resumes.",
        ja="取引停止中です。注文は順番を待ち、再開時に処理されます。",
    ),
    "foresee.not_fillable": Text(
        en="It would be refused: the book does not hold enough at this price.",
        ja="受け付けられません。この価格の注文が板に足りません。",
    ),
    "foresee.would_trade": Text(
        en="It would be refused: it would trade at once.", ja="受け付けられません。すぐに約定してしまいます。"
    ),
    "foresee.own": Text(
        en="It meets an order of your own; what then gives way is your choice above.",
        ja="自分の注文と出合います。その扱いは上の選択のとおりです。",
    ),
    "foresee.capacity": Text(
        en="If the best order is in another area, trading waits while the lines between are asked for room.",
        ja="最良の注文が他のエリアにある場合、連系線の空容量を照会する間、取引は止まります。",
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
    "order.queued_words": Text(
        en="Order {order} of {rest} waits in line until trading goes on.",
        ja="注文{order}({rest})は取引の再開を待っています。",
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
    "orders.cancel_this": Text(en="Cancel this order", ja="この注文を取り消す"),
    "orders.amend": Text(en="Change", ja="訂正"),
    "orders.cancel_all": Text(en="Cancel all", ja="すべて取り消す"),
    "orders.cancel_them": Text(en="Yes, cancel them", ja="はい、取り消します"),
    "orders.keep_them": Text(en="No, keep them", ja="いいえ、残します"),
    "orders.back": Text(en="Back", ja="戻る"),
    "orders.everywhere": Text(en="all markets", ja="すべての市場"),
    "orders.ask_words": Text(
        en="Cancel {count} open orders? Market: {where}.", ja="{count}件の注文を取り消しますか。市場: {where}。"
    ),
    "orders.all_cancelled": Text(en="Your orders were cancelled", ja="注文をすべて取り消しました"),
    "orders.all_cancelled_words": Text(
        en="{count} orders; {quantity} were released.", ja="{count}件、{quantity}が戻りました。"
    ),
    "orders.cancelled": Text(en="The order was cancelled", ja="注文を取り消しました"),
    "orders.cancelled_words": Text(en="{quantity} were released.", ja="{quantity}が戻りました。"),
    "orders.trades": Text(en="My trades", ja="わたしの取引"),
    "orders.no_trades": Text(en="You have not traded yet.", ja="取引はまだありません。"),
}
AMEND: Final = {
    "order.title": Text(en="Order {order}", ja="注文{order}"),
    "order.facts": Text(en="As it stands", ja="現在の内容"),
    "order.state": Text(en="State", ja="状態"),
    "order.placed_at": Text(en="Placed (JST)", ja="注文時刻(日本時間)"),
    "order.waits": Text(en="waits in line", ja="再開待ち"),
    "order.shows": Text(en="shows {energy}", ja="表示{energy}"),
    "order.ends": Text(en="until {time}", ja="{time}まで"),
    "amend.heading": Text(en="Change it", ja="訂正する"),
    "amend.rule": Text(
        en="Less at the same price keeps its place in the line; another price or more loses it, and may trade at once.",
        ja="同じ価格で減らすときは順番が変わりません。価格を変えるか増やすと最後尾になり、すぐに約定することがあります。",
    ),
    "amend.price_hint": Text(en="JPY/kWh, such as 12.50", ja="円/kWh(例 12.50)"),
    "amend.quantity": Text(en="Whole quantity", ja="全体の数量"),
    "amend.quantity_hint": Text(en="kWh, what has traded included", ja="kWh。約定済みの分を含む"),
    "amend.amend": Text(en="Change the order", ja="注文を訂正する"),
    "amend.over": Text(en="This order has ended.", ja="この注文は終了しました。"),
    "amend.done": Text(en="Your order was changed", ja="注文を訂正しました"),
    "amend.done_words": Text(
        en="Order {order}: {filled} traded by that.", ja="注文{order}: 訂正で成立したのは{filled}です。"
    ),
    "amend.refused": Text(en="Your change was refused", ja="訂正は受け付けられませんでした"),
}
ORDERING: Final = FORM | PREVIEW | VERDICT | ORDERS | AMEND
