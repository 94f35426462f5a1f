"""Outcomes: one name per command, the field at fault and the rule, in the order of precedence.

A command is checked in this order: its id, its form, its actor, what it names, its own numbers, the
life cycle and dates of what it names, and last what it needs (cash, cover). Of all rules a command breaks
the one with the lowest number is its outcome; the table tests hold the order for every kind.
"""

from dataclasses import dataclass
from enum import IntEnum
from typing import Final

from wattmark.core.errors import NotAuthorised, Refused, RuleViolated, UnknownReference
from wattmark.core.ids import words_id
from wattmark.core.text import Text
from wattmark.engine import layout
from wattmark.engine.commands import Words, actor_of, fields, id_of, kind_of


class Outcome(IntEnum):
    """What became of a command; 0 is success."""

    OK = layout.OK
    ID_IS_ZERO = layout.ID_IS_ZERO
    ID_REUSED = layout.ID_REUSED
    UNKNOWN_KIND = layout.UNKNOWN_KIND
    WORD_NOT_ZERO = layout.WORD_NOT_ZERO
    UNKNOWN_ACTOR = layout.UNKNOWN_ACTOR
    NOT_AUTHORISED = layout.NOT_AUTHORISED
    UNKNOWN_ACCOUNT = layout.UNKNOWN_ACCOUNT
    UNKNOWN_DEVICE = layout.UNKNOWN_DEVICE
    UNKNOWN_LOT = layout.UNKNOWN_LOT
    UNKNOWN_PRODUCT = layout.UNKNOWN_PRODUCT
    UNKNOWN_ORDER = layout.UNKNOWN_ORDER
    UNKNOWN_KEY = layout.UNKNOWN_KEY
    UNKNOWN_BLOCK = layout.UNKNOWN_BLOCK
    ROLES_INVALID = layout.ROLES_INVALID
    AREA_INVALID = layout.AREA_INVALID
    SOURCE_INVALID = layout.SOURCE_INVALID
    CHANNEL_INVALID = layout.CHANNEL_INVALID
    TIER_INVALID = layout.TIER_INVALID
    ALGORITHM_INVALID = layout.ALGORITHM_INVALID
    SIDE_INVALID = layout.SIDE_INVALID
    TIF_INVALID = layout.TIF_INVALID
    SELF_TRADE_INVALID = layout.SELF_TRADE_INVALID
    MODE_INVALID = layout.MODE_INVALID
    TRADING_STATE_INVALID = layout.TRADING_STATE_INVALID
    SCOPE_INVALID = layout.SCOPE_INVALID
    CLAIM_INVALID = layout.CLAIM_INVALID
    BULK_KIND_INVALID = layout.BULK_KIND_INVALID
    BLOCK_KIND_INVALID = layout.BLOCK_KIND_INVALID
    DECISION_INVALID = layout.DECISION_INVALID
    TIME_INVALID = layout.TIME_INVALID
    PERIOD_INVALID = layout.PERIOD_INVALID
    GATE_INVALID = layout.GATE_INVALID
    CAPACITY_INVALID = layout.CAPACITY_INVALID
    REGISTER_INVALID = layout.REGISTER_INVALID
    ROWS_INVALID = layout.ROWS_INVALID
    SLOTS_INVALID = layout.SLOTS_INVALID
    RULE_INVALID = layout.RULE_INVALID
    AMOUNT_NOT_POSITIVE = layout.AMOUNT_NOT_POSITIVE
    AMOUNT_TOO_LARGE = layout.AMOUNT_TOO_LARGE
    QUANTITY_NOT_POSITIVE = layout.QUANTITY_NOT_POSITIVE
    QUANTITY_TOO_LARGE = layout.QUANTITY_TOO_LARGE
    PRICE_OUT_OF_RANGE = layout.PRICE_OUT_OF_RANGE
    MIN_QUANTITY_INVALID = layout.MIN_QUANTITY_INVALID
    DISPLAY_INVALID = layout.DISPLAY_INVALID
    TERMS_MISMATCH = layout.TERMS_MISMATCH
    RANGE_EMPTY = layout.RANGE_EMPTY
    NOT_OWNER = layout.NOT_OWNER
    LOT_NOT_HELD = layout.LOT_NOT_HELD
    LOT_NOT_RESERVED = layout.LOT_NOT_RESERVED
    RANGE_NOT_IN_LOT = layout.RANGE_NOT_IN_LOT
    LOT_IN_ORDER = layout.LOT_IN_ORDER
    LOT_EXPIRED = layout.LOT_EXPIRED
    LOT_NOT_EXPIRED = layout.LOT_NOT_EXPIRED
    NOT_WITH_PRODUCER = layout.NOT_WITH_PRODUCER
    NOT_PRODUCTION = layout.NOT_PRODUCTION
    DURATION_MISMATCH = layout.DURATION_MISMATCH
    PERIOD_NOT_OVER = layout.PERIOD_NOT_OVER
    PERIOD_OVERLAP = layout.PERIOD_OVERLAP
    REGISTER_OVERLAP = layout.REGISTER_OVERLAP
    REGISTER_GAP = layout.REGISTER_GAP
    NOTHING_MEASURED = layout.NOTHING_MEASURED
    ABOVE_CAPACITY = layout.ABOVE_CAPACITY
    EXPIRY_INVALID = layout.EXPIRY_INVALID
    KIND_MISMATCH = layout.KIND_MISMATCH
    PERIOD_MISMATCH = layout.PERIOD_MISMATCH
    BANK_WINDOW_CLOSED = layout.BANK_WINDOW_CLOSED
    COVER_SHORT = layout.COVER_SHORT
    REDEEM_TOO_EARLY = layout.REDEEM_TOO_EARLY
    REDEEM_TOO_LATE = layout.REDEEM_TOO_LATE
    PRODUCT_CLOSED = layout.PRODUCT_CLOSED
    PRODUCT_NOT_OPEN = layout.PRODUCT_NOT_OPEN
    PRODUCT_MISMATCH = layout.PRODUCT_MISMATCH
    WRONG_MODE = layout.WRONG_MODE
    PRODUCT_HALTED = layout.PRODUCT_HALTED
    PRODUCT_NOT_HALTED = layout.PRODUCT_NOT_HALTED
    NOTHING_ASKED = layout.NOTHING_ASKED
    GATE_NOT_CLOSED = layout.GATE_NOT_CLOSED
    ORDER_NOT_OPEN = layout.ORDER_NOT_OPEN
    ORDER_IS_CANDIDATE = layout.ORDER_IS_CANDIDATE
    AUCTION_LOCKED = layout.AUCTION_LOCKED
    CLEARS_TOGETHER = layout.CLEARS_TOGETHER
    BLOCK_NOT_OPEN = layout.BLOCK_NOT_OPEN
    PARTNER_INVALID = layout.PARTNER_INVALID
    BLOCK_COMPLETE = layout.BLOCK_COMPLETE
    SLOT_NOT_NEXT = layout.SLOT_NOT_NEXT
    BLOCK_INCOMPLETE = layout.BLOCK_INCOMPLETE
    PRODUCT_NOT_PRICED = layout.PRODUCT_NOT_PRICED
    NOT_IN_THE_MONEY = layout.NOT_IN_THE_MONEY
    SLOTS_OPEN = layout.SLOTS_OPEN
    CLEARING_INVALID = layout.CLEARING_INVALID
    PRICE_OUTSIDE_COLLAR = layout.PRICE_OUTSIDE_COLLAR
    POSITION_LIMIT = layout.POSITION_LIMIT
    BELOW_FILLED = layout.BELOW_FILLED
    ABOVE_RESERVED = layout.ABOVE_RESERVED
    WOULD_TRADE = layout.WOULD_TRADE
    NOT_FILLABLE = layout.NOT_FILLABLE
    INSUFFICIENT_CASH = layout.INSUFFICIENT_CASH
    SAME_ACCOUNT = layout.SAME_ACCOUNT
    KEY_NOT_ACTIVE = layout.KEY_NOT_ACTIVE


