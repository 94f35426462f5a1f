"""Words of the operator's report on the market."""

from typing import Final

from wattmark.core.text import Text

WATCH: Final = {
    "watch.title": Text(en="Fair play", ja="公正な取引"),
    "watch.lead": Text(
        en="What the rules found in the orders and trades of {date}. A finding is a suspicion, not a verdict.",
        ja="{date}の注文と約定を規則に照らした結果です。検出は疑いであり、断定ではありません。",
    ),
    "watch.private": Text(
        en="Only operators and auditors see this page. It names accounts: treat it as personal data.",
        ja="運営者と監査人だけが見られるページです。口座が特定されるため、個人情報として扱ってください。",
    ),
    "watch.none": Text(en="No orders yet, so there is nothing to report.", ja="注文がまだ無く、報告はありません。"),
    "watch.figures": Text(en="The day in figures", ja="この日の数字"),
    "watch.trades": Text(en="Trades", ja="約定"),
    "watch.energy": Text(en="Energy traded", ja="約定量"),
    "watch.value": Text(en="Value", ja="約定代金"),
    "watch.orders": Text(en="Orders", ja="注文"),
    "watch.cancels": Text(en="Taken back", ja="取消し"),
    "watch.accounts": Text(en="Accounts (owners)", ja="口座(所有者)"),
    "watch.products": Text(en="Products traded", ja="約定した商品"),
    "watch.chart": Text(
        en="Energy traded in each hour, and when each rule found something: {count} findings in all",
        ja="時間ごとの約定量と、各規則の検出時刻(検出{count}件)",
    ),
    "watch.hour": Text(en="Hour (JST)", ja="時刻"),
    "watch.axis": Text(en="Traded", ja="約定量"),
    "watch.rules": Text(en="Rule by rule", ja="規則ごとの結果"),
    "watch.silent": Text(en="silent", ja="検出なし"),
    "watch.found": Text(en="{count} found", ja="{count}件検出"),
    "watch.who": Text(en="Accounts", ja="口座"),
    "watch.where": Text(en="Product", ja="商品"),
    "watch.when": Text(en="When (JST)", ja="時刻"),
    "watch.figure": Text(en="Figure", ja="指標"),
    "watch.value_found": Text(en="Found", ja="値"),
    "watch.limit": Text(en="Threshold", ja="しきい値"),
    "watch.evidence": Text(en="Evidence: {trades} trades, {orders} orders", ja="根拠: 約定{trades}件、注文{orders}件"),
    "watch.records": Text(en="Records of the trades", ja="約定の記録"),
    "watch.order_numbers": Text(en="Numbers of the orders", ja="注文番号"),
    "watch.first": Text(en="The first {count} are shown.", ja="先頭の{count}件を表示しています。"),
    "watch.json": Text(en="The report as JSON", ja="報告をJSONで開く"),
    "watch.policy": Text(
        en="The thresholds stand in the operator's settings, section market.",
        ja="しきい値は運営者の設定のmarket節で定めます。",
    ),
    "watch.unit_trades": Text(en="trades", ja="件"),
    "watch.unit_times": Text(en="times", ja="回"),
    "watch.unit_prices": Text(en="prices", ja="価格"),
    "watch.unit_owners": Text(en="owners", ja="者"),
    "watch.unit_messages": Text(en="messages", ja="件"),
}
