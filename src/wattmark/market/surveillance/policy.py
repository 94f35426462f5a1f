"""The thresholds of every rule: policy as data, with defaults under which an honest day is silent."""

from dataclasses import dataclass
from typing import Any

from wattmark.core.text import Text
from wattmark.market.thresholds import check_thresholds, known_fields, threshold

PER_MILLE = 1_000
MAX_WH = 1 << 40
MAX_MS = 86_400_000
SECTION = "market.surveillance"


@dataclass(frozen=True, slots=True)
class Surveillance:
    """When a rule speaks. Shares and moves are per mille, energy is Wh, times are milliseconds.

    A number of a rule begins with what the rule is called: ``wash_`` F1, ``dealing_`` F2, ``ring_`` F3, ``spoof_`` F4
    and F5, ``layer_`` F5, ``close_`` F6, ``corner_`` F7, ``stuffing_`` F8, ``ignition_`` F9.
    """

    wash_trades: int = threshold(
        3, 1, 1_000_000, "trades", Text(en="trades of an account with itself", ja="自己売買の約定件数")
    )
    wash_wh: int = threshold(1_000, 1, MAX_WH, "Wh", Text(en="their energy", ja="自己売買の電力量"))
    wash_share: int = threshold(
        100, 1, 1_000, "per mille", Text(en="their share of what the account traded", ja="その口座の約定量に占める割合")
    )
    dealing_trades: int = threshold(
        6, 1, 1_000_000, "trades", Text(en="trades between accounts of one owner", ja="同一所有者の口座間の約定件数")
    )
    dealing_wh: int = threshold(1_000, 1, MAX_WH, "Wh", Text(en="their energy", ja="同一所有者間の電力量"))
    dealing_share: int = threshold(
        500, 1, 1_000, "per mille", Text(en="their share of what the owner traded", ja="所有者の約定量に占める割合")
    )
    ring_trades: int = threshold(
        3,
        1,
        1_000_000,
        "trades per member",
        Text(en="trades inside the ring, per member", ja="環内の約定件数(1者あたり)"),
    )
    ring_wh: int = threshold(2_000, 1, MAX_WH, "Wh", Text(en="energy that went round", ja="環内を巡った電力量"))
    ring_members: int = threshold(8, 2, 64, "owners", Text(en="largest ring looked for", ja="探す環の最大人数"))
    ring_edge_share: int = threshold(
        300,
        1,
        1_000,
        "per mille",
        Text(
            en="share of the seller's sales and the buyer's purchases that makes two owners neighbours in a ring",
            ja="環の隣同士とみなす、売り手の売りと買い手の買いに占める割合",
        ),
    )
    ring_inside_share: int = threshold(
        600, 1, 1_000, "per mille", Text(en="share of each member's trades inside the ring", ja="各人の環内取引の割合")
    )
    ring_imbalance: int = threshold(
        100,
        0,
        1_000,
        "per mille",
        Text(en="how far what came home may differ from what left", ja="出た量と戻った量の差の上限"),
    )
    ring_price_gap: int = threshold(
        20,
        0,
        1_000,
        "per mille",
        Text(en="how far a member's buying and selling prices may differ", ja="各人の買値と売値の差の上限"),
    )
    spoof_within_ms: int = threshold(
        20_000,
        1,
        MAX_MS,
        "ms",
        Text(
            en="a large order is pulled this soon after a fill on the other side", ja="反対側の約定から取消しまでの時間"
        ),
    )
    spoof_ratio: int = threshold(
        4_000,
        1_000,
        1_000_000,
        "per mille",
        Text(
            en="what was pulled, over what the owner had resting on the side that filled",
            ja="取り消した量と、約定した側に置いていた量の比",
        ),
    )
    spoof_size: int = threshold(
        3_000,
        1_000,
        1_000_000,
        "per mille",
        Text(en="what was pulled, over the product's median order", ja="取り消した量と、商品の注文量の中央値の比"),
    )
    spoof_near: int = threshold(
        150,
        1,
        1_000,
        "per mille",
        Text(en="how far from the fill's price a pulled order counts", ja="約定価格からの距離の上限"),
    )
    spoof_filled: int = threshold(
        100,
        0,
        1_000,
        "per mille",
        Text(en="a pulled order has filled at most this much", ja="取消し注文の約定率の上限"),
    )
    spoof_back_ms: int = threshold(
        3_000,
        0,
        MAX_MS,
        "ms",
        Text(
            en="whoever has half of it standing again so soon has moved a quote, not pulled it",
            ja="この時間内に半分以上を再び置けば、取消しではなく気配の移動とみなす",
        ),
    )
    spoof_episodes: int = threshold(
        3, 1, 1_000_000, "times", Text(en="times it happened in a product", ja="同一商品での回数")
    )
    layer_levels: int = threshold(
        3, 2, 1_000, "prices", Text(en="prices pulled together: layering, not spoofing", ja="同時に取り消した価格の数")
    )
    close_window_ms: int = threshold(
        600_000, 1_000, MAX_MS, "ms", Text(en="the last part of trading before the gate", ja="受付終了前の時間")
    )
    close_before_ms: int = threshold(
        7_200_000, 1_000, MAX_MS, "ms", Text(en="the time before it that it is compared with", ja="比較する直前の時間")
    )
    close_trades: int = threshold(
        5, 1, 1_000_000, "trades", Text(en="trades the owner began in the window", ja="その時間に仕掛けた約定件数")
    )
    close_share: int = threshold(
        700,
        1,
        1_000,
        "per mille",
        Text(en="share of the window's energy the owner's orders took", ja="その時間の約定量に占める割合"),
    )
    close_growth: int = threshold(
        4_000,
        1_000,
        1_000_000,
        "per mille",
        Text(en="that share over the owner's share before", ja="それ以前の割合に対する倍率"),
    )
    close_move: int = threshold(
        30, 1, 10_000, "per mille", Text(en="move of the price against before the window", ja="直前からの値動き")
    )
    close_deviations: int = threshold(
        2_000,
        0,
        1_000_000,
        "per mille",
        Text(en="that move over the mean deviation of prices before", ja="直前の価格の平均偏差に対する倍率"),
    )
    close_before_trades: int = threshold(
        25, 1, 1_000_000, "trades", Text(en="trades before the window, else silent", ja="直前に必要な約定件数")
    )
    corner_share: int = threshold(
        550, 1, 1_000, "per mille", Text(en="the owner's share of all net purchases", ja="買い越し全体に占める割合")
    )
    corner_herfindahl: int = threshold(
        320,
        1,
        1_000,
        "per mille",
        Text(en="Herfindahl index of net purchases", ja="買い越しのハーフィンダール指数"),
    )
    corner_rivals: int = threshold(
        8, 1, 1_000_000, "owners", Text(en="other owners who wanted to buy", ja="ほかに買おうとした所有者の数")
    )
    corner_wh: int = threshold(5_000, 1, MAX_WH, "Wh", Text(en="energy net bought", ja="買い越しの電力量"))
    corner_move: int = threshold(
        50,
        0,
        10_000,
        "per mille",
        Text(
            en="rise of the price from the first to the last third of what was traded",
            ja="約定量の最初の3分の1から最後の3分の1への値上がり",
        ),
    )
    corner_unmet: int = threshold(
        200,
        0,
        1_000,
        "per mille",
        Text(en="share of the others' wishes to buy that stayed unmet", ja="ほかの買い注文のうち満たされなかった割合"),
    )
    stuffing_window_ms: int = threshold(
        10_000, 1, MAX_MS, "ms", Text(en="time in which messages are counted", ja="通信を数える時間")
    )
    stuffing_messages: int = threshold(
        200,
        2,
        1_000_000_000,
        "messages",
        Text(en="orders, amendments and cancels of an owner in it", ja="その間の注文・変更・取消しの数"),
    )
    stuffing_filled: int = threshold(
        20, 0, 1_000, "per mille", Text(en="share of their energy that traded, at most", ja="約定した割合の上限")
    )
    ignition_run_ms: int = threshold(
        60_000,
        1,
        MAX_MS,
        "ms",
        Text(en="longest pause inside a run of one direction", ja="同方向の連続約定の間隔の上限"),
    )
    ignition_trades: int = threshold(
        10, 2, 1_000_000, "trades", Text(en="trades in the run, all begun by the owner", ja="連続して仕掛けた約定件数")
    )
    ignition_move: int = threshold(
        20, 1, 10_000, "per mille", Text(en="move of the price over the run", ja="その間の値動き")
    )
    ignition_turn_ms: int = threshold(
        900_000, 1, MAX_MS, "ms", Text(en="the turn follows this soon", ja="反対売買までの時間")
    )
    ignition_turn_share: int = threshold(
        150, 1, 1_000_000, "per mille", Text(en="energy of the turn over that of the run", ja="反対売買の量の比")
    )
    ignition_gain: int = threshold(
        10,
        0,
        10_000,
        "per mille",
        Text(
            en="the turn's price better than the price before the run by", ja="値動き前と比べた反対売買の価格の有利さ"
        ),
    )

    def __post_init__(self) -> None:
        """Check every threshold.

        Raises:
            MalformedInput: one is out of its bounds; the error names it.
        """
        check_thresholds(self, SECTION)

    @classmethod
    def from_values(cls, values: object) -> "Surveillance":
        """Return the policy of the values that differ from the defaults.

        Raises:
            MalformedInput: not an object, an unknown name, or a value out of its bounds.
        """
        known: dict[str, Any] = dict(known_fields(cls, values, SECTION))
        return cls(**known)
