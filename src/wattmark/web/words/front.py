"""Words of the front page: the life of one watt-hour, the day, the bank."""

from typing import Final

from wattmark.core.text import Text

FRONT: Final = {
    "front.title": Text(en="The life of one watt-hour", ja="1Whの一生"),
    "front.heading": Text(en="The life of one watt-hour", ja="1Whの一生"),
    "front.lead": Text(
        en="Every watt-hour a meter counts gets a number of its own. It can be sold, kept, and used once. "
        "Here is one that went all the way.",
        ja="メーターが数えた1Whには、それぞれ番号が付きます。売ることも、預けることもできますが、使えるのは一度だけ。"
        "これは、その道のりを最後までたどった1Whです。",
    ),
    "front.no_story": Text(
        en="No watt-hour has gone the whole way yet. Start the demo, or upload readings, and come back.",
        ja="最後まで進んだ1Whは、まだありません。デモを実行するか、検針値を送ってからご覧ください。",
    ),
    "front.journey": Text(en="Its stations", ja="たどった道のり"),
    "front.day_heading": Text(en="Supply, demand and price", ja="つくった電気・使った電気・価格"),
    "front.no_day": Text(en="No readings yet.", ja="検針値はまだありません。"),
    "front.demand": Text(en="Demand", ja="需要"),
    "front.price": Text(en="Price", ja="価格"),
    "front.energy_axis": Text(en="Energy per half hour", ja="30分ごとの電力量"),
    "front.price_axis": Text(en="Price [JPY/kWh]", ja="価格 [円/kWh]"),
    "front.chart_label": Text(
        en="On {date} the plants made {supply}, {demand} was used, and the price went up to {price} JPY/kWh.",
        ja="{date}の発電は{supply}、使用は{demand}、価格は最高{price}円/kWhでした。",
    ),
    "front.fact_supply": Text(en="Made by the plants", ja="発電所がつくった電気"),
    "front.fact_demand": Text(en="Used", ja="使われた電気"),
    "front.fact_traded": Text(en="Traded", ja="取引された電気"),
    "front.fact_price": Text(en="Highest price", ja="最高価格"),
    "front.price_value": Text(en="{price} JPY/kWh", ja="{price}円/kWh"),
    "front.period": Text(en="Period (JST)", ja="時間帯(日本時間)"),
    "front.postmarks": Text(en="Latest postmarks", ja="最新の消印"),
    "front.postmarks_sub": Text(
        en="A stamp is postmarked when its watt-hours have been used.", ja="使われた電気の票には消印が押されます。"
    ),
    "front.no_stamps": Text(en="No stamps yet.", ja="票はまだありません。"),
    "front.log_heading": Text(en="Written down for good", ja="消せない記録"),
    "front.log_sentence": Text(
        en="The log holds {size} records; its latest checkpoint was signed for {published} of them.",
        ja="台帳の記録は{size}件。最新のチェックポイントは{published}件までを署名しています。",
    ),
    "front.log_link": Text(en="See the log", ja="台帳を見る"),
    "bank.heading": Text(en="What covers the bank", ja="預け入れの裏付け"),
    "bank.sub": Text(en="Watt-hours kept for later are a debt.", ja="あとで使う約束は、運営者の負債です。"),
    "bank.owed": Text(en="Owed", ja="約束した電力量"),
    "bank.forward": Text(en="Bought forward", ja="先渡しで購入済み"),
    "bank.stored": Text(en="In storage", ja="蓄電池の中"),
    "bank.collateral": Text(en="What the collateral buys at the stress price", ja="担保で買える量(ストレス価格)"),
    "bank.nothing": Text(
        en="Nothing is owed at the moment; {cover} of cover stand ready.",
        ja="いま約束した電力量はありません。裏付けは{cover}あります。",
    ),
    "bank.sentence": Text(
        en="{owed} are owed, {cover} stand behind them: {ratio} times.",
        ja="約束した{owed}に対し、裏付けは{cover}、{ratio}倍です。",
    ),
    "bank.explain": Text(
        en="A token put into the bank is a promise of energy later, without its origin. The promise must be "
        "covered by energy bought forward, energy in storage, and collateral. Below one times, no more is taken in.",
        ja="預け入れたトークンは、あとで電気を渡すという約束です(由来は付きません)。先渡しの購入、蓄電、担保で裏付け、"
        "1倍を下回ると新しい預け入れを止めます。",
    ),
    "bank.stress": Text(
        en="The collateral is valued at the stress price of {price} JPY/kWh.",
        ja="担保はストレス価格{price}円/kWhで評価します。",
    ),
    "story.title": Text(en="Watt-hour {serial} of {plant}", ja="{plant}の1Wh(番号{serial})"),
    "story.caption": Text(en="one of {total} made in this period", ja="この時間帯につくられた{total}のうちの1Wh"),
    "story.number": Text(en="serial no.", ja="通し番号"),
    "story.stamp_caption": Text(
        en="The stamp it is a part of, postmarked once used", ja="この1Whを含む票。使われると消印が押されます"
    ),
    "story.measured": Text(en="Measured", ja="測る"),
    "story.measured_words": Text(
        en="At {plant} the meter went from {before} to {after} Wh and signed it.",
        ja="{plant}のメーターが{before}から{after}Whへ進み、その値に署名しました。",
    ),
    "story.issued": Text(en="Numbered", ja="番号が付く"),
    "story.issued_words": Text(
        en="{quantity} became tokens. This one is no. {serial}.",
        ja="{quantity}がトークンになり、これは{serial}番です。",
    ),
    "story.traded": Text(en="Sold", ja="売られる"),
    "story.traded_words": Text(
        en="It changed hands at {price} JPY/kWh, with {quantity} in all.",
        ja="{price}円/kWhで、あわせて{quantity}が売買されました。",
    ),
    "story.transferred": Text(en="Handed over", ja="渡される"),
    "story.transferred_words": Text(
        en="It went to a new owner, with {quantity} in all.", ja="あわせて{quantity}が新しい持ち主へ渡りました。"
    ),
    "story.not_traded": Text(en="Not sold", ja="売らずに持つ"),
    "story.not_traded_words": Text(
        en="Its owner kept it; it never came to the market.", ja="持ち主が手元に置き、市場には出ませんでした。"
    ),
    "story.banked": Text(en="Kept", ja="預ける"),
    "story.banked_words": Text(
        en="It was put into the bank, to be used later under a rule fixed that day.",
        ja="その日に決まった規則のもとで、あとで使うために預けられました。",
    ),
    "story.settled": Text(en="Matched", ja="照合する"),
    "story.settled_same": Text(
        en="In the same half hour electricity was used, and this watt-hour was matched with that use.",
        ja="同じ30分に使われた電気と、この1Whが照合されました。",
    ),
    "story.settled_bank": Text(
        en="In the period {period} it was matched with metered use.", ja="{period}に使われた電気と照合されました。"
    ),
    "story.retired": Text(en="Used up", ja="使い切る"),
    "story.retired_words": Text(
        en="It was retired with {quantity} for the period {period}. It can never be used again.",
        ja="{period}の分として{quantity}が償却されました。もう二度と使えません。",
    ),
    "story.held": Text(en="Waiting", ja="待っている"),
    "story.held_words": Text(
        en="It belongs to its owner and has not been used.", ja="持ち主の手元にあり、まだ使われていません。"
    ),
    "story.expired": Text(en="Expired", ja="期限切れ"),
    "story.expired_words": Text(en="Nobody used it in time.", ja="期限までに使われませんでした。"),
    "story.withdrawn": Text(en="Withdrawn", ja="取り消し"),
    "story.withdrawn_words": Text(
        en="The issuer took it back, with a reason.", ja="理由を記録したうえで発行者が取り消しました。"
    ),
    "story.proven": Text(en="Proven", ja="証明する"),
    "story.proven_words": Text(
        en="Record #{position} is under a signed checkpoint of {size} records. Check it yourself.",
        ja="記録#{position}は、{size}件を署名したチェックポイントに含まれます。ご自身で確かめられます。",
    ),
    "story.not_proven_words": Text(
        en="Record #{position} is written; the next checkpoint will cover it.",
        ja="記録#{position}は書き込み済みで、次のチェックポイントに含まれます。",
    ),
    "story.link_plant": Text(en="The plant", ja="発電所"),
    "story.link_record": Text(en="Record #{position}", ja="記録#{position}"),
    "story.link_market": Text(en="Its market", ja="この市場"),
    "story.link_proof": Text(en="The proof", ja="証明"),
    "story.link_check": Text(en="Check it", ja="確かめる"),
    "stamp.life": Text(en="What happened to it", ja="これまでの道のり"),
    "stamp.lead": Text(
        en="A stamp for {quantity}, serials {start} to {end}, made {period}.",
        ja="{period}につくられた{quantity}({start}番から{end}番まで)の票です。",
    ),
    "stamp.alt": Text(
        en="Stamp of {plant}: {quantity}, {period}, {state}", ja="{plant}の票: {quantity}、{period}、{state}"
    ),
    "stamp.state": Text(en="State", ja="状態"),
    "stamp.kind": Text(en="Kind", ja="種類"),
    "stamp.tier": Text(en="Evidence", ja="証拠等級"),
    "stamp.expiry": Text(en="Usable until", ja="有効期限"),
    "stamp.evidence": Text(en="Hash of the signed reading", ja="署名付き検針値のハッシュ"),
    "kind.1": Text(en="energy and origin, in its own half hour", ja="電力量と由来(発電した時間帯)"),
    "kind.2": Text(en="energy from the bank, no origin", ja="預け入れの電力量(由来なし)"),
    "kind.3": Text(en="energy and origin from storage", ja="蓄電池からの電力量と由来"),
}
