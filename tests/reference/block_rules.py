"""Block bids and auctions cleared together, in plain Python: the part of the state machine that `Model` mixes in."""

from reference.auction import share_out
from wattmark.engine.outcomes import Outcome as Out

BUY, SELL = 1, 2
STANDARD, PARENT, CHILD, LOOP_A, LOOP_B = 1, 2, 3, 4, 5
OPEN, ACCEPTED, REJECTED, CANCELLED = 1, 2, 3, 4
FILLED = 2
IN_BLOCK = 5
CLOSED, PRICED = 2, 5
HELD, RESERVED = 1, 2
CALL = 2
NOBODY = -1
OUTSIDE = 1
MAX_WH = 2**40


class BlockRules:
    """Commands OPEN_BLOCK to CLEAR_COUPLED."""

    def block_slots(self, number: int) -> list[int]:
        """Orders of a block, earliest first."""
        return [row for row, order in enumerate(self.orders) if self.is_slot(row) and order["group"] == number]

    def is_slot(self, row: int) -> bool:
        return row in self.slot_rows

    def check_open_block(self, c, f, now):
        broken = set()
        kind, partner = f["block_kind"], f["partner"]
        if f["side"] not in (BUY, SELL):
            broken.add(Out.SIDE_INVALID)
        if kind not in range(1, 6):
            broken.add(Out.BLOCK_KIND_INVALID)
        if f["slots"] not in range(4, 49):
            broken.add(Out.SLOTS_INVALID)
        if not 1 <= f["price_sen_per_kwh"] <= 99_900:
            broken.add(Out.PRICE_OUT_OF_RANGE)
        if kind not in (CHILD, LOOP_B):
            return broken | ({Out.PARTNER_INVALID} if partner != NOBODY else set())
        if not self.has("blocks", partner):
            return broken | {Out.UNKNOWN_BLOCK}
        other = self.blocks[partner]
        if other["account"] != c.actor:
            broken.add(Out.NOT_OWNER)
        if other["state"] != OPEN:
            broken.add(Out.BLOCK_NOT_OPEN)
        if other["kind"] != {CHILD: PARENT, LOOP_B: LOOP_A}[kind] or other["partner"] != NOBODY:
            broken.add(Out.PARTNER_INVALID)
        return broken

    def do_open_block(self, c, f, now):
        self.blocks.append(
            {
                "account": c.actor,
                "kind": f["block_kind"],
                "side": f["side"],
                "limit": f["price_sen_per_kwh"],
                "slots": f["slots"],
                "placed": 0,
                "partner": f["partner"],
                "state": OPEN,
                "position": len(self.log),
                "quantity": 0,
                "held": 0,
                "last_order": 0,
                "open_slots": 0,
                "value": 0,
            }
        )
        if f["block_kind"] in (CHILD, LOOP_B):
            self.blocks[f["partner"]]["partner"] = len(self.blocks) - 1
        return len(self.blocks) - 1, 0

    def check_place_slot(self, c, f, now):
        broken = set()
        quantity = f["quantity_wh"]
        known = self.has("blocks", f["block"])
        block = self.blocks[f["block"]] if known else None
        if quantity <= 0:
            broken.add(Out.QUANTITY_NOT_POSITIVE)
        if quantity > MAX_WH:
            broken.add(Out.QUANTITY_TOO_LARGE)
        product = self.products[f["product"]] if self.has("products", f["product"]) else None
        if product is None:
            broken.add(Out.UNKNOWN_PRODUCT)
        else:
            broken |= self.slot_product_rules(product, now)
        if block is None:
            return broken | {Out.UNKNOWN_BLOCK}
        if block["side"] == BUY and (f["lot"] or f["start"]):
            broken.add(Out.WORD_NOT_ZERO)
        if block["quantity"] + quantity > MAX_WH:
            broken.add(Out.QUANTITY_TOO_LARGE)
        if block["account"] != c.actor:
            broken.add(Out.NOT_OWNER)
        if block["state"] != OPEN:
            broken.add(Out.BLOCK_NOT_OPEN)
        if block["placed"] == block["slots"]:
            broken.add(Out.BLOCK_COMPLETE)
        if block["side"] == SELL:
            broken |= self.lot_rules(f["lot"], f["start"], f["start"] + quantity, c.actor, now)
            if product is not None and self.has("lots", f["lot"]) and not self.fits(self.lots[f["lot"]], product):
                broken.add(Out.PRODUCT_MISMATCH)
        elif self.free_cash(c.actor) < block["limit"] * quantity:
            broken.add(Out.INSUFFICIENT_CASH)
        if product is None:
            return broken
        if not product["low"] <= block["limit"] <= product["high"]:
            broken.add(Out.PRICE_OUTSIDE_COLLAR)
        if block["side"] == BUY and not self.within_position(c.actor, f["product"], quantity):
            broken.add(Out.POSITION_LIMIT)
        before = self.block_slots(f["block"])
        if before and not self.follows(self.products[self.orders[before[-1]]["product"]], product):
            broken.add(Out.SLOT_NOT_NEXT)
        return broken

    def slot_product_rules(self, product, now):
        broken = set()
        if product["state"] == CLOSED or now >= product["closes"]:
            broken.add(Out.PRODUCT_CLOSED)
        if now < product["opens"]:
            broken.add(Out.PRODUCT_NOT_OPEN)
        if product["scope"] != 0:
            broken.add(Out.PRODUCT_MISMATCH)
        if product["mode"] != CALL:
            broken.add(Out.WRONG_MODE)
        if product["state"] not in (1, CLOSED):
            broken.add(Out.PRODUCT_HALTED)
        return broken

    def follows(self, before, product) -> bool:
        same = all(before[name] == product[name] for name in ("area", "source", "duration"))
        return same and product["period"] == before["period"] + before["duration"]

    def do_place_slot(self, c, f, now):
        block, product = self.blocks[f["block"]], self.products[f["product"]]
        quantity, row = f["quantity_wh"], len(self.orders)
        lot = NOBODY
        if block["side"] == BUY:
            self.accounts[c.actor]["held"] += block["limit"] * quantity
            block["held"] += block["limit"] * quantity
        else:
            lot = self.take(f["lot"], f["start"], f["start"] + quantity)
            self.move(lot, RESERVED, now)
            self.lots[lot]["ref"] = row
        self.orders.append(
            {
                "account": c.actor,
                "product": f["product"],
                "side": block["side"],
                "price": block["limit"],
                "quantity": quantity,
                "remaining": quantity,
                "lot": lot,
                "state": IN_BLOCK,
                "position": len(self.log),
                "arrival": product["slot_head"],
                "value": 0,
                "terms": 1 << 32,
                "expires": 0,
                "min": block["last_order"],
                "display": 0,
                "group": f["block"],
            }
        )
        self.slot_rows.add(row)
        self.order_of[c.identity] = row
        block.update(last_order=row + 1, placed=block["placed"] + 1, quantity=block["quantity"] + quantity)
        block["open_slots"] += 1
        product["slot_head"] = row + 1
        product["open_slots"] += 1
        return row, block["placed"]

    def check_cancel_block(self, c, f, now):
        if not self.has("blocks", f["block"]):
            return {Out.UNKNOWN_BLOCK}
        block = self.blocks[f["block"]]
        broken = set()
        if block["account"] != c.actor and not self.is_operator(c.actor):
            broken.add(Out.NOT_OWNER)
        if block["state"] != OPEN:
            broken.add(Out.BLOCK_NOT_OPEN)
        for member in (f["block"], *self.cancelled_with(f["block"])):
            for row in self.block_slots(member):
                product = self.products[self.orders[row]["product"]]
                if product["state"] != 1 or now >= product["closes"]:
                    broken.add(Out.AUCTION_LOCKED)
        return broken

    def dependants(self, number: int) -> list[int]:
        """A loop's other block; a parent's child."""
        block = self.blocks[number]
        return [block["partner"]] if block["kind"] in (PARENT, LOOP_A, LOOP_B) and block["partner"] >= 0 else []

    def cancelled_with(self, number: int) -> list[int]:
        return [other for other in self.dependants(number) if self.blocks[other]["state"] == OPEN]

    def do_cancel_block(self, c, f, now):
        members = [f["block"], *self.cancelled_with(f["block"])]
        return f["block"], sum(self.end_block(member, CANCELLED, now) for member in members)

    def end_block(self, number: int, state: int, now: int) -> int:
        block, released = self.blocks[number], 0
        for row in reversed(self.block_slots(number)):
            order = self.orders[row]
            if order["state"] == IN_BLOCK:
                released += order["remaining"]
                if order["side"] == SELL:
                    self.move(order["lot"], HELD, now)
                    self.lots[order["lot"]]["ref"] = NOBODY
                self.slot_done(row, 3)
        self.accounts[block["account"]]["held"] -= block["held"]
        block.update(held=0, state=state)
        return released

    def slot_done(self, row: int, state: int) -> None:
        order = self.orders[row]
        order["state"] = state
        self.blocks[order["group"]]["open_slots"] -= 1
        self.products[order["product"]]["open_slots"] -= 1

    def check_price_auction(self, c, f, now):
        broken = set()
        if abs(f["net_export_wh"]) > MAX_WH:
            broken.add(Out.QUANTITY_TOO_LARGE)
        if not 0 <= f["price_sen_per_kwh"] <= 99_900:
            broken.add(Out.PRICE_OUT_OF_RANGE)
        if not self.has("products", f["product"]):
            return broken | {Out.UNKNOWN_PRODUCT}
        product = self.products[f["product"]]
        if product["state"] == CLOSED:
            broken.add(Out.PRODUCT_CLOSED)
        if product["mode"] != CALL:
            broken.add(Out.WRONG_MODE)
        if product["state"] not in (1, CLOSED, PRICED):
            broken.add(Out.PRODUCT_HALTED)
        if now < product["closes"]:
            broken.add(Out.GATE_NOT_CLOSED)
        return broken

    def do_price_auction(self, c, f, now):
        product = self.products[f["product"]]
        product.update(state=PRICED, result=f["price_sen_per_kwh"], net=f["net_export_wh"])
        return f["product"], 0

    def in_the_money(self, number: int) -> bool:
        """J22 at the stored prices."""
        block = self.blocks[number]
        slots = [self.orders[row] for row in self.block_slots(number)]
        prices = [self.products[slot["product"]]["result"] for slot in slots]
        value = sum(price * slot["quantity"] for price, slot in zip(prices, slots, strict=True))
        limit = block["limit"] * block["quantity"]
        return 0 not in prices and (value <= limit if block["side"] == BUY else value >= limit)

    def may_end(self, number: int) -> bool:
        block = self.blocks[number]
        return block["state"] == OPEN or (block["state"] == ACCEPTED and block["open_slots"] > 0)

    def check_decide_block(self, c, f, now):
        if not self.has("blocks", f["block"]):
            return {Out.UNKNOWN_BLOCK}
        block = self.blocks[f["block"]]
        if f["accept"] not in (0, 1):
            return {Out.DECISION_INVALID}
        if f["accept"] == 0:
            return set() if self.may_end(f["block"]) else {Out.BLOCK_NOT_OPEN}
        broken = set()
        for number in self.accepted_with(f["block"]):
            member = self.blocks[number]
            if member["state"] != OPEN:
                broken.add(Out.BLOCK_NOT_OPEN)
            if member["placed"] != member["slots"] or (member["kind"] != STANDARD and member["partner"] == NOBODY):
                broken.add(Out.BLOCK_INCOMPLETE)
            if any(self.products[self.orders[row]["product"]]["state"] != PRICED for row in self.block_slots(number)):
                broken.add(Out.PRODUCT_NOT_PRICED)
            if not self.in_the_money(number):
                broken.add(Out.NOT_IN_THE_MONEY)
        if block["kind"] == CHILD and self.blocks[block["partner"]]["state"] != ACCEPTED:
            broken.add(Out.PARTNER_INVALID)
        return broken

    def accepted_with(self, number: int) -> list[int]:
        return [number] if self.blocks[number]["kind"] == PARENT else [number, *self.dependants(number)]

    def do_decide_block(self, c, f, now):
        if f["accept"]:
            members = self.accepted_with(f["block"])
            for number in members:
                self.blocks[number]["state"] = ACCEPTED
            return f["block"], len(members)
        members = [number for number in (f["block"], *self.dependants(f["block"])) if self.may_end(number)]
        for number in members:
            untouched = self.blocks[number]["open_slots"] == self.blocks[number]["placed"]
            self.end_block(number, REJECTED if untouched else CANCELLED, now)
        return f["block"], len(members)

    # ---------------------------------------------------------------------------- clearing together

    def group_of(self, number: int) -> list[int]:
        names = ("source", "period", "duration", "scope")
        wanted = [self.products[number][name] for name in names]
        return [
            row
            for row, product in enumerate(self.products)
            if product["state"] == PRICED and [product[name] for name in names] == wanted
        ]

    def accepted_in(self, number: int, side: int) -> list[int]:
        return [
            row
            for row in sorted(self.slot_rows)
            if self.orders[row]["product"] == number
            and self.orders[row]["side"] == side
            and self.orders[row]["state"] == IN_BLOCK
            and self.blocks[self.orders[row]["group"]]["state"] == ACCEPTED
        ]

    def bids(self, number: int, side: int, now: int) -> list[int]:
        rows = self.resting(number, side)
        return [row for row in rows if side == BUY or not self.is_expired(self.lots[self.orders[row]["lot"]], now)]

    def slot_holds(self, row: int, now: int) -> bool:
        order = self.orders[row]
        if order["side"] == SELL and self.is_expired(self.lots[order["lot"]], now):
            return False
        return self.in_the_money(order["group"])

    def shares(self, number: int, side: int, now: int, total: int | None) -> tuple[int, int, dict[int, int]]:
        """(least, most, what each order gets of the total) of a side at the stored price."""
        price = self.products[number]["result"]
        slots = self.accepted_in(number, side)
        whole, market, limits = [], [], []
        for row in self.bids(number, side, now):
            order = self.orders[row]
            limit, is_market = order["price"], order["terms"] >> 24
            ahead = limit > price if side == BUY else limit < price
            if ahead and not (side == SELL and price == 1):
                whole.append(row)
            elif (ahead or limit == price) and is_market:
                market.append(row)
            elif limit == price:
                limits.append(row)
        wh = {row: self.orders[row]["remaining"] for row in (*slots, *whole, *market, *limits)}
        least = sum(wh[row] for row in (*slots, *whole))
        most = sum(wh.values())
        given = {row: wh[row] for row in (*slots, *whole)} | dict.fromkeys((*market, *limits), 0)
        left = (total or least) - least
        for rank in (market, limits):
            part = share_out([wh[row] for row in rank], left)
            given |= dict(zip(rank, part, strict=True))
            left -= sum(part)
        ranked = (*slots, *(row for row in self.bids(number, side, now) if row in given))
        return least, most, {row: given[row] for row in ranked}

    def balance(self, number: int, now: int) -> tuple[int, int] | None:
        product = self.products[number]
        slots = self.accepted_in(number, SELL) + self.accepted_in(number, BUY)
        if not all(self.slot_holds(row, now) for row in slots):
            return None
        if product["result"] == 0:
            sells, buys = self.bids(number, SELL, now), self.bids(number, BUY, now)
            crosses = sells and buys and self.orders[sells[0]]["price"] <= self.orders[buys[0]]["price"]
            return None if product["net"] or slots or crosses else (0, 0)
        least_sold, most_sold, _ = self.shares(number, SELL, now, None)
        least_bought, most_bought, _ = self.shares(number, BUY, now, None)
        sold = min(most_sold, most_bought + product["net"])
        bought = sold - product["net"]
        return (sold, bought) if sold >= least_sold and bought >= least_bought else None

    def check_clear_coupled(self, c, f, now):
        broken = set()
        if not self.has("accounts", f["income_account"]) or f["income_account"] == OUTSIDE:
            broken.add(Out.UNKNOWN_ACCOUNT)
        if not self.has("products", f["product"]):
            return broken | {Out.UNKNOWN_PRODUCT}
        state = self.products[f["product"]]["state"]
        if state == CLOSED:
            return broken | {Out.PRODUCT_CLOSED}
        if state != PRICED:
            return broken | {Out.PRODUCT_NOT_PRICED}
        group = self.group_of(f["product"])
        balances = [self.balance(number, now) for number in group]
        if group[0] != f["product"] or None in balances:
            return broken | {Out.CLEARING_INVALID}
        prices = [self.products[number]["result"] for number in group]
        income = sum(price * (b - s) for price, (s, b) in zip(prices, balances, strict=True))
        if sum(s - b for s, b in balances) != 0 or income < 0:
            broken.add(Out.CLEARING_INVALID)
        return broken

    def do_clear_coupled(self, c, f, now):
        group = self.group_of(f["product"])
        totals = {number: self.balance(number, now) for number in group}
        given = {}
        for number in group:
            for side, total in zip((SELL, BUY), totals[number], strict=True):
                some = self.products[number]["result"] > 0
                given[number, side] = self.shares(number, side, now, total)[2] if some and total else {}
        books = {(number, side): self.resting(number, side) for number in group for side in (SELL, BUY)}
        expired = [row for number in group for row in books[number, SELL] if row not in self.bids(number, SELL, now)]
        for number in group:
            for row in books[number, SELL]:
                if row in expired:
                    self.end(row, now)
            self.meet(given[number, SELL], given[number, BUY], now)
        self.meet(
            {row: wh for number in group for row, wh in given[number, SELL].items()},
            {row: wh for number in group for row, wh in given[number, BUY].items()},
            now,
        )
        for side in (SELL, BUY):
            for number in group:
                for row in self.accepted_in(number, side):
                    self.slot_filled(row)
                for row in books[number, side]:
                    if row not in expired:
                        self.end(row, now)
        income = sum(self.products[number]["result"] * (b - s) for number, (s, b) in totals.items())
        for number in group:
            self.products[number]["state"] = CLOSED
        self.accounts[f["income_account"]]["cash"] += income
        return sum(bought for _, bought in totals.values()), income

    def meet(self, sells: dict[int, int], buys: dict[int, int], now: int) -> None:
        """Front to front; what is left stays in the dictionaries."""
        for sell in list(sells):
            for buy in list(buys):
                part = min(sells[sell], buys[buy])
                if part:
                    self.fill_across(buy, sell, part, now)
                    sells[sell] -= part
                    buys[buy] -= part

    def fill_across(self, buy: int, sell: int, quantity: int, now: int) -> None:
        b, s = self.orders[buy], self.orders[sell]
        here, there = self.products[b["product"]], self.products[s["product"]]
        front = self.lots[s["lot"]]["start"]
        lot = self.take(s["lot"], front, front + quantity)
        self.move(lot, HELD, now)
        self.lots[lot].update(owner=b["account"], ref=NOBODY)
        paid, got = here["result"] * quantity, there["result"] * quantity
        self.accounts[b["account"]]["cash"] -= paid
        self.accounts[s["account"]]["cash"] += got
        if buy in self.slot_rows:
            self.accounts[b["account"]]["held"] -= paid
            self.blocks[b["group"]]["held"] -= paid
        else:
            self.accounts[b["account"]]["held"] -= b["price"] * quantity
        b["value"] += paid
        s["value"] += got
        for order in (b, s):
            order["remaining"] -= quantity
        here["last_price"], there["last_price"] = here["result"], there["result"]
        here["volume"] += quantity
        if there is not here:
            there["volume"] += quantity
        front = self.lots[lot]["start"]
        self.trades.append([b["product"], buy, sell, lot, quantity, here["result"], len(self.log), now, front])

    def slot_filled(self, row: int) -> None:
        order = self.orders[row]
        block = self.blocks[order["group"]]
        self.slot_done(row, FILLED)
        block["value"] += order["value"]
        if block["open_slots"] == 0:
            self.accounts[block["account"]]["held"] -= block["held"]
            block["held"] = 0
