"""The plants of the demo community and their stories; people and places are invented."""

from dataclasses import dataclass
from typing import Final

from wattmark.core.codes import Source
from wattmark.core.text import Text


@dataclass(frozen=True, slots=True)
class Plant:
    """A plant people can choose power from.

    Attributes:
        name: what it is called.
        owner: who it belongs to.
        story: why somebody would care.
        place: town, for the plant's page.
        kind: technology in words.
        source: what it turns into electricity.
        capacity_w: nameplate for a community of 24 homes [W].
    """

    name: Text
    owner: Text
    story: Text
    place: Text
    kind: Text
    source: Source
    capacity_w: int


PLANTS: Final = (
    Plant(
        name=Text(en="Studio Roof of Aoi Kirishima", ja="霧島葵アトリエの屋根"),
        owner=Text(en="Aoi Kirishima, painter", ja="霧島葵(画家)"),
        story=Text(
            en="Aoi paints the light of one hour on each canvas. Her panels count the same light: every stamp"
            " from this roof names the half hour in which it fell.",
            ja="葵さんは、ひと時の光を一枚の絵に描きます。屋根のパネルが数えるのも同じ光。"
            "この屋根のでんき票には、その光が降った三十分が記されています。",
        ),
        place=Text(en="Hayama district", ja="葉山地区"),
        kind=Text(en="solar panels on a studio", ja="アトリエの太陽光パネル"),
        source=Source.SOLAR,
        capacity_w=5_000,
    ),
    Plant(
        name=Text(en="Mizuho Shrine Stream", ja="瑞穂神社の小川"),
        owner=Text(en="Mizuho Shrine parish", ja="瑞穂神社氏子会"),
        story=Text(
            en="A cross-flow wheel in the old purification stream. It lights the lanterns on festival night and"
            " gives the rest away to the village.",
            ja="昔からの禊の流れに据えたクロスフロー水車。祭りの夜は提灯をともし、残りは村へ分けます。",
        ),
        place=Text(en="Okutani valley", ja="奥谷"),
        kind=Text(en="micro-hydro, cross-flow", ja="クロスフロー式マイクロ水力"),
        source=Source.HYDRO,
        capacity_w=3_800,
    ),
    Plant(
        name=Text(en="Shiomi Port Wind", ja="潮見漁港の風車"),
        owner=Text(en="Shiomi fishing cooperative", ja="潮見漁業協同組合"),
        story=Text(
            en="When the boats stay in because of the wind, the turbine earns for them: the cooperative shares"
            " its income among the crews that could not sail.",
            ja="風で船を出せない日は、風車が代わりに稼ぎます。組合はその収入を、休んだ船の乗組員で分け合います。",
        ),
        place=Text(en="Shiomi Port", ja="潮見港"),
        kind=Text(en="single small wind turbine", ja="小形風車一基"),
        source=Source.WIND,
        capacity_w=12_000,
    ),
    Plant(
        name=Text(en="Minato Elementary School Roof", ja="みなと小学校の屋根"),
        owner=Text(en="Minato town board of education", ja="みなと町教育委員会"),
        story=Text(
            en="The fifth graders read the meter each morning and write the number on the blackboard. Weekends and"
            " holidays go to the neighbours.",
            ja="五年生が毎朝メーターを読み、黒板に書きます。週末と休みの日の電気は、ご近所へ届きます。",
        ),
        place=Text(en="Minato town", ja="みなと町"),
        kind=Text(en="solar panels on a school", ja="学校の太陽光パネル"),
        source=Source.SOLAR,
        capacity_w=9_000,
    ),
    Plant(
        name=Text(en="Sorachi Hill Dairy Biogas", ja="空知丘牧場バイオガス"),
        owner=Text(en="Sorachi Hill Dairy", ja="空知丘牧場"),
        story=Text(
            en="Eighty cows, one digester, one engine. It runs through the windless nights, and the warm water it"
            " leaves over heats the calf barn.",
            ja="牛八十頭、発酵槽一つ、エンジン一台。風のない夜も回り続け、余った温水は子牛の牛舎を温めます。",
        ),
        place=Text(en="Sorachi Hill", ja="空知丘"),
        kind=Text(en="biogas engine on a farm", ja="牧場のバイオガスエンジン"),
        source=Source.BIOMASS,
        capacity_w=2_800,
    ),
    Plant(
        name=Text(en="Yunohana Hot Spring Binary", ja="湯ノ花温泉バイナリー"),
        owner=Text(en="Yunohana innkeepers' association", ja="湯ノ花温泉旅館組合"),
        story=Text(
            en="The spring is too hot to bathe in. The innkeepers cool it with a small binary machine and sell what"
            " others let steam away.",
            ja="源泉は熱すぎて、そのままでは入れません。組合は小さなバイナリー発電機で湯を冷まし、"
            "湯気になるはずの熱を電気にしています。",
        ),
        place=Text(en="Yunohana", ja="湯ノ花"),
        kind=Text(en="geothermal, binary cycle", ja="地熱バイナリー"),
        source=Source.GEOTHERMAL,
        capacity_w=1_500,
    ),
    Plant(
        name=Text(en="Kikunami Sake Brewery Roof", ja="菊波酒造の屋根"),
        owner=Text(en="Kikunami Brewery", ja="菊波酒造"),
        story=Text(
            en="The brewery cools in winter, when the sun is low, and sells in summer, when the tanks are empty.",
            ja="冬は低い日差しで仕込みを冷やし、タンクの空く夏は電気を分けます。",
        ),
        place=Text(en="Kikunami quarter", ja="菊波町"),
        kind=Text(en="solar panels on a brewery", ja="酒蔵の太陽光パネル"),
        source=Source.SOLAR,
        capacity_w=18_000,
    ),
    Plant(
        name=Text(en="Terraced Fields Canal", ja="棚田用水"),
        owner=Text(en="Kamida land improvement district", ja="上田土地改良区"),
        story=Text(
            en="Two drops of the irrigation canal, three metres each. Nobody noticed the power in them for two"
            " hundred years.",
            ja="用水路の三メートルの落差が二つ。二百年のあいだ、そこに電気があるとは誰も気づきませんでした。",
        ),
        place=Text(en="Kamida terraces", ja="上田の棚田"),
        kind=Text(en="micro-hydro in a canal", ja="用水路のマイクロ水力"),
        source=Source.HYDRO,
        capacity_w=3_000,
    ),
    Plant(
        name=Text(en="Ridge Line Citizens' Turbine", ja="尾根市民風車"),
        owner=Text(en="Ridge Line citizens' fund", ja="尾根市民ファンド"),
        story=Text(
            en="Four hundred and twelve people bought one share each. Their names are painted inside the tower.",
            ja="四百十二人が一口ずつ出し合いました。その名前は塔の内側に書かれています。",
        ),
        place=Text(en="Ridge Line", ja="尾根"),
        kind=Text(en="citizens' wind turbine", ja="市民風車"),
        source=Source.WIND,
        capacity_w=20_000,
    ),
    Plant(
        name=Text(en="Community Woodchip Boiler", ja="里山チップ発電所"),
        owner=Text(en="Satoyama forest workers", ja="里山林業組合"),
        story=Text(
            en="Thinnings from the hill behind the town, dried on the warm side of the engine.",
            ja="裏山の間伐材を、エンジンの熱で乾かして使います。",
        ),
        place=Text(en="Satoyama", ja="里山"),
        kind=Text(en="woodchip gas engine", ja="木質チップガス化エンジン"),
        source=Source.BIOMASS,
        capacity_w=4_000,
    ),
    Plant(
        name=Text(en="Bus Depot Canopy", ja="バス車庫の屋根"),
        owner=Text(en="Minato town transport office", ja="みなと町交通局"),
        story=Text(
            en="The canopy keeps the snow off six buses and pays for their night light.",
            ja="六台のバスを雪から守り、夜の灯りをまかないます。",
        ),
        place=Text(en="Minato town", ja="みなと町"),
        kind=Text(en="solar canopy", ja="ソーラーカーポート"),
        source=Source.SOLAR,
        capacity_w=16_000,
    ),
    Plant(
        name=Text(en="Lighthouse Point Wind", ja="灯台岬の風車"),
        owner=Text(en="Friends of the lighthouse", ja="灯台を守る会"),
        story=Text(
            en="The lighthouse lost its keeper in 1998 and found a neighbour in the same wind.",
            ja="一九九八年に灯台守がいなくなった岬に、同じ風を受ける仲間ができました。",
        ),
        place=Text(en="Lighthouse Point", ja="灯台岬"),
        kind=Text(en="single small wind turbine", ja="小形風車一基"),
        source=Source.WIND,
        capacity_w=10_000,
    ),
)