@dataclass(frozen=True, slots=True)
class Rule:
    """Why a command is refused.

    Attributes:
        field: the field at fault, as in ``FIELDS``.
        text: the rule, in both languages.
        source: law or requirement id, or empty.
    """

    field: str
    text: Text
    source: str


RULES: Final[dict[Outcome, Rule]] = {
    Outcome.OK: Rule("", Text(en="done", ja="完了"), ""),
    Outcome.ID_IS_ZERO: Rule(
        "id", Text(en="a non-zero 128-bit id made by the client", ja="クライアントが作る0でない128ビットのID"), ""
    ),
    Outcome.ID_REUSED: Rule(
        "id",
        Text(
            en="an id names one command; the same id with another body is refused",
            ja="IDは一つのコマンドだけを表す。内容の異なる再使用は不可",
        ),
        "",
    ),
    Outcome.UNKNOWN_KIND: Rule("kind", Text(en="one of the documented kinds", ja="定義された種別のいずれか"), ""),
    Outcome.WORD_NOT_ZERO: Rule(
        "words", Text(en="words and flags a kind does not use are zero", ja="種別が使わない語とフラグは0"), ""
    ),
    Outcome.UNKNOWN_ACTOR: Rule("actor", Text(en="an open account", ja="開設済みの口座"), ""),
    Outcome.NOT_AUTHORISED: Rule(
        "actor",
        Text(en="only an account with the role for this kind of command", ja="この種別を行う役割を持つ口座のみ"),
        "",
    ),
    Outcome.UNKNOWN_ACCOUNT: Rule(
        "account", Text(en="an open account that may take part", ja="取引できる開設済みの口座"), ""
    ),
    Outcome.UNKNOWN_DEVICE: Rule("device", Text(en="a registered device", ja="登録済みの設備"), ""),
    Outcome.UNKNOWN_LOT: Rule("lot", Text(en="an existing lot", ja="存在する保有ロット"), ""),
    Outcome.UNKNOWN_PRODUCT: Rule("product", Text(en="a listed product", ja="上場された商品"), ""),
    Outcome.UNKNOWN_ORDER: Rule(
        "target_id", Text(en="the id of a command that placed an order", ja="注文を出したコマンドのID"), ""
    ),
    Outcome.UNKNOWN_KEY: Rule("key", Text(en="a registered API key", ja="登録済みのAPIキー"), ""),
    Outcome.UNKNOWN_BLOCK: Rule("block", Text(en="a known block", ja="登録済みのブロック"), ""),
    Outcome.ROLES_INVALID: Rule(
        "roles",
        Text(
            en="a non-empty set of roles, for a key among its account's",
            ja="空でない役割の組。キーは口座の役割の範囲内",
        ),
        "",
    ),
    Outcome.AREA_INVALID: Rule("area", Text(en="an area 1 to 9", ja="エリア1から9"), "J8"),
    Outcome.SOURCE_INVALID: Rule(
        "source", Text(en="1 to 7 for production, 0 for consumption", ja="発電は1から7、消費は0"), ""
    ),
    Outcome.CHANNEL_INVALID: Rule(
        "channel_role", Text(en="1 production or 2 consumption", ja="1(発電)または2(消費)"), ""
    ),
    Outcome.TIER_INVALID: Rule("tier", Text(en="an evidence tier 0 to 4", ja="証拠等級0から4"), ""),
    Outcome.ALGORITHM_INVALID: Rule(
        "alg", Text(en="-7 (ES256) or -8 (EdDSA)", ja="-7(ES256)または-8(EdDSA)"), "RFC 9053"
    ),
    Outcome.SIDE_INVALID: Rule("side", Text(en="1 buy or 2 sell", ja="1(買い)または2(売り)"), ""),
    Outcome.TIF_INVALID: Rule(
        "tif",
        Text(
            en="0 rest, 1 immediate or cancel, 2 fill or kill, 3 post only",
            ja="0(待機)、1(即時)、2(全量即時)、3(待機のみ)",
        ),
        "",
    ),
    Outcome.SELF_TRADE_INVALID: Rule(
        "self_trade",
        Text(
            en="0 cancel the newer, 1 the older, 2 both, 3 reduce both",
            ja="0(新しい方を取消し)、1(古い方)、2(両方)、3(両方を減量)",
        ),
        "",
    ),
    Outcome.MODE_INVALID: Rule("mode", Text(en="1 continuous or 2 call auction", ja="1(ザラ場)または2(板寄せ)"), ""),
    Outcome.TRADING_STATE_INVALID: Rule("trading_state", Text(en="1 resume or 3 halt", ja="1(再開)または3(停止)"), ""),
    Outcome.SCOPE_INVALID: Rule(
        "scope",
        Text(
            en="0 one period, 1 banked of a year, 2 certificates of a year",
            ja="0(1期間)、1(年内の預け入れ)、2(年内の証書)",
        ),
        "",
    ),
    Outcome.CLAIM_INVALID: Rule(
        "claim", Text(en="1 same slot, 2 banked or 3 certificate", ja="1(同時)、2(預け入れ)、3(証書)"), "K1"
    ),
    Outcome.BULK_KIND_INVALID: Rule("bulk_kind", Text(en="a documented bulk kind", ja="定義された一括種別"), ""),
    Outcome.BLOCK_KIND_INVALID: Rule(
        "block_kind",
        Text(en="1 STANDARD, 2 LINK-P, 3 LINK-C, 4 LOOP-A or 5 LOOP-B", ja="1(STANDARD)から5(LOOP-B)のブロック種別"),
        "J8",
    ),
    Outcome.DECISION_INVALID: Rule("accept", Text(en="1 accept or 0 reject", ja="1(承認)または0(不承認)"), ""),
    Outcome.TIME_INVALID: Rule(
        "time",
        Text(
            en="a time from 1970 on that the platform can hold, after now where it is a time-out, at the gate at the latest "
            "where it ends a bid of an auction",
            ja="扱える範囲の時刻。期限は現在より後、板寄せの入札の期限は閉場まで",
        ),
        "",
    ),
    Outcome.PERIOD_INVALID: Rule("duration_s", Text(en="a settlement period on its grid", ja="格子に合うコマ"), ""),
    Outcome.GATE_INVALID: Rule(
        "gate_close_ms", Text(en="a gate that opens before it closes", ja="開場は閉場より前"), ""
    ),
    Outcome.CAPACITY_INVALID: Rule(
        "capacity_w", Text(en="a positive capacity up to 2^36 W", ja="2^36 W以下の正の容量"), ""
    ),
    Outcome.REGISTER_INVALID: Rule(
        "register", Text(en="registers from 0 to 2^40 Wh that do not fall", ja="0から2^40 Whまでの減らない指示値"), "V3"
    ),
    Outcome.ROWS_INVALID: Rule("rows", Text(en="a number of rows from 0 on", ja="0以上の行数"), ""),
    Outcome.SLOTS_INVALID: Rule("slots", Text(en="4 to 48 consecutive periods", ja="連続した4から48のコマ"), "J21"),
    Outcome.RULE_INVALID: Rule(
        "rule", Text(en="a redemption rule fixed at the deposit", ja="預け入れ時に定めた引出し規則"), "K3"
    ),
    Outcome.AMOUNT_NOT_POSITIVE: Rule("amount_e5jpy", Text(en="a positive amount", ja="正の金額"), ""),
    Outcome.AMOUNT_TOO_LARGE: Rule(
        "amount_e5jpy",
        Text(
            en="at most 2^60 units of 10^-5 JPY, in all deposits or credit limits too",
            ja="10^-5円単位で入金・与信の合計も2^60以下",
        ),
        "L3",
    ),
    Outcome.QUANTITY_NOT_POSITIVE: Rule("quantity_wh", Text(en="a positive quantity", ja="正の電力量"), ""),
    Outcome.QUANTITY_TOO_LARGE: Rule("quantity_wh", Text(en="at most 2^40 Wh", ja="2^40 Wh以下"), ""),
    Outcome.PRICE_OUT_OF_RANGE: Rule(
        "price_sen_per_kwh",
        Text(
            en="0.01 to 999.00 JPY/kWh; 0 only for a market order",
            ja="0.01円から999.00円/kWh。0は成行注文のみ",
        ),
        "J7",
    ),
    Outcome.MIN_QUANTITY_INVALID: Rule("min_quantity_wh", Text(en="from 0 to the quantity", ja="0から注文量まで"), ""),
    Outcome.DISPLAY_INVALID: Rule(
        "display_wh",
        Text(en="0, or from a twentieth of the quantity to all of it", ja="0、または注文量の20分の1以上で注文量以下"),
        "",
    ),
    Outcome.TERMS_MISMATCH: Rule(
        "tif",
        Text(
            en="an expiry and a shown quantity only for orders that rest; a minimum quantity not for post-only; reducing "
            "both sides not for orders that must be known to trade",
            ja="期限と表示量は待機する注文のみ。最低数量は待機のみの注文には不可。両方の減量は成行・全量即時・最低数量の注文には不可",
        ),
        "",
    ),
    Outcome.RANGE_EMPTY: Rule(
        "end", Text(en="a range [start, end) with start below end", ja="開始が終了より小さい範囲"), ""
    ),
    Outcome.NOT_OWNER: Rule("actor", Text(en="only the owner may do this", ja="所有者のみ可能"), "L2"),
    Outcome.LOT_NOT_HELD: Rule(
        "lot",
        Text(
            en="a lot that is held: not reserved, retired, expired or withdrawn",
            ja="保有中のロット(予約・償却・失効・取消し済みでない)",
        ),
        "L2",
    ),
    Outcome.LOT_NOT_RESERVED: Rule("lot", Text(en="a reserved lot", ja="予約中のロット"), ""),
    Outcome.RANGE_NOT_IN_LOT: Rule(
        "start", Text(en="serials that lie inside the lot", ja="ロットに含まれる通し番号"), "L2"
    ),
    Outcome.LOT_IN_ORDER: Rule(
        "lot",
        Text(en="a lot in an order is released by cancelling the order", ja="注文中のロットは注文の取消しで解放"),
        "",
    ),
    Outcome.LOT_EXPIRED: Rule("lot", Text(en="a lot before its expiry date", ja="期限内のロット"), ""),
    Outcome.LOT_NOT_EXPIRED: Rule("lot", Text(en="a lot past its expiry date", ja="期限を過ぎたロット"), ""),
    Outcome.NOT_WITH_PRODUCER: Rule(
        "lot",
        Text(
            en="only tokens still with their producer can be withdrawn", ja="発電者の手元にあるトークンのみ取消し可能"
        ),
        "",
    ),
    Outcome.NOT_PRODUCTION: Rule(
        "device", Text(en="only a production channel mints", ja="発電チャネルのみ発行可能"), "L4"
    ),
    Outcome.DURATION_MISMATCH: Rule(
        "duration_s", Text(en="the device's own period length", ja="設備の計量期間の長さ"), "S4"
    ),
    Outcome.PERIOD_NOT_OVER: Rule("period_start_s", Text(en="a period that has ended", ja="終了した期間"), ""),
    Outcome.PERIOD_OVERLAP: Rule(
        "period_start_s",
        Text(en="a period after the last minted one of the device", ja="その設備の直前の発行より後の期間"),
        "L4",
    ),
    Outcome.REGISTER_OVERLAP: Rule(
        "reg_from_wh",
        Text(en="the register continues where the last mint ended: overlap", ja="指示値は直前の発行の続き(重複あり)"),
        "L4",
    ),
    Outcome.REGISTER_GAP: Rule(
        "reg_from_wh",
        Text(en="the register continues where the last mint ended: gap", ja="指示値は直前の発行の続き(欠落あり)"),
        "L4",
    ),
    Outcome.NOTHING_MEASURED: Rule("reg_to_wh", Text(en="a register that advanced", ja="進んだ指示値"), "L4"),
    Outcome.ABOVE_CAPACITY: Rule(
        "reg_to_wh", Text(en="at most 105 % of capacity x time", ja="容量×時間の105%以下"), "V10"
    ),
    Outcome.EXPIRY_INVALID: Rule(
        "expiry_s",
        Text(
            en="an expiry after the period, or a redemption date after now",
            ja="期間後の期限、または現在より後の引出し期限",
        ),
        "",
    ),
    Outcome.KIND_MISMATCH: Rule(
        "lot",
        Text(
            en="a lot of the kind that carries this claim; kinds never change",
            ja="この請求に対応する種類のロット(種類は不変)",
        ),
        "K1",
    ),
    Outcome.PERIOD_MISMATCH: Rule(
        "period_start_s",
        Text(
            en="a same-slot claim is for the token's own period; a certificate names none",
            ja="同時請求はトークン自身の期間のみ。証書は期間なし",
        ),
        "K2",
    ),
    Outcome.BANK_WINDOW_CLOSED: Rule(
        "lot", Text(en="a deposit within two days after the token's period", ja="期間終了後2日以内の預け入れ"), "K2"
    ),
    Outcome.COVER_SHORT: Rule(
        "end",
        Text(
            en="outstanding claims never exceed the bank's cover at the stress price",
            ja="未引出し残高はストレス価格での裏付け以内",
        ),
        "K4",
    ),
    Outcome.REDEEM_TOO_EARLY: Rule(
        "period_start_s",
        Text(en="a period that began after the deposit (no look-back)", ja="預け入れ後に始まる期間(遡及不可)"),
        "K3",
    ),
    Outcome.REDEEM_TOO_LATE: Rule(
        "period_start_s", Text(en="a period before the redemption date", ja="引出し期限前の期間"), "K3"
    ),
    Outcome.PRODUCT_CLOSED: Rule("product", Text(en="a product before its gate closes", ja="閉場前の商品"), "J10"),
    Outcome.PRODUCT_NOT_OPEN: Rule("product", Text(en="a product after its gate opens", ja="開場後の商品"), "J10"),
    Outcome.PRODUCT_MISMATCH: Rule(
        "lot",
        Text(
            en="tokens of the product's area, source, period and kind",
            ja="商品のエリア・電源・期間・種類に合うトークン",
        ),
        "",
    ),
    Outcome.WRONG_MODE: Rule("product", Text(en="the product's trading mode", ja="商品の取引方式"), ""),
    Outcome.PRODUCT_HALTED: Rule(
        "product", Text(en="a product whose trading is not halted", ja="取引停止中でない商品"), "J38"
    ),
    Outcome.PRODUCT_NOT_HALTED: Rule(
        "product", Text(en="a product whose trading is halted", ja="取引停止中の商品"), "J38"
    ),
    Outcome.NOTHING_ASKED: Rule(
        "product", Text(en="a product that waits for capacity", ja="空容量の回答を待つ商品"), "J38"
    ),
    Outcome.GATE_NOT_CLOSED: Rule(
        "product", Text(en="an auction clears after its gate has closed", ja="板寄せは閉場後"), "J10"
    ),
    Outcome.ORDER_NOT_OPEN: Rule("target_id", Text(en="an order that is open", ja="有効な注文"), ""),
    Outcome.ORDER_IS_CANDIDATE: Rule(
        "target_id",
        Text(
            en="an order that is not a candidate while capacity is asked for",
            ja="空容量の照会中の候補でない注文",
        ),
        "J38",
    ),
    Outcome.AUCTION_LOCKED: Rule(
        "target_id",
        Text(
            en="bids of an auction stand from its gate until it clears", ja="板寄せの入札は閉場から約定処理まで変更不可"
        ),
        "J10",
    ),
    Outcome.CLEARS_TOGETHER: Rule(
        "product",
        Text(
            en="an auction without blocks and without a stored price; others clear with their areas",
            ja="ブロックも登録済みの価格もない板寄せ(ほかは全エリア同時に処理)",
        ),
        "J26",
    ),
    Outcome.BLOCK_NOT_OPEN: Rule("block", Text(en="a block that is open", ja="有効なブロック"), ""),
    Outcome.PARTNER_INVALID: Rule(
        "partner",
        Text(
            en="a child names its parent, LOOP-B its LOOP-A, each once, and no child without its parent",
            ja="LINK-Cは親、LOOP-BはLOOP-Aを一度だけ指定し、子は親とともに承認",
        ),
        "J24",
    ),
    Outcome.BLOCK_COMPLETE: Rule(
        "block", Text(en="no more slots than the block was opened with", ja="開設時のコマ数まで"), "J21"
    ),
    Outcome.SLOT_NOT_NEXT: Rule(
        "product",
        Text(
            en="the period after the last slot's, of the same area and source",
            ja="直前のコマに続く同じエリア・電源のコマ",
        ),
        "J21",
    ),
    Outcome.BLOCK_INCOMPLETE: Rule(
        "block",
        Text(
            en="a block with all its slots, and both blocks of a link or loop",
            ja="全コマのそろったブロック、リンク・ループは両方",
        ),
        "J21",
    ),
    Outcome.PRODUCT_NOT_PRICED: Rule(
        "product",
        Text(en="products whose price is stored and which wait to be cleared", ja="価格が登録され約定処理を待つ商品"),
        "J26",
    ),
    Outcome.NOT_IN_THE_MONEY: Rule(
        "block",
        Text(
            en="volume x price of all slots at least (a buy: at most) volume x limit",
            ja="量と価格の積の合計が指値での合計以上(買いは以下)",
        ),
        "J22",
    ),
    Outcome.SLOTS_OPEN: Rule(
        "product", Text(en="a product whose blocks have been decided", ja="ブロックの承認・不承認が決まった商品"), "J22"
    ),
    Outcome.CLEARING_INVALID: Rule(
        "product",
        Text(
            en="the first of its areas; better-priced orders and accepted blocks whole, the rest shared at the price, and all areas balanced",
            ja="最初のエリアを指定し、有利な注文と承認ブロックは全量、価格と同値は按分、全エリアの収支は一致",
        ),
        "J16, J26",
    ),
    Outcome.PRICE_OUTSIDE_COLLAR: Rule(
        "price_sen_per_kwh", Text(en="a price inside the product's limits", ja="商品の値幅制限内の価格"), "J7"
    ),
    Outcome.POSITION_LIMIT: Rule(
        "quantity_wh",
        Text(
            en="bought, less sold, and still to buy: at most the product's limit for one account",
            ja="買越し量と買い注文の合計は、商品ごとの口座の上限以内",
        ),
        "",
    ),
    Outcome.BELOW_FILLED: Rule(
        "quantity_wh", Text(en="more than what has traded already", ja="約定済みの量を上回る量"), ""
    ),
    Outcome.ABOVE_RESERVED: Rule(
        "quantity_wh",
        Text(
            en="a sell order sells reserved serials: its quantity cannot grow",
            ja="売り注文は予約済みの通し番号を売るため増量不可",
        ),
        "L2",
    ),
    Outcome.WOULD_TRADE: Rule(
        "price_sen_per_kwh",
        Text(en="a post-only order that would not trade at once", ja="直ちに約定しない待機のみの注文"),
        "",
    ),
    Outcome.NOT_FILLABLE: Rule(
        "quantity_wh",
        Text(
            en="fill-or-kill: all of it, a minimum quantity: that much, can trade at once",
            ja="全量即時は全量、最低数量はその量が直ちに約定可能",
        ),
        "",
    ),
    Outcome.INSUFFICIENT_CASH: Rule(
        "price_sen_per_kwh",
        Text(en="cash and credit not already held cover the amount", ja="拘束されていない資金と与信で足りる金額"),
        "L3",
    ),
    Outcome.SAME_ACCOUNT: Rule("to_account", Text(en="another account", ja="別の口座"), ""),
    Outcome.KEY_NOT_ACTIVE: Rule("key", Text(en="an active API key", ja="有効なAPIキー"), ""),
}


