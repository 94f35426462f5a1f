"""Words of *my power*, of logging in, and of the signed-in visitor."""

from typing import Final

from wattmark.core.text import Text

ME: Final = {
    "me.title": Text(en="My power", ja="わたしの電気"),
    "me.tabs": Text(en="My pages", ja="わたしのページ"),
    "me.lead": Text(
        en="Which plants powered {name}, half hour by half hour.",
        ja="{name}の電気を、どの発電所がつくったか。30分ごとにわかります。",
    ),
    "me.no_day": Text(
        en="No statement yet; it comes after the day has been settled.",
        ja="明細はまだありません。1日の精算が済むと届きます。",
    ),
    "me.lead_plants": Text(en="What the plants of {name} made.", ja="{name}の発電所がつくった電気です。"),
    "me.own_plants": Text(en="My plants", ja="わたしの発電所"),
    "me.sentence": Text(
        en="{date}: {matched} of what you used was made in the same half hour.",
        ja="{date}: 使った電気の{matched}が、同じ30分につくられたものでした。",
    ),
    "me.ring_label": Text(
        en="A clock of the day: {use} used, {same} matched in the same half hour, {bank} from the bank, {rest} ordinary grid mix.",
        ja="1日の時計: 使用{use}、同じ30分の照合{same}、預け入れから{bank}、ふつうの系統電力{rest}。",
    ),
    "me.ring_below": Text(en="same half hour", ja="同じ30分に照合"),
    "me.who": Text(en="Who powered me", ja="だれがつくった電気か"),
    "me.plant": Text(en="Plant", ja="発電所"),
    "me.energy": Text(en="Energy", ja="電力量"),
    "me.share": Text(en="Share", ja="割合"),
    "me.matched_slot": Text(en="Matched per half hour", ja="30分単位の照合率"),
    "me.matched_hour": Text(en="Matched per hour", ja="1時間単位の照合率"),
    "me.matched_day": Text(en="Matched per day", ja="1日単位の照合率"),
    "me.finer": Text(
        en="The finer the clock, the lower the figure, and the more it says. Only the half hour counts here.",
        ja="時間を細かく区切るほど数字は下がり、意味は確かになります。ここで使うのは30分単位です。",
    ),
    "me.sheet": Text(en="The day's sheet", ja="1日のシート"),
    "me.sheet_sub": Text(en="48 half hours; a blank is ordinary grid mix.", ja="48コマ。空欄はふつうの系統電力です。"),
    "me.statement": Text(en="Statement", ja="明細"),
    "me.used": Text(en="Used", ja="使用量"),
    "me.same_slot": Text(en="Own tokens, same half hour", ja="同じ30分の自分のトークン"),
    "me.banked": Text(en="From the bank", ja="預け入れから"),
    "me.residual": Text(en="Bought at the spot price", ja="スポット価格で購入"),
    "me.amount": Text(en="To pay for it", ja="その支払い"),
    "me.ranges": Text(en="Every serial range of the day", ja="この日のすべての番号"),
    "me.serials": Text(en="Serials", ja="番号"),
    "me.claim": Text(en="How used", ja="使い方"),
    "me.proof": Text(en="Proof", ja="証明"),
    "me.certificate": Text(en="Certificate", ja="証明書"),
    "me.download_statement": Text(en="Download the statement (JSON)", ja="明細をダウンロード(JSON)"),
    "me.spot": Text(en="Spot price", ja="スポット価格"),
    "me.consumption": Text(en="Used", ja="使用"),
    "login.title": Text(en="Log in", ja="ログイン"),
    "login.lead": Text(
        en="With the API key you were given. It is not stored, only compared.",
        ja="お渡ししたAPIキーでログインします。キーは保存せず、照合だけに使います。",
    ),
    "login.key": Text(en="API key", ja="APIキー"),
    "login.key_hint": Text(en="begins with wm_", ja="wm_ で始まる文字列"),
    "login.refused": Text(en="This key is not known", ja="このキーは登録されていません"),
    "login.refused_words": Text(en="Check that it was copied whole.", ja="全体をコピーしたかご確認ください。"),
}
