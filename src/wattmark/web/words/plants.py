"""Words of the plants' pages."""

from typing import Final

from wattmark.core.text import Text

PLANTS: Final = {
    "plants.title": Text(en="Plants", ja="発電所"),
    "plants.lead": Text(
        en="Who makes the electricity, from a roof to a river.", ja="屋根の上から川のほとりまで、電気のつくり手たち。"
    ),
    "plants.day_energy": Text(en="On the latest day", ja="直近の1日"),
    "plants.none": Text(en="No plant is registered yet.", ja="登録された発電所はまだありません。"),
    "plants.kind": Text(en="{source}, {area}, {capacity}", ja="{source}・{area}・{capacity}"),
    "plant.source": Text(en="Source", ja="電源"),
    "plant.area": Text(en="Area", ja="エリア"),
    "plant.capacity": Text(en="Capacity", ja="設備容量"),
    "plant.tier": Text(en="Evidence tier", ja="証拠等級"),
    "plant.resolution": Text(en="Metered every", ja="計測の間隔"),
    "plant.minutes": Text(en="{minutes} minutes", ja="{minutes}分"),
    "plant.register": Text(en="Meter register", ja="メーターの指示値"),
    "plant.made": Text(en="What it made", ja="つくった電気"),
    "plant.made_sentence": Text(en="{energy} on {date}.", ja="{date}は{energy}。"),
    "plant.chart_label": Text(
        en="{plant} made {energy} on {date}, most of it at {peak}.",
        ja="{plant}は{date}に{energy}を発電し、最大は{peak}でした。",
    ),
    "plant.no_energy": Text(en="Nothing was metered on this day.", ja="この日の検針値はありません。"),
    "plant.tokens": Text(en="Its tokens", ja="発行されたトークン"),
    "plant.tokens_sub": Text(
        en="Issued is always held, reserved, used, expired and withdrawn together.",
        ja="発行数は、保有・予約・使用・期限切れ・取り消しの合計と必ず一致します。",
    ),
    "plant.issued": Text(en="Issued", ja="発行"),
    "plant.held": Text(en="Held", ja="保有"),
    "plant.reserved": Text(en="On offer", ja="売り出し中"),
    "plant.retired": Text(en="Used", ja="使用"),
    "plant.expired": Text(en="Expired", ja="期限切れ"),
    "plant.withdrawn": Text(en="Withdrawn", ja="取り消し"),
    "plant.stamps": Text(en="Its stamps", ja="この発電所の票"),
    "plant.stamps_sub": Text(en="The latest, used and unused.", ja="使用済みと未使用の新しいもの。"),
    "plant.face": Text(en="Latest stamp, {period}", ja="最新の票({period})"),
    "plant.when": Text(en="Period (JST)", ja="時間帯(日本時間)"),
}
