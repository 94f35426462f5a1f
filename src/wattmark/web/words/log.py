"""Words of the log, of proofs, of the API page and of the about page."""

from typing import Final

from wattmark.core.text import Text

LOG: Final = {
    "log.title": Text(en="The log", ja="記録台帳"),
    "log.lead": Text(
        en="Everything that happens is written here once, in order, under a signature. Nobody can change a line "
        "without it showing.",
        ja="起きたことはすべて、順番どおり一度だけ、署名とともに書き込まれます。1行でも書き換えれば、必ず見つかります。",
    ),
    "log.refusing": Text(en="Nothing new is written at present", ja="現在、新しい記録は受け付けていません"),
    "log.checkpoint": Text(en="Latest checkpoint", ja="最新のチェックポイント"),
    "log.raw": Text(en="as file", ja="ファイルで見る"),
    "log.checkpoint_explain": Text(
        en="First line: the log's name. Then how many records it holds, the hash of all of them, and the signature.",
        ja="1行目が台帳の名前、続いて記録の数、全記録のハッシュ、署名です。",
    ),
    "log.key": Text(en="Key to check it with", ja="検証用の公開鍵"),
    "log.figures": Text(en="In figures", ja="数字で見る"),
    "log.size": Text(en="Records written", ja="書き込み済みの記録"),
    "log.published": Text(en="Under the checkpoint", ja="署名済みの記録"),
    "log.accounts": Text(en="Accounts", ja="口座"),
    "log.bundles": Text(en="Metered periods", ja="計測された時間帯"),
    "log.issued": Text(en="Watt-hours issued", ja="発行された電力量"),
    "log.retired": Text(en="Watt-hours used", ja="使われた電力量"),
    "log.check_explain": Text(
        en="A certificate from this log can be checked here, or on your own computer without us.",
        ja="台帳の証明書は、ここでも、お手元のコンピューターだけでも検証できます。",
    ),
    "witness.title": Text(en="Witnesses", ja="立会人"),
    "witness.sub": Text(
        en="They keep the log's last checkpoint, and cosign a newer one only if nothing before it was changed.",
        ja="台帳の最新チェックポイントを保管し、過去が書き換えられていないときだけ新しいものに連署します。",
    ),
    "witness.met": Text(
        en="Enough have cosigned: at least {needed} of {known} are needed, and have cosigned {size} records.",
        ja="連署は足りています(必要数{needed}/{known}者、対象{size}件)。",
    ),
    "witness.unmet": Text(
        en="Not enough have cosigned yet: at least {needed} of {known} are needed.",
        ja="連署がまだ足りません(必要数{needed}/{known}者)。",
    ),
    "witness.name": Text(en="Witness", ja="立会人"),
    "witness.size": Text(en="Records cosigned", ja="連署した記録数"),
    "witness.when": Text(en="When (JST)", ja="連署時刻"),
    "witness.reply": Text(en="Last answer", ja="最後の応答"),
    "energy.title": Text(en="Energy of the log", ja="台帳そのものの電力消費"),
    "energy.sub": Text(
        en="What it takes to write 1,000 records, measured on this server.",
        ja="1,000件を記録するのに使うエネルギーを、このサーバーで測った値です。",
    ),
    "energy.ours": Text(en="This log", ja="この台帳"),
    "energy.none": Text(
        en="No records yet since this server was started, so there is no figure.",
        ja="サーバー起動後の記録がまだ無いため、値はありません。",
    ),
    "energy.method": Text(
        en="An estimate, measured as follows: this server has used {cpu} s of CPU time since it was started, everything "
        "included, and committed {records} records; a busy core is taken to draw {watts} W.",
        ja="推定値です。起動後の全CPU時間{cpu}秒と、その間に記録した{records}件から、"
        "稼働中のコア1個を{watts}Wとみなして計算しています。",
    ),
    "energy.label": Text(
        en="Energy for 1,000 records on a scale where each line is a thousand times the one before: this log {ours}, "
        "beside published figures of other ledgers",
        ja="1,000件あたりのエネルギー(目盛りごとに1000倍)。この台帳は{ours}、他の台帳は公表値",
    ),
    "energy.scale": Text(
        en="Each line of the picture is a thousand times the one before.", ja="図の目盛りは1つごとに1000倍です。"
    ),
    "energy.others": Text(
        en="Published figures of other ledgers, for 1,000 transactions:", ja="他の台帳の公表値(1,000取引あたり):"
    ),
    "log.recent": Text(en="Latest public records", ja="最近の公開記録"),
    "log.recent_sub": Text(
        en="Records of people's accounts are not shown, only proven.",
        ja="個人の口座の記録は表示せず、証明だけができます。",
    ),
    "log.none": Text(en="No records yet.", ja="記録はまだありません。"),
    "log.entry": Text(en="Record", ja="記録"),
    "log.what": Text(en="What", ja="内容"),
    "log.about": Text(en="About", ja="対象"),
    "entry.title": Text(en="Record", ja="記録"),
    "entry.sentence": Text(en="{what}, written {when}.", ja="{what}({when}に記録)。"),
    "entry.private": Text(
        en="This record belongs to somebody's account; only its proof is public.",
        ja="個人の口座に関する記録のため、公開されるのは証明だけです。",
    ),
    "entry.private_what": Text(en="A private record", ja="非公開の記録"),
    "entry.outcome": Text(en="Outcome", ja="結果"),
    "entry.proof": Text(en="Proof that it is in the log", ja="台帳に含まれることの証明"),
    "entry.proof_explain": Text(
        en="These hashes lead from the record to the signed checkpoint (C2SP tlog-proof).",
        ja="記録から署名済みチェックポイントまでをつなぐハッシュです(C2SP tlog-proof)。",
    ),
    "entry.download": Text(en="Download the proof", ja="証明をダウンロード"),
    "entry.not_yet": Text(en="The next checkpoint will cover this record.", ja="次のチェックポイントに含まれます。"),
    "verify.title": Text(en="Check a proof", ja="証明を確かめる"),
    "verify.lead": Text(
        en="Paste a certificate and see every step of its check. Nothing but the key is trusted.",
        ja="証明書を貼り付けると、検証の手順を一つずつ示します。信じるのは公開鍵だけです。",
    ),
    "verify.proof": Text(en="Certificate (JSON) or tlog-proof", ja="証明書(JSON)または tlog-proof"),
    "verify.proof_hint": Text(en="The whole file.", ja="ファイル全体を貼り付けてください。"),
    "verify.key": Text(en="Log key", ja="台帳の公開鍵"),
    "verify.key_hint": Text(
        en="Better from elsewhere than from us.", ja="できれば、当サイト以外から入手した鍵をお使いください。"
    ),
    "verify.check": Text(en="Check", ja="検証する"),
    "verify.steps": Text(en="What was checked", ja="検証の手順"),
    "verify.ok": Text(en="holds", ja="正しい"),
    "verify.no": Text(en="does not hold", ja="正しくない"),
    "verify.skipped": Text(en="not reached", ja="未実施"),
    "verify.good": Text(en="The proof holds", ja="証明は正しいものです"),
    "verify.bad": Text(en="The proof does not hold", ja="証明は正しくありません"),
    "verify.proven": Text(
        en="{quantity} made by {plant} in {produced} were used up, and cannot be used again (record #{position}).",
        ja="{plant}が{produced}につくった{quantity}は使い切られ、二度と使えません(記録#{position})。",
    ),
    "verify.some_plant": Text(en="plant {device}", ja="発電所{device}"),
    "verify.evidence": Text(en="It leads back to: {evidence}.", ja="たどり着く証拠: {evidence}。"),
    "verify.proven_record": Text(
        en="Record #{position} is among the {size} records under the checkpoint.",
        ja="記録#{position}は、チェックポイントが署名する{size}件に含まれます。",
    ),
    "verify.offline": Text(
        en="The same without us, on your own computer:", ja="お手元のコンピューターでも同じ検証ができます:"
    ),
    "docs.title": Text(en="The API", ja="API"),
    "docs.lead": Text(
        en="Everything these pages do, as JSON over HTTP.", ja="このサイトでできることは、すべてJSONで利用できます。"
    ),
    "docs.auth": Text(
        en="Send your key in the Authorization header. Every command carries an id you choose: sending it again changes nothing.",
        ja="キーはAuthorizationヘッダーで送ります。コマンドには自分で決めたidを付けるため、送り直しても二重になりません。",
    ),
    "docs.contents": Text(en="Contents", ja="目次"),
    "docs.fields": Text(en="Fields", ja="項目"),
    "docs.field": Text(en="Field", ja="項目"),
    "docs.where": Text(en="In", ja="場所"),
    "docs.type": Text(en="Type", ja="型"),
    "docs.meaning": Text(en="Meaning", ja="意味"),
    "about.title": Text(en="About Wattmark", ja="Wattmarkについて"),
    "about.lead": Text(
        en="A registry, a market, a settlement and a proof machine for metered watt-hours, in one.",
        ja="計測された電力量の登録簿、市場、精算、証明をひとつにしたものです。",
    ),
    "about.how": Text(en="How it works", ja="しくみ"),
    "about.step1": Text(en="Measured", ja="測る"),
    "about.step1_words": Text(
        en="A meter counts and signs. Its register only ever goes up, and every Wh of it can become a token once.",
        ja="メーターが数えて署名します。指示値は増える一方で、その1Whごとに一度だけトークンになります。",
    ),
    "about.step2": Text(en="Numbered", ja="番号が付く"),
    "about.step2_words": Text(
        en="All watt-hours of one plant and one half hour form a bundle, numbered from 0.",
        ja="ひとつの発電所の30分ごとの電力量を束にして、0から番号を付けます。",
    ),
    "about.step3": Text(en="Traded", ja="売買する"),
    "about.step3_words": Text(
        en="Each half hour, source and area has its market, continuous or by auction.",
        ja="30分、電源、エリアごとに市場があり、ザラ場または板寄せで取引します。",
    ),
    "about.step4": Text(en="Kept", ja="預ける"),
    "about.step4_words": Text(
        en="A token can be put into the bank: energy for later, without origin, and always covered.",
        ja="トークンは預け入れできます。あとで使う電力量になり(由来は付きません)、必ず裏付けを持ちます。",
    ),
    "about.step5": Text(en="Matched and retired", ja="照合して償却する"),
    "about.step5_words": Text(
        en="Use is matched half hour by half hour; the serials used are retired and can never be used again.",
        ja="使った電気と30分ごとに照合し、使った番号を償却します。二度と使えません。",
    ),
    "about.step6": Text(en="Proven", ja="証明する"),
    "about.step6_words": Text(
        en="Each record has a proof that leads to a signed checkpoint; anybody can check it offline.",
        ja="どの記録にも署名済みチェックポイントへの証明があり、だれでもオフラインで検証できます。",
    ),
    "about.laws": Text(en="Nine laws", ja="九つの決まり"),
    "about.law1": Text(
        en="Nothing is lost: issued = held + reserved + used + expired + withdrawn.",
        ja="失われない: 発行 = 保有 + 予約 + 使用 + 期限切れ + 取り消し。",
    ),
    "about.law2": Text(en="One watt-hour once: serial ranges never overlap.", ja="1Whは一度だけ: 番号は重なりません。"),
    "about.law3": Text(en="Money adds up, exactly.", ja="お金の合計は正確に一致します。"),
    "about.law4": Text(
        en="Never more tokens than the meter counted.", ja="メーターが数えた以上のトークンはありません。"
    ),
    "about.law5": Text(en="Acknowledged means on disk.", ja="受け付けたものは必ず保存されています。"),
    "about.law6": Text(
        en="The same journal gives the same state, on any machine.",
        ja="同じ記録からは、どの機械でも同じ状態になります。",
    ),
    "about.law7": Text(en="Every record has a proof.", ja="すべての記録に証明があります。"),
    "about.law8": Text(
        en="No personal datum can be read from a public leaf.", ja="公開された記録から個人の情報は読み取れません。"
    ),
    "about.law9": Text(
        en="What is banked is covered, and the cover is shown.", ja="預け入れには裏付けがあり、それを公開します。"
    ),
    "about.stamps": Text(en="Stamps", ja="でんき票"),
    "about.stamps_words": Text(
        en="A lot can be seen as a stamp, drawn from metered facts: its hour sets the sun, its energy the density. "
        "Used watt-hours carry a postmark. The face value is in Wh, never in money.",
        ja="ロットは、計測値から描かれる票として見られます。時刻は太陽の高さに、電力量は模様の密度になります。使った電気には消印が押されます。"
        "額面はWhで、金額ではありません。",
    ),
    "about.privacy": Text(
        en="No page loads anything from another host, and nobody's use is shown to anybody else.",
        ja="他のサイトからは何も読み込みません。だれの使用量も、本人以外には表示しません。",
    ),
}