_ACCOUNT_FIELDS: Final = ("account", "to_account", "beneficiary_account", "from_account", "income_account")


def refusal(row: Words, outcome: int) -> Refused:
    """Return the error of a refused command: field, value and rule.

    The class says whose affair it is: ``UnknownReference``, ``NotAuthorised`` or ``RuleViolated``.
    """
    named = Outcome(outcome)
    rule = RULES[named]
    name, value = _field_and_value(row, named, rule.field)
    text = rule.text
    if rule.source:
        text = Text(en=f"{text.en} ({rule.source})", ja=f"{text.ja}({rule.source})")
    return _error_class(named)(named.name, name, value, text)


def _error_class(outcome: Outcome) -> type[Refused]:
    if outcome.name.startswith("UNKNOWN_"):
        return UnknownReference
    if outcome in (Outcome.NOT_AUTHORISED, Outcome.NOT_OWNER):
        return NotAuthorised
    return RuleViolated


def _field_and_value(row: Words, outcome: Outcome, field: str) -> tuple[str, object]:
    values = fields(row)
    if field in values:
        return field, values[field]
    if field == "kind":
        return field, kind_of(row)
    if field == "actor":
        return field, actor_of(row)
    if field == "id":
        return field, f"{id_of(row):032x}"
    if field in {"target_id", "product"} and "target_id_low" in values:
        return "target_id", f"{words_id(values['target_id_low'], values['target_id_high']):032x}"
    if outcome is Outcome.UNKNOWN_ACCOUNT:
        named = {name: values[name] for name in _ACCOUNT_FIELDS if name in values}
        if named:
            return next(iter(named)), named if len(named) > 1 else next(iter(named.values()))
    for name in _ALTERNATIVES.get(field, ()):
        if name in values:
            return name, values[name]
    return field, {name: value for name, value in values.items() if value}


_ALTERNATIVES: Final = {
    "time": ("expires_ms", "period_start_s", "timeout_ms", "valid_from_ms", "redeem_until_s"),
    "register": ("register_open_wh", "reg_to_wh"),
    "quantity_wh": ("total_wh", "forward_wh", "granted_wh", "position_wh", "net_export_wh"),
    "price_sen_per_kwh": ("amount_e5jpy", "stress_price_sen", "low_sen_per_kwh", "block"),
    "area": ("from_area",),
    "display_wh": ("quantity_wh",),
    "expiry_s": ("redeem_until_s",),
    "amount_e5jpy": ("credit_limit_e5jpy",),
    "to_account": ("from_account",),
    "start": ("lot",),
    "end": ("quantity_wh", "lot"),
    "duration_s": ("resolution_s",),
    "target_id": ("block", "product"),
    "block": ("partner",),
    "product": ("block",),
    "partner": ("block",),
    "lot": ("block",),
}
"""Where a rule's field has another name in some kinds."""
