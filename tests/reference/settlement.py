"""Slow twins of the settlement kernels: plain Python integers, one rule after the other."""

from collections import defaultdict

from wattmark.settlement.bank import REDEMPTION_RULES
from wattmark.tokens.lot import Claim, LotKind


def overlap(first, second):
    """B5 by its formula, over all pairs."""
    rows, first_sum = [], 0
    for i, d in enumerate(first):
        first_sum += d
        second_sum = 0
        for j, q in enumerate(second):
            second_sum += q
            x = max(0, min(first_sum, second_sum) - max(first_sum - d, second_sum - q))
            if x:
                rows.append((i, j, x))
    return rows


def settle(demand, lots, prices, adder_sen, rules=REDEMPTION_RULES):
    """Settle rows of dicts; return (allocation rows, residual rows) as tuples in the columns' order."""
    needs = defaultdict(int)
    for row in demand:
        needs[row["account"], row["area"], row["period_start_s"], row["duration_s"]] += row["consumption_wh"]
    left = {lot["lot"]: lot["end"] - lot["start"] for lot in lots}
    used = dict.fromkeys(left, 0)
    allocation, residual = [], []
    for (account, area, start_s, duration_s), consumption_wh in sorted(needs.items()):
        end_s = start_s + duration_s
        price_sen = next(
            price["price_sen"]
            for price in prices
            if price["area"] == area
            and price["period_start_s"] <= start_s
            and end_s <= price["period_start_s"] + price["duration_s"]
        )
        mine = [lot for lot in lots if lot["account"] == account and lot["area"] == area]
        covered = {Claim.SAME_SLOT: 0, Claim.BANKED: 0}
        under_rule = defaultdict(int)
        same = [
            lot
            for lot in mine
            if lot["kind"] != LotKind.ENERGY_CLAIM
            and (lot["period_start_s"], lot["duration_s"]) == (start_s, duration_s)
        ]
        bank = [
            lot
            for lot in mine
            if lot["kind"] == LotKind.ENERGY_CLAIM
            and max(lot["period_start_s"] + lot["duration_s"], lot["redeem_from_s"]) <= start_s
            and end_s <= min(lot["expiry_s"], lot["redeem_until_s"])
            and price_sen >= rules[lot["redeem_rule"]].min_price_sen
        ]
        same.sort(key=lambda lot: (lot["expiry_s"], lot["lot"]))
        bank.sort(key=lambda lot: (min(lot["expiry_s"], lot["redeem_until_s"]), lot["lot"]))
        for claim, candidates in ((Claim.SAME_SLOT, same), (Claim.BANKED, bank)):
            for lot in candidates:
                wanted = consumption_wh - sum(covered.values())
                take = min(wanted, left[lot["lot"]])
                if claim == Claim.BANKED:
                    version = lot["redeem_rule"]
                    take = min(take, rules[version].cap_per_slot_wh - under_rule[version])
                    under_rule[version] += take
                if take:
                    first = lot["start"] + used[lot["lot"]]
                    where = (account, area, start_s, duration_s, lot["lot"], lot["bundle"])
                    allocation.append((*where, first, first + take, take, int(claim)))
                    left[lot["lot"]] -= take
                    used[lot["lot"]] += take
                    covered[claim] += take
        same_wh, banked_wh = covered[Claim.SAME_SLOT], covered[Claim.BANKED]
        rest = consumption_wh - same_wh - banked_wh
        residual.append(
            (
                account,
                area,
                start_s,
                duration_s,
                consumption_wh,
                same_wh,
                banked_wh,
                rest,
                price_sen,
                rest * price_sen,
                rest * adder_sen,
            )
        )
    return allocation, residual


def pro_rata(asked, pot):
    """J16: floors, then one each to the largest remainders, earliest first."""
    total = sum(asked)
    if total <= pot:
        return list(asked)
    shares = [q * pot // total for q in asked]
    order = sorted(range(len(asked)), key=lambda i: (-(asked[i] * pot % total), i))
    for i in order[: pot - sum(shares)]:
        shares[i] += 1
    return shares