RECORDS: Final = {
    "record.meter": Text(en="a meter", ja="メーター"),
    "record.rows": Text(en="{rows} rows, {energy}", ja="{rows}行、{energy}"),
    "record.1": Text(en="Account opened", ja="口座の開設"),
    "record.2": Text(en="Key registered", ja="キーの登録"),
    "record.3": Text(en="Key revoked", ja="キーの失効"),
    "record.4": Text(en="Device registered", ja="機器の登録"),
    "record.5": Text(en="Meter key registered", ja="メーター鍵の登録"),
    "record.6": Text(en="Market listed", ja="市場の開設"),
    "record.7": Text(en="Tokens issued", ja="トークンの発行"),
    "record.8": Text(en="Tokens withdrawn", ja="トークンの取り消し"),
    "record.9": Text(en="Tokens handed over", ja="トークンの移転"),
    "record.10": Text(en="Lot split", ja="ロットの分割"),
    "record.11": Text(en="Lot reserved", ja="ロットの予約"),
    "record.12": Text(en="Reservation released", ja="予約の解除"),
    "record.13": Text(en="Tokens retired", ja="トークンの償却"),
    "record.14": Text(en="Tokens expired", ja="トークンの期限切れ"),
    "record.15": Text(en="Tokens banked", ja="トークンの預け入れ"),
    "record.16": Text(en="Bank's cover set", ja="裏付けの更新"),
    "record.17": Text(en="Money paid in", ja="入金"),
    "record.18": Text(en="Money paid out", ja="出金"),
    "record.19": Text(en="Payment", ja="支払い"),
    "record.20": Text(en="Order placed", ja="注文"),
    "record.21": Text(en="Order cancelled", ja="注文の取り消し"),
    "record.22": Text(en="Auction cleared", ja="板寄せの約定"),
    "record.23": Text(en="Root of bulk data", ja="一括データのルート"),
    "record.24": Text(en="Hash of the whole state", ja="全状態のハッシュ"),
    "record.25": Text(en="Market closed", ja="市場の終了"),
    "record.26": Text(en="Order amended", ja="注文の変更"),
    "record.27": Text(en="Orders cancelled", ja="注文の一括取消し"),
    "record.28": Text(en="Price and position limits set", ja="値幅・建玉の制限"),
    "record.29": Text(en="Trading halted or resumed", ja="取引の停止・再開"),
    "record.30": Text(en="Answer about free capacity", ja="空容量の回答"),
    "record.31": Text(en="Route opened", ja="連系ルートの再開"),
    "record.32": Text(en="Block bid opened", ja="ブロック入札の開始"),
    "record.33": Text(en="Slot of a block bid", ja="ブロック入札のコマ"),
    "record.34": Text(en="Block bid cancelled", ja="ブロック入札の取消し"),
    "record.35": Text(en="Auction priced", ja="板寄せの価格決定"),
    "record.36": Text(en="Block bid decided", ja="ブロック入札の採否"),
    "record.37": Text(en="Coupled auctions cleared", ja="連系した板寄せの約定"),
}
