"""The rule book: for every kind a command that passes, and what becomes of it when one thing is wrong.

Names are those of `reference/small_world.py`. After every refusal the state is what it was. Then every two
lines of a kind are broken at once: the outcome is the one with the lower number.
"""

from itertools import combinations

import pytest

from reference.command_table import Line, merged, parse, record
from reference.small_world import SmallWorld, block_world, small_world
from reference.state_machine import Command
from wattmark.engine.audit import audit_state
from wattmark.engine.commands import FIELDS, Kind
from wattmark.engine.outcomes import RULES, Outcome, refusal

ACCOUNTS = """
kind           actor     fields                                                      | outcome
OPEN_ACCOUNT   operator  roles=6 credit_limit_e5jpy=0                                | OK
OPEN_ACCOUNT   .         roles=31                                                    | OK
OPEN_ACCOUNT   .         credit_limit_e5jpy=max_amount                               | OK
OPEN_ACCOUNT   .         kind=0                                                      | UNKNOWN_KIND
OPEN_ACCOUNT   .         kind=99                                                     | UNKNOWN_KIND
OPEN_ACCOUNT   .         flags=1                                                     | WORD_NOT_ZERO
OPEN_ACCOUNT   .         word5=1                                                     | WORD_NOT_ZERO
OPEN_ACCOUNT   .         word11=-1                                                   | WORD_NOT_ZERO
OPEN_ACCOUNT   no_account                                                            | UNKNOWN_ACTOR
OPEN_ACCOUNT   -1                                                                    | UNKNOWN_ACTOR
OPEN_ACCOUNT   alice                                                                 | NOT_AUTHORISED
OPEN_ACCOUNT   outside                                                               | NOT_AUTHORISED
OPEN_ACCOUNT   .         roles=0                                                     | ROLES_INVALID
OPEN_ACCOUNT   .         roles=32                                                    | ROLES_INVALID
OPEN_ACCOUNT   .         credit_limit_e5jpy=-1                                       | AMOUNT_NOT_POSITIVE
OPEN_ACCOUNT   .         credit_limit_e5jpy=max_amount+1                             | AMOUNT_TOO_LARGE
OPEN_ACCOUNT   .         id=0                                                        | ID_IS_ZERO
REGISTER_KEY   operator  account=bob roles=4                                         | OK
REGISTER_KEY   .         word5=1                                                     | WORD_NOT_ZERO
REGISTER_KEY   alice                                                                 | NOT_AUTHORISED
REGISTER_KEY   .         account=no_account                                          | UNKNOWN_ACCOUNT
REGISTER_KEY   .         account=-1                                                  | UNKNOWN_ACCOUNT
REGISTER_KEY   .         roles=0                                                     | ROLES_INVALID
REGISTER_KEY   .         roles=6                                                     | ROLES_INVALID  # bob is no producer
REGISTER_KEY   .         roles=-1                                                    | ROLES_INVALID
REVOKE_KEY     bob       key=key                                                     | OK
REVOKE_KEY     operator                                                              | OK
REVOKE_KEY     .         flags=1                                                     | WORD_NOT_ZERO
REVOKE_KEY     carol                                                                 | NOT_AUTHORISED # an auditor only reads
REVOKE_KEY     .         key=no_key                                                  | UNKNOWN_KEY
REVOKE_KEY     .         key=-1                                                      | UNKNOWN_KEY
REVOKE_KEY     alice                                                                 | NOT_OWNER
REVOKE_KEY     .         key=revoked_key                                             | KEY_NOT_ACTIVE
"""

DEVICES = """
kind               actor     fields                                                                | outcome
REGISTER_DEVICE    operator  account=bob area=9 source=7 capacity_w=2**36 channel_role=1 register_open_wh=0 resolution_s=300 tier=0 | OK
REGISTER_DEVICE    .         area=1 resolution_s=3600 tier=4 capacity_w=1 register_open_wh=big     | OK
REGISTER_DEVICE    .         source=0 channel_role=2 resolution_s=900                              | OK
REGISTER_DEVICE    .         word11=1                                                              | WORD_NOT_ZERO
REGISTER_DEVICE    alice                                                                           | NOT_AUTHORISED
REGISTER_DEVICE    .         account=no_account                                                    | UNKNOWN_ACCOUNT
REGISTER_DEVICE    .         area=0                                                                | AREA_INVALID
REGISTER_DEVICE    .         area=10                                                               | AREA_INVALID
REGISTER_DEVICE    .         source=0                                                              | SOURCE_INVALID
REGISTER_DEVICE    .         source=8                                                              | SOURCE_INVALID
REGISTER_DEVICE    .         channel_role=2                                                        | SOURCE_INVALID # consumption has no source
REGISTER_DEVICE    .         channel_role=3                                                        | CHANNEL_INVALID
REGISTER_DEVICE    .         channel_role=0                                                        | CHANNEL_INVALID
REGISTER_DEVICE    .         tier=5                                                                | TIER_INVALID
REGISTER_DEVICE    .         tier=-1                                                               | TIER_INVALID
REGISTER_DEVICE    .         resolution_s=1200                                                     | PERIOD_INVALID
REGISTER_DEVICE    .         resolution_s=0                                                        | PERIOD_INVALID
REGISTER_DEVICE    .         capacity_w=0                                                          | CAPACITY_INVALID
REGISTER_DEVICE    .         capacity_w=2**36+1                                                    | CAPACITY_INVALID
REGISTER_DEVICE    .         register_open_wh=-1                                                   | REGISTER_INVALID
REGISTER_DEVICE    .         register_open_wh=big+1                                                | REGISTER_INVALID
REGISTER_METER_KEY operator  device=sun alg=-7 valid_from_ms=now                                   | OK
REGISTER_METER_KEY .         alg=-8 valid_from_ms=0                                                | OK
REGISTER_METER_KEY .         valid_from_ms=max_time*1000                                           | OK
REGISTER_METER_KEY .         word6=1                                                               | WORD_NOT_ZERO
REGISTER_METER_KEY bob                                                                             | NOT_AUTHORISED
REGISTER_METER_KEY .         device=no_device                                                      | UNKNOWN_DEVICE
REGISTER_METER_KEY .         device=-1                                                             | UNKNOWN_DEVICE
REGISTER_METER_KEY .         alg=-257                                                              | ALGORITHM_INVALID
REGISTER_METER_KEY .         valid_from_ms=-1                                                      | TIME_INVALID
REGISTER_METER_KEY .         valid_from_ms=max_time*1000+1                                         | TIME_INVALID
"""

TOKENS = """
kind      actor     fields                                                                         | outcome
WITHDRAW  operator  lot=held start=its end=its reason=1                                            | OK
WITHDRAW  .         start=held_start+1 end=held_end-1                                              | OK
WITHDRAW  .         lot=storage                                                                    | OK
WITHDRAW  .         word7=1                                                                        | WORD_NOT_ZERO
WITHDRAW  alice                                                                                    | NOT_AUTHORISED
WITHDRAW  .         lot=no_lot                                                                     | UNKNOWN_LOT
WITHDRAW  .         lot=-1                                                                         | UNKNOWN_LOT
WITHDRAW  .         end=held_start                                                                 | RANGE_EMPTY
WITHDRAW  .         lot=reserved                                                                   | LOT_NOT_HELD
WITHDRAW  .         start=held_start-1                                                             | RANGE_NOT_IN_LOT
WITHDRAW  .         end=held_end+1                                                                 | RANGE_NOT_IN_LOT
WITHDRAW  .         lot=old                                                                        | LOT_EXPIRED
WITHDRAW  .         lot=given                                                                      | NOT_WITH_PRODUCER
WITHDRAW  .         lot=claim                                                                      | KIND_MISMATCH
TRANSFER  alice     lot=held start=its end=its to_account=bob                                      | OK
TRANSFER  .         start=held_start+5                                                             | OK
TRANSFER  .         lot=claim                                                                      | OK
TRANSFER  .         word7=1                                                                        | WORD_NOT_ZERO
TRANSFER  no_account                                                                               | UNKNOWN_ACTOR
TRANSFER  collateral                                                                               | NOT_AUTHORISED
TRANSFER  .         to_account=no_account                                                          | UNKNOWN_ACCOUNT
TRANSFER  .         to_account=outside                                                             | UNKNOWN_ACCOUNT
TRANSFER  .         to_account=collateral                                                          | UNKNOWN_ACCOUNT
TRANSFER  .         lot=no_lot                                                                     | UNKNOWN_LOT
TRANSFER  .         start=held_end                                                                 | RANGE_EMPTY
TRANSFER  .         start=maximum end=minimum                                                      | RANGE_EMPTY
TRANSFER  dave                                                                                     | NOT_OWNER
TRANSFER  operator                                                                                 | NOT_OWNER # not even the operator
TRANSFER  .         lot=given                                                                      | NOT_OWNER
TRANSFER  .         lot=reserved                                                                   | LOT_NOT_HELD
TRANSFER  .         lot=offered                                                                    | LOT_NOT_HELD
TRANSFER  .         lot=retired                                                                    | LOT_NOT_HELD
TRANSFER  .         lot=expired                                                                    | LOT_NOT_HELD
TRANSFER  .         lot=withdrawn                                                                  | LOT_NOT_HELD
TRANSFER  .         start=minimum                                                                  | RANGE_NOT_IN_LOT
TRANSFER  .         end=maximum                                                                    | RANGE_NOT_IN_LOT
TRANSFER  .         lot=old                                                                        | LOT_EXPIRED
TRANSFER  .         lot=lapsed                                                                     | LOT_EXPIRED
TRANSFER  .         to_account=alice                                                               | SAME_ACCOUNT
SPLIT     alice     lot=held start=its end=its                                                     | OK # the whole: nothing to cut
SPLIT     .         start=held_start+25 end=held_start+50                                          | OK
SPLIT     .         word6=1                                                                        | WORD_NOT_ZERO
SPLIT     carol                                                                                    | NOT_AUTHORISED
SPLIT     .         lot=no_lot                                                                     | UNKNOWN_LOT
SPLIT     .         end=held_start                                                                 | RANGE_EMPTY
SPLIT     bob                                                                                      | NOT_OWNER
SPLIT     .         lot=offered                                                                    | LOT_NOT_HELD
SPLIT     .         start=held_start-1                                                             | RANGE_NOT_IN_LOT
SPLIT     .         lot=old                                                                        | LOT_EXPIRED
RESERVE   alice     lot=held start=its end=its timeout_ms=now+1                                    | OK
RESERVE   .         timeout_ms=max_time*1000                                                       | OK
RESERVE   .         flags=2                                                                        | WORD_NOT_ZERO
RESERVE   carol                                                                                    | NOT_AUTHORISED
RESERVE   .         lot=no_lot                                                                     | UNKNOWN_LOT
RESERVE   .         timeout_ms=now                                                                 | TIME_INVALID
RESERVE   .         timeout_ms=max_time*1000+1                                                     | TIME_INVALID
RESERVE   .         start=held_end                                                                 | RANGE_EMPTY
RESERVE   operator                                                                                 | NOT_OWNER
RESERVE   .         lot=retired                                                                    | LOT_NOT_HELD
RESERVE   .         start=held_start-1                                                             | RANGE_NOT_IN_LOT
RESERVE   .         lot=old                                                                        | LOT_EXPIRED
RELEASE   alice     lot=reserved                                                                   | OK
RELEASE   .         lot=old_reserved                                                               | OK
RELEASE   .         word4=1                                                                        | WORD_NOT_ZERO
RELEASE   carol                                                                                    | NOT_AUTHORISED
RELEASE   .         lot=no_lot                                                                     | UNKNOWN_LOT
RELEASE   bob                                                                                      | NOT_OWNER
RELEASE   operator                                                                                 | NOT_OWNER # before the time-out
RELEASE   operator  lot=old_reserved                                                               | OK # after it
RELEASE   .         lot=held                                                                       | LOT_NOT_RESERVED
RELEASE   .         lot=expired                                                                    | LOT_NOT_RESERVED
RELEASE   .         lot=offered                                                                    | LOT_IN_ORDER
RETIRE    alice     lot=held start=its end=its beneficiary_account=bob claim=3 period_start_s=0 duration_s=0 | OK
RETIRE    operator                                                                                 | OK # settlement
RETIRE    .         claim=1 period_start_s=now_s-slot duration_s=slot                              | OK
RETIRE    .         lot=storage                                                                    | OK
RETIRE    .         lot=claim claim=2 period_start_s=now_s-day duration_s=slot                     | OK
RETIRE    .         lot=lapsed claim=2 period_start_s=now_s-day duration_s=slot                    | OK # settled after its date
RETIRE    .         flags=1                                                                        | WORD_NOT_ZERO
RETIRE    carol                                                                                    | NOT_AUTHORISED
RETIRE    .         beneficiary_account=no_account                                                 | UNKNOWN_ACCOUNT
RETIRE    .         lot=no_lot                                                                     | UNKNOWN_LOT
RETIRE    .         claim=0                                                                        | CLAIM_INVALID
RETIRE    .         claim=4                                                                        | CLAIM_INVALID
RETIRE    .         duration_s=3601                                                                | TIME_INVALID
RETIRE    .         period_start_s=-1                                                              | TIME_INVALID
RETIRE    .         period_start_s=max_time+1                                                      | TIME_INVALID
RETIRE    .         claim=2 lot=claim                                                              | PERIOD_INVALID # no period of no length
RETIRE    .         claim=2 lot=claim period_start_s=now_s-day+1 duration_s=slot                   | PERIOD_INVALID
RETIRE    .         start=held_end                                                                 | RANGE_EMPTY
RETIRE    bob                                                                                      | NOT_OWNER
RETIRE    .         lot=withdrawn                                                                  | LOT_NOT_HELD
RETIRE    .         lot=retired                                                                    | LOT_NOT_HELD
RETIRE    .         end=held_end+1                                                                 | RANGE_NOT_IN_LOT
RETIRE    .         lot=old                                                                        | LOT_EXPIRED
RETIRE    .         lot=old claim=2 period_start_s=now_s-day duration_s=slot                       | LOT_EXPIRED # only a claim outlives its date
RETIRE    .         claim=1 period_start_s=now_s duration_s=1                                      | PERIOD_NOT_OVER
RETIRE    .         lot=claim claim=2 period_start_s=now_s duration_s=slot                         | PERIOD_NOT_OVER
RETIRE    .         lot=claim                                                                      | KIND_MISMATCH # a claim is no certificate
RETIRE    .         claim=2 period_start_s=now_s-day duration_s=slot                               | KIND_MISMATCH # a certificate is no energy
RETIRE    .         period_start_s=now_s-slot duration_s=slot                                      | PERIOD_MISMATCH
RETIRE    .         claim=1 period_start_s=now_s-2*slot duration_s=slot                            | PERIOD_MISMATCH
RETIRE    .         claim=1 period_start_s=now_s-slot duration_s=900                               | PERIOD_MISMATCH
RETIRE    .         lot=claim claim=2 period_start_s=now_s-day-slot duration_s=slot                | REDEEM_TOO_EARLY
RETIRE    .         lot=lapsed claim=2 period_start_s=now_s-day//2 duration_s=slot                 | REDEEM_TOO_LATE
EXPIRE    operator  lot=old                                                                        | OK
EXPIRE    .         lot=lapsed                                                                     | OK
EXPIRE    .         word4=1                                                                        | WORD_NOT_ZERO
EXPIRE    alice                                                                                    | NOT_AUTHORISED
EXPIRE    .         lot=no_lot                                                                     | UNKNOWN_LOT
EXPIRE    .         lot=old_reserved                                                               | LOT_NOT_HELD
EXPIRE    .         lot=expired                                                                    | LOT_NOT_HELD
EXPIRE    .         lot=held                                                                       | LOT_NOT_EXPIRED
"""

BANK = """
kind       actor     fields                                                                        | outcome
BANK       alice     lot=held start=held_start end=held_start+100 rule=7 redeem_until_s=now_s+1    | OK
BANK       operator                                                                                | OK
BANK       .         rule=65535 redeem_until_s=max_time                                            | OK
BANK       .         word8=1                                                                       | WORD_NOT_ZERO
BANK       carol                                                                                   | NOT_AUTHORISED
BANK       .         lot=no_lot                                                                    | UNKNOWN_LOT
BANK       .         redeem_until_s=-1                                                             | TIME_INVALID
BANK       .         redeem_until_s=max_time+1                                                     | TIME_INVALID
BANK       .         rule=0                                                                        | RULE_INVALID
BANK       .         rule=65536                                                                    | RULE_INVALID
BANK       .         end=held_start                                                                | RANGE_EMPTY
BANK       bob                                                                                     | NOT_OWNER
BANK       .         lot=reserved                                                                  | LOT_NOT_HELD
BANK       .         start=held_start-1                                                            | RANGE_NOT_IN_LOT
BANK       .         lot=old start=old_start end=old_end                                           | LOT_EXPIRED
BANK       .         redeem_until_s=now_s                                                          | EXPIRY_INVALID
BANK       .         lot=claim start=claim_start end=claim_end                                     | KIND_MISMATCH
BANK       .         lot=storage start=0 end=1                                                     | KIND_MISMATCH # K1
BANK       .         lot=stale start=0 end=1                                                       | BANK_WINDOW_CLOSED
BANK       .         end=held_end                                                                  | COVER_SHORT
SET_COVER  operator  forward_wh=0 stored_wh=big stress_price_sen=1                                 | OK
SET_COVER  .         forward_wh=big stress_price_sen=99900                                         | OK
SET_COVER  .         word6=1                                                                       | WORD_NOT_ZERO
SET_COVER  alice                                                                                   | NOT_AUTHORISED
SET_COVER  .         forward_wh=-1                                                                 | QUANTITY_NOT_POSITIVE
SET_COVER  .         stored_wh=-1                                                                  | QUANTITY_NOT_POSITIVE
SET_COVER  .         forward_wh=big+1                                                              | QUANTITY_TOO_LARGE
SET_COVER  .         stored_wh=maximum                                                             | QUANTITY_TOO_LARGE
SET_COVER  .         stress_price_sen=0                                                            | PRICE_OUT_OF_RANGE
SET_COVER  .         stress_price_sen=99901                                                        | PRICE_OUT_OF_RANGE
"""

MONEY = """
kind     actor     fields                                                                          | outcome
DEPOSIT  operator  account=alice amount_e5jpy=1                                                    | OK
DEPOSIT  .         account=collateral amount_e5jpy=max_amount-3*10**9                              | OK
DEPOSIT  .         word5=1                                                                         | WORD_NOT_ZERO
DEPOSIT  alice                                                                                     | NOT_AUTHORISED
DEPOSIT  .         account=no_account                                                              | UNKNOWN_ACCOUNT
DEPOSIT  .         account=outside                                                                 | UNKNOWN_ACCOUNT
DEPOSIT  .         amount_e5jpy=0                                                                  | AMOUNT_NOT_POSITIVE
DEPOSIT  .         amount_e5jpy=minimum                                                            | AMOUNT_NOT_POSITIVE
DEPOSIT  .         amount_e5jpy=max_amount-3*10**9+1                                               | AMOUNT_TOO_LARGE # all deposits together
DEPOSIT  .         amount_e5jpy=maximum                                                            | AMOUNT_TOO_LARGE
PAYOUT   operator  account=alice amount_e5jpy=10**9+116000                                          | OK # a deposit and the price of 100 Wh
PAYOUT   .         word5=1                                                                         | WORD_NOT_ZERO
PAYOUT   bob                                                                                       | NOT_AUTHORISED
PAYOUT   .         account=outside                                                                 | UNKNOWN_ACCOUNT
PAYOUT   .         amount_e5jpy=0                                                                  | AMOUNT_NOT_POSITIVE
PAYOUT   .         amount_e5jpy=10**9+116001                                                        | INSUFFICIENT_CASH
PAYOUT   .         amount_e5jpy=maximum                                                            | INSUFFICIENT_CASH
PAYOUT   .         account=bob amount_e5jpy=10**9-90000-50000+1                                    | INSUFFICIENT_CASH # his order holds 50 Wh x 1,000 sen
PAY      alice     from_account=alice to_account=bob amount_e5jpy=10**9+116000 reason=1 period_start_s=now_s duration_s=slot | OK
PAY      operator                                                                                  | OK
PAY      .         to_account=collateral                                                           | OK
PAY      .         word9=1                                                                         | WORD_NOT_ZERO
PAY      carol                                                                                     | NOT_AUTHORISED
PAY      .         from_account=outside                                                            | UNKNOWN_ACCOUNT
PAY      .         to_account=outside                                                              | UNKNOWN_ACCOUNT
PAY      .         to_account=no_account                                                           | UNKNOWN_ACCOUNT
PAY      .         period_start_s=-1                                                               | TIME_INVALID
PAY      .         duration_s=-1                                                                   | TIME_INVALID
PAY      .         amount_e5jpy=-1                                                                 | AMOUNT_NOT_POSITIVE
PAY      .         amount_e5jpy=0                                                                  | AMOUNT_NOT_POSITIVE
PAY      .         amount_e5jpy=max_amount                                                         | INSUFFICIENT_CASH # allowed, were it there
PAY      .         period_start_s=max_time duration_s=max_time                                     | OK
PAY      .         period_start_s=max_time+1                                                       | TIME_INVALID
PAY      .         amount_e5jpy=max_amount+1                                                       | AMOUNT_TOO_LARGE
PAY      dave                                                                                      | NOT_OWNER
PAY      .         amount_e5jpy=10**9+116001                                                        | INSUFFICIENT_CASH
PAY      .         to_account=alice                                                                | SAME_ACCOUNT
"""

MARKET = """
kind           actor     fields                                                                    | outcome
LIST_PRODUCT   operator  area=1 source=7 period_start_s=0 duration_s=1 gate_open_ms=0 gate_close_ms=1 mode=2 scope=2 | OK
LIST_PRODUCT   .         period_start_s=max_time duration_s=max_time gate_close_ms=max_time*1000   | OK
LIST_PRODUCT   .         word11=1                                                                  | WORD_NOT_ZERO
LIST_PRODUCT   alice                                                                               | NOT_AUTHORISED
LIST_PRODUCT   .         area=0 mode=1                                                             | OK # every area
LIST_PRODUCT   .         scope=0 period_start_s=now_s duration_s=slot                              | OK
LIST_PRODUCT   .         area=0                                                                    | AREA_INVALID # a zaraba only
LIST_PRODUCT   .         area=10                                                                   | AREA_INVALID
LIST_PRODUCT   .         area=-1                                                                   | AREA_INVALID
LIST_PRODUCT   .         source=0                                                                  | SOURCE_INVALID
LIST_PRODUCT   .         source=8                                                                  | SOURCE_INVALID
LIST_PRODUCT   .         mode=0                                                                    | MODE_INVALID
LIST_PRODUCT   .         mode=3                                                                    | MODE_INVALID
LIST_PRODUCT   .         scope=3                                                                   | SCOPE_INVALID
LIST_PRODUCT   .         scope=-1                                                                  | SCOPE_INVALID
LIST_PRODUCT   .         period_start_s=-1                                                         | TIME_INVALID
LIST_PRODUCT   .         period_start_s=max_time+1                                                 | TIME_INVALID
LIST_PRODUCT   .         duration_s=0                                                              | PERIOD_INVALID
LIST_PRODUCT   .         scope=0                                                                   | PERIOD_INVALID # no settlement period
LIST_PRODUCT   .         scope=0 period_start_s=now_s+60 duration_s=slot                           | PERIOD_INVALID # off its grid
LIST_PRODUCT   .         gate_close_ms=0                                                           | GATE_INVALID
LIST_PRODUCT   .         gate_open_ms=-1                                                           | GATE_INVALID
LIST_PRODUCT   .         gate_close_ms=max_time*1000+1                                             | GATE_INVALID
PLACE_ORDER    alice     product=zaraba side=2 price_sen_per_kwh=2000 quantity_wh=its lot=held start=its tif=0 | OK
PLACE_ORDER    .         tif=1                                                                     | OK
PLACE_ORDER    .         price_sen_per_kwh=1                                                       | OK # into the bid of 1,000
PLACE_ORDER    .         price_sen_per_kwh=99900                                                   | OK
PLACE_ORDER    .         product=call                                                              | OK
PLACE_ORDER    .         product=certificates                                                      | OK
PLACE_ORDER    .         product=banked_year lot=claim                                             | OK
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=100                                      | OK
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=10**9-90000-50000 price_sen_per_kwh=1 tif=1 | OK # his last unit
PLACE_ORDER    .         flags=1                                                                   | WORD_NOT_ZERO
PLACE_ORDER    .         price_sen_per_kwh=0 tif=1                                                 | OK # at the market
PLACE_ORDER    .         price_sen_per_kwh=0 product=call                                          | OK # J17
PLACE_ORDER    .         tif=3                                                                     | OK # post only
PLACE_ORDER    .         tif=2 price_sen_per_kwh=1000 quantity_wh=50                               | OK # the bid takes it whole
PLACE_ORDER    .         expires_ms=now+1                                                          | OK
PLACE_ORDER    .         expires_ms=now+1 product=call                                             | OK
PLACE_ORDER    .         display_wh=500                                                            | OK # a twentieth of its 10,000 Wh or less
PLACE_ORDER    .         min_quantity_wh=50 price_sen_per_kwh=1000                                 | OK # all that the bid takes
PLACE_ORDER    .         self_trade=3 session=-5                                                   | OK
PLACE_ORDER    .         product=every                                                             | OK
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=100 product=every area=9                 | OK
PLACE_ORDER    .         product=halted                                                            | OK # it waits
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=100 price_sen_per_kwh=0 tif=2            | OK # 100 of the 100 offered
PLACE_ORDER    .         side=1                                                                    | WORD_NOT_ZERO # a buy order names no lot
PLACE_ORDER    bob       side=1 lot=0 start=1                                                      | WORD_NOT_ZERO
PLACE_ORDER    no_account                                                                          | UNKNOWN_ACTOR
PLACE_ORDER    carol                                                                               | NOT_AUTHORISED
PLACE_ORDER    .         lot=no_lot                                                                | UNKNOWN_LOT
PLACE_ORDER    .         product=no_product                                                        | UNKNOWN_PRODUCT
PLACE_ORDER    .         product=-1                                                                | UNKNOWN_PRODUCT
PLACE_ORDER    .         side=0                                                                    | SIDE_INVALID
PLACE_ORDER    .         side=3                                                                    | SIDE_INVALID
PLACE_ORDER    .         tif=4                                                                     | TIF_INVALID
PLACE_ORDER    .         tif=-1                                                                    | TIF_INVALID
PLACE_ORDER    .         area=1                                                                    | AREA_INVALID # the lot has one
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=100 area=3                               | AREA_INVALID # the product has one
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=100 product=every                        | AREA_INVALID # where to?
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=100 product=every area=10                | AREA_INVALID
PLACE_ORDER    .         self_trade=4                                                              | SELF_TRADE_INVALID
PLACE_ORDER    .         self_trade=-1                                                             | SELF_TRADE_INVALID
PLACE_ORDER    .         expires_ms=now                                                            | TIME_INVALID
PLACE_ORDER    .         expires_ms=-1                                                             | TIME_INVALID
PLACE_ORDER    .         expires_ms=max_time*1000+1                                                | TIME_INVALID
PLACE_ORDER    .         min_quantity_wh=-1                                                        | MIN_QUANTITY_INVALID
PLACE_ORDER    .         min_quantity_wh=big                                                       | MIN_QUANTITY_INVALID
PLACE_ORDER    .         display_wh=-1                                                             | DISPLAY_INVALID
PLACE_ORDER    .         display_wh=1                                                              | DISPLAY_INVALID # under a twentieth
PLACE_ORDER    .         display_wh=big                                                            | DISPLAY_INVALID
PLACE_ORDER    .         expires_ms=now+1 tif=1                                                    | TERMS_MISMATCH
PLACE_ORDER    .         display_wh=9000 tif=2                                                     | TERMS_MISMATCH
PLACE_ORDER    .         min_quantity_wh=1 tif=3                                                   | TERMS_MISMATCH
PLACE_ORDER    .         self_trade=3 tif=1 price_sen_per_kwh=0                                    | TERMS_MISMATCH # what it trades is not known before
PLACE_ORDER    .         self_trade=3 tif=2                                                        | TERMS_MISMATCH
PLACE_ORDER    .         self_trade=3 min_quantity_wh=1                                            | TERMS_MISMATCH
PLACE_ORDER    .         product=call expires_ms=now+2*day*1000                                    | OK # at the gate
PLACE_ORDER    .         product=call expires_ms=now+2*day*1000+1                                  | TIME_INVALID # from there on a bid stands (J10)
PLACE_ORDER    .         quantity_wh=0                                                             | QUANTITY_NOT_POSITIVE
PLACE_ORDER    .         quantity_wh=minimum                                                       | QUANTITY_NOT_POSITIVE
PLACE_ORDER    .         quantity_wh=big+1                                                         | QUANTITY_TOO_LARGE
PLACE_ORDER    .         price_sen_per_kwh=-1                                                      | PRICE_OUT_OF_RANGE
PLACE_ORDER    .         price_sen_per_kwh=99901                                                   | PRICE_OUT_OF_RANGE
PLACE_ORDER    dave                                                                                | NOT_OWNER
PLACE_ORDER    operator                                                                            | NOT_OWNER
PLACE_ORDER    .         lot=offered                                                               | LOT_NOT_HELD # already in an order
PLACE_ORDER    .         lot=retired                                                               | LOT_NOT_HELD
PLACE_ORDER    .         start=held_start+1                                                        | RANGE_NOT_IN_LOT
PLACE_ORDER    .         start=-1                                                                  | RANGE_NOT_IN_LOT
PLACE_ORDER    .         start=maximum                                                             | RANGE_NOT_IN_LOT
PLACE_ORDER    .         lot=old                                                                   | LOT_EXPIRED
PLACE_ORDER    .         product=shut                                                              | PRODUCT_CLOSED
PLACE_ORDER    .         product=gone                                                              | PRODUCT_CLOSED # its gate has closed
PLACE_ORDER    .         product=early                                                             | PRODUCT_NOT_OPEN
PLACE_ORDER    .         product=elsewhere                                                         | PRODUCT_MISMATCH
PLACE_ORDER    .         product=other_period                                                      | PRODUCT_MISMATCH
PLACE_ORDER    .         product=banked_year                                                       | PRODUCT_MISMATCH # not banked
PLACE_ORDER    .         product=certificates lot=claim                                            | PRODUCT_MISMATCH # K1
PLACE_ORDER    .         lot=storage                                                               | PRODUCT_MISMATCH
PLACE_ORDER    .         lot=claim                                                                 | PRODUCT_MISMATCH
PLACE_ORDER    .         product=call tif=1                                                        | WRONG_MODE
PLACE_ORDER    .         product=call tif=2                                                        | WRONG_MODE
PLACE_ORDER    .         product=call display_wh=9000                                              | WRONG_MODE
PLACE_ORDER    .         product=call min_quantity_wh=1                                            | WRONG_MODE
PLACE_ORDER    .         product=call self_trade=1                                                 | WRONG_MODE
PLACE_ORDER    .         price_sen_per_kwh=0                                                       | WRONG_MODE # it cannot rest in a zaraba
PLACE_ORDER    .         product=limited                                                           | PRICE_OUTSIDE_COLLAR # 5 to 15 JPY
PLACE_ORDER    .         product=limited price_sen_per_kwh=499                                     | PRICE_OUTSIDE_COLLAR
PLACE_ORDER    erin      side=1 lot=0 start=0 quantity_wh=101 product=limited price_sen_per_kwh=900 | POSITION_LIMIT # 1,000 less 900
PLACE_ORDER    .         tif=3 price_sen_per_kwh=1000                                              | WOULD_TRADE
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=100 tif=3                                | WOULD_TRADE
PLACE_ORDER    .         tif=2                                                                     | NOT_FILLABLE
PLACE_ORDER    .         tif=2 price_sen_per_kwh=0                                                 | NOT_FILLABLE
PLACE_ORDER    .         min_quantity_wh=51 price_sen_per_kwh=1000                                 | NOT_FILLABLE
PLACE_ORDER    bob       side=1 lot=0 start=0 quantity_wh=10**9 price_sen_per_kwh=1                | INSUFFICIENT_CASH
PLACE_ORDER    dave      side=1 lot=0 start=0 quantity_wh=1 price_sen_per_kwh=1                    | INSUFFICIENT_CASH
CANCEL         alice     target_id_low=open_sell_low target_id_high=open_sell_high                 | OK
CANCEL         operator                                                                            | OK
CANCEL         bob       target_id_low=open_buy_low target_id_high=open_buy_high                   | OK
CANCEL         .         word5=1                                                                   | WORD_NOT_ZERO
CANCEL         carol                                                                               | NOT_AUTHORISED
CANCEL         .         target_id_low=0 target_id_high=0                                          | UNKNOWN_ORDER
CANCEL         .         target_id_high=open_buy_high                                              | UNKNOWN_ORDER
CANCEL         bob                                                                                 | NOT_OWNER
CANCEL         .         target_id_low=filled_sell_low target_id_high=filled_sell_high             | ORDER_NOT_OPEN
CANCEL         bob       target_id_low=cancelled_low target_id_high=cancelled_high                 | ORDER_NOT_OPEN
CANCEL         alice     target_id_low=due_bid_low target_id_high=due_bid_high                     | AUCTION_LOCKED # J10
CANCEL         alice     target_id_low=asked_sell_low target_id_high=asked_sell_high               | ORDER_IS_CANDIDATE # J38
CANCEL         alice     target_id_low=waiting_low target_id_high=waiting_high                     | OK # J40: during a halt
AMEND          alice     target_id_low=open_sell_low target_id_high=open_sell_high price_sen_per_kwh=1500 quantity_wh=99 | OK
AMEND          .         price_sen_per_kwh=1000                                                    | OK # into the bid
AMEND          .         price_sen_per_kwh=99900                                                   | OK
AMEND          .         quantity_wh=100                                                           | OK # what it is already
AMEND          bob       target_id_low=open_buy_low target_id_high=open_buy_high quantity_wh=5000  | OK # a bid may grow
AMEND          .         word7=1                                                                   | WORD_NOT_ZERO
AMEND          no_account                                                                          | UNKNOWN_ACTOR
AMEND          carol                                                                               | NOT_AUTHORISED
AMEND          .         target_id_low=0 target_id_high=0                                          | UNKNOWN_ORDER
AMEND          .         quantity_wh=0                                                             | QUANTITY_NOT_POSITIVE
AMEND          .         quantity_wh=big+1                                                         | QUANTITY_TOO_LARGE
AMEND          .         price_sen_per_kwh=0                                                       | PRICE_OUT_OF_RANGE
AMEND          .         price_sen_per_kwh=99901                                                   | PRICE_OUT_OF_RANGE
AMEND          .         price_sen_per_kwh=-1                                                      | PRICE_OUT_OF_RANGE
AMEND          erin      target_id_low=iceberg_low target_id_high=iceberg_high quantity_wh=2001    | DISPLAY_INVALID # it shows 100
AMEND          erin      target_id_low=iceberg_low target_id_high=iceberg_high quantity_wh=99      | DISPLAY_INVALID
AMEND          bob                                                                                 | NOT_OWNER
AMEND          operator                                                                            | NOT_OWNER # nor may the operator
AMEND          alice     target_id_low=due_bid_low target_id_high=due_bid_high                     | PRODUCT_CLOSED
AMEND          alice     target_id_low=waiting_low target_id_high=waiting_high                     | PRODUCT_HALTED
AMEND          .         target_id_low=filled_sell_low target_id_high=filled_sell_high             | ORDER_NOT_OPEN
AMEND          bob       target_id_low=cancelled_low target_id_high=cancelled_high                 | ORDER_NOT_OPEN
AMEND          erin      target_id_low=limited_buy_low target_id_high=limited_buy_high price_sen_per_kwh=1501 quantity_wh=900 | PRICE_OUTSIDE_COLLAR
AMEND          erin      target_id_low=limited_buy_low target_id_high=limited_buy_high price_sen_per_kwh=600 quantity_wh=1001 | POSITION_LIMIT
AMEND          erin      target_id_low=part_buy_low target_id_high=part_buy_high quantity_wh=40    | BELOW_FILLED # 40 have traded
AMEND          .         quantity_wh=101                                                           | ABOVE_RESERVED
AMEND          alice     target_id_low=posted_low target_id_high=posted_high price_sen_per_kwh=900 quantity_wh=100 | WOULD_TRADE
AMEND          bob       target_id_low=open_buy_low target_id_high=open_buy_high price_sen_per_kwh=99900 quantity_wh=10**9 | INSUFFICIENT_CASH
CANCEL_ALL     bob       account=bob product=-1 session=0                                          | OK
CANCEL_ALL     operator                                                                            | OK
CANCEL_ALL     .         product=zaraba session=5                                                  | OK # none has it
CANCEL_ALL     .         word6=1                                                                   | WORD_NOT_ZERO
CANCEL_ALL     carol                                                                               | NOT_AUTHORISED
CANCEL_ALL     .         account=no_account                                                        | UNKNOWN_ACCOUNT
CANCEL_ALL     .         account=-1                                                                | UNKNOWN_ACCOUNT
CANCEL_ALL     .         product=no_product                                                        | UNKNOWN_PRODUCT
CANCEL_ALL     .         product=-2                                                                | UNKNOWN_PRODUCT
CANCEL_ALL     alice                                                                               | NOT_OWNER
SET_LIMITS     operator  product=zaraba low_sen_per_kwh=1 high_sen_per_kwh=99900 position_wh=0     | OK
SET_LIMITS     .         low_sen_per_kwh=1200 high_sen_per_kwh=1200 position_wh=big                | OK # both resting orders end
SET_LIMITS     .         product=halted                                                            | OK
SET_LIMITS     .         word7=1                                                                   | WORD_NOT_ZERO
SET_LIMITS     alice                                                                               | NOT_AUTHORISED
SET_LIMITS     .         product=no_product                                                        | UNKNOWN_PRODUCT
SET_LIMITS     .         position_wh=-1                                                            | QUANTITY_NOT_POSITIVE
SET_LIMITS     .         position_wh=big+1                                                         | QUANTITY_TOO_LARGE
SET_LIMITS     .         low_sen_per_kwh=0                                                         | PRICE_OUT_OF_RANGE
SET_LIMITS     .         high_sen_per_kwh=99901                                                    | PRICE_OUT_OF_RANGE
SET_LIMITS     .         low_sen_per_kwh=900 high_sen_per_kwh=899                                  | PRICE_OUT_OF_RANGE
SET_LIMITS     .         product=shut                                                              | PRODUCT_CLOSED
SET_LIMITS     .         product=asking                                                            | PRODUCT_HALTED
SET_LIMITS     .         product=due                                                               | AUCTION_LOCKED # J10
SET_TRADING    operator  product=zaraba trading_state=3 reason=0                                   | OK
SET_TRADING    .         product=halted trading_state=1 reason=9                                   | OK
SET_TRADING    .         word6=1                                                                   | WORD_NOT_ZERO
SET_TRADING    bob                                                                                 | NOT_AUTHORISED
SET_TRADING    .         product=no_product                                                        | UNKNOWN_PRODUCT
SET_TRADING    .         trading_state=2                                                           | TRADING_STATE_INVALID
SET_TRADING    .         trading_state=0                                                           | TRADING_STATE_INVALID
SET_TRADING    .         product=shut                                                              | PRODUCT_CLOSED
SET_TRADING    .         product=halted                                                            | PRODUCT_HALTED
SET_TRADING    .         product=asking                                                            | PRODUCT_HALTED
SET_TRADING    .         trading_state=1                                                           | PRODUCT_NOT_HALTED
SET_TRADING    .         product=asking trading_state=1                                            | PRODUCT_NOT_HALTED # the answer ends it
ANSWER_CAPACITY operator product=asking granted_wh=0                                               | OK
ANSWER_CAPACITY .        granted_wh=30                                                             | OK
ANSWER_CAPACITY .        word5=1                                                                   | WORD_NOT_ZERO
ANSWER_CAPACITY alice                                                                              | NOT_AUTHORISED
ANSWER_CAPACITY .        product=no_product                                                        | UNKNOWN_PRODUCT
ANSWER_CAPACITY .        granted_wh=-1                                                             | QUANTITY_NOT_POSITIVE
ANSWER_CAPACITY .        granted_wh=31                                                             | QUANTITY_TOO_LARGE # 30 were asked for
ANSWER_CAPACITY .        product=shut                                                              | PRODUCT_CLOSED
ANSWER_CAPACITY .        product=zaraba                                                            | NOTHING_ASKED
ANSWER_CAPACITY .        product=halted                                                            | NOTHING_ASKED
OPEN_ROUTE     operator  product=every from_area=3 to_area=9                                       | OK
OPEN_ROUTE     .         product=asking from_area=9 to_area=8                                      | OK
OPEN_ROUTE     .         word6=1                                                                   | WORD_NOT_ZERO
OPEN_ROUTE     bob                                                                                 | NOT_AUTHORISED
OPEN_ROUTE     .         product=no_product                                                        | UNKNOWN_PRODUCT
OPEN_ROUTE     .         from_area=0                                                               | AREA_INVALID
OPEN_ROUTE     .         to_area=10                                                                | AREA_INVALID
OPEN_ROUTE     .         to_area=3                                                                 | AREA_INVALID # no route
OPEN_ROUTE     .         product=shut                                                              | PRODUCT_CLOSED
OPEN_ROUTE     .         product=zaraba                                                            | WRONG_MODE
CLEAR_AUCTION  operator  product=due                                                               | OK
CLEAR_AUCTION  .         word4=1                                                                   | WORD_NOT_ZERO
CLEAR_AUCTION  alice                                                                               | NOT_AUTHORISED
CLEAR_AUCTION  .         product=no_product                                                        | UNKNOWN_PRODUCT
CLEAR_AUCTION  .         product=shut                                                              | PRODUCT_CLOSED
CLEAR_AUCTION  .         product=gone                                                              | WRONG_MODE
CLEAR_AUCTION  .         product=due_halted                                                        | PRODUCT_HALTED
CLEAR_AUCTION  .         product=call                                                              | GATE_NOT_CLOSED
CLOSE_PRODUCT  operator  product=zaraba                                                            | OK
CLOSE_PRODUCT  .         product=call                                                              | OK
CLOSE_PRODUCT  .         flags=1                                                                   | WORD_NOT_ZERO
CLOSE_PRODUCT  bob                                                                                 | NOT_AUTHORISED
CLOSE_PRODUCT  .         product=no_product                                                        | UNKNOWN_PRODUCT
CLOSE_PRODUCT  .         product=shut                                                              | PRODUCT_CLOSED
"""

RECORDS = """
kind        actor     fields                                                                       | outcome
BULK_ROOT   operator  bulk_kind=1 rows=0 total_wh=0 period_start_s=0 duration_s=0                  | OK
BULK_ROOT   .         bulk_kind=8 rows=maximum total_wh=maximum period_start_s=max_time duration_s=max_time | OK
BULK_ROOT   .         flags=1                                                                      | WORD_NOT_ZERO
BULK_ROOT   alice                                                                                  | NOT_AUTHORISED
BULK_ROOT   .         bulk_kind=0                                                                  | BULK_KIND_INVALID
BULK_ROOT   .         bulk_kind=9                                                                  | BULK_KIND_INVALID
BULK_ROOT   .         period_start_s=-1                                                            | TIME_INVALID
BULK_ROOT   .         duration_s=max_time+1                                                        | TIME_INVALID
BULK_ROOT   .         rows=-1                                                                      | ROWS_INVALID
BULK_ROOT   .         total_wh=-1                                                                  | QUANTITY_NOT_POSITIVE
STATE_HASH  operator  frame_sequence=0                                                             | OK
STATE_HASH  .         word4=1                                                                      | WORD_NOT_ZERO
STATE_HASH  bob                                                                                    | NOT_AUTHORISED
"""

MINT = """
kind   actor     fields                                                                            | outcome
ISSUE  operator  device=sun period_start_s=now_s duration_s=slot reg_from_wh=device_register reg_to_wh=device_register+26250 expiry_s=now_s+slot+1 tier=3 | OK
ISSUE  .         flags=1 reg_to_wh=big                                                             | OK # withheld: the register moves, nothing is minted
ISSUE  .         period_start_s=now_s+slot expiry_s=now_s+9*slot                                   | OK # a period without tokens may lie between
ISSUE  .         expiry_s=max_time tier=0                                                          | OK
ISSUE  .         flags=2                                                                           | WORD_NOT_ZERO
ISSUE  .         word10=1                                                                          | WORD_NOT_ZERO
ISSUE  alice                                                                                       | NOT_AUTHORISED # no producer mints for himself
ISSUE  .         device=no_device                                                                  | UNKNOWN_DEVICE
ISSUE  .         tier=5                                                                            | TIER_INVALID
ISSUE  .         period_start_s=-1800                                                              | TIME_INVALID
ISSUE  .         expiry_s=max_time+1                                                               | TIME_INVALID
ISSUE  .         duration_s=0                                                                      | PERIOD_INVALID
ISSUE  .         duration_s=minimum                                                                | PERIOD_INVALID
ISSUE  .         period_start_s=now_s+1                                                            | PERIOD_INVALID # off its grid
ISSUE  .         reg_from_wh=-1                                                                    | REGISTER_INVALID
ISSUE  .         reg_to_wh=device_register-1                                                       | REGISTER_INVALID
ISSUE  .         reg_to_wh=big+1                                                                   | REGISTER_INVALID
ISSUE  .         device=load reg_from_wh=1000 reg_to_wh=1001                                       | NOT_PRODUCTION
ISSUE  .         duration_s=900                                                                    | DURATION_MISMATCH
ISSUE  .         period_start_s=later_s expiry_s=later_s+9*slot                                    | PERIOD_NOT_OVER
ISSUE  .         period_start_s=now_s-slot                                                         | PERIOD_OVERLAP
ISSUE  .         reg_from_wh=device_register-1                                                     | REGISTER_OVERLAP
ISSUE  .         reg_from_wh=device_register+1                                                     | REGISTER_GAP
ISSUE  .         reg_to_wh=device_register                                                         | NOTHING_MEASURED
ISSUE  .         reg_to_wh=device_register+26251                                                   | ABOVE_CAPACITY # 50 kW x 0.5 h x 105 % = 26,250 Wh
ISSUE  .         expiry_s=now_s+slot                                                               | EXPIRY_INVALID
"""

BLOCKS = """
kind          actor     fields                                                                     | outcome
OPEN_BLOCK    alice     block_kind=1 side=2 price_sen_per_kwh=500 slots=4 partner=-1               | OK
OPEN_BLOCK    .         block_kind=2 side=1 price_sen_per_kwh=99900 slots=48                       | OK
OPEN_BLOCK    .         block_kind=3 partner=parent                                                | OK
OPEN_BLOCK    bob       block_kind=5 partner=loop                                                  | OK
OPEN_BLOCK    .         word8=1                                                                    | WORD_NOT_ZERO
OPEN_BLOCK    carol                                                                                | NOT_AUTHORISED
OPEN_BLOCK    .         block_kind=3                                                               | UNKNOWN_BLOCK
OPEN_BLOCK    .         block_kind=5 partner=no_block                                              | UNKNOWN_BLOCK
OPEN_BLOCK    .         side=3                                                                     | SIDE_INVALID
OPEN_BLOCK    .         block_kind=0                                                               | BLOCK_KIND_INVALID
OPEN_BLOCK    .         block_kind=6                                                               | BLOCK_KIND_INVALID
OPEN_BLOCK    .         slots=3                                                                    | SLOTS_INVALID
OPEN_BLOCK    .         slots=49                                                                   | SLOTS_INVALID
OPEN_BLOCK    .         price_sen_per_kwh=0                                                        | PRICE_OUT_OF_RANGE
OPEN_BLOCK    .         price_sen_per_kwh=99901                                                    | PRICE_OUT_OF_RANGE
OPEN_BLOCK    .         block_kind=5 partner=loop                                                  | NOT_OWNER
OPEN_BLOCK    .         block_kind=3 partner=ended                                                 | BLOCK_NOT_OPEN
OPEN_BLOCK    .         partner=parent                                                             | PARTNER_INVALID
OPEN_BLOCK    .         block_kind=5 partner=parent                                                | PARTNER_INVALID
OPEN_BLOCK    .         block_kind=3 partner=fresh                                                 | PARTNER_INVALID
OPEN_BLOCK    .         block_kind=3 partner=pair                                                  | PARTNER_INVALID # it has a child
PLACE_SLOT    alice     block=begun product=call1 quantity_wh=100 lot=lot start=lot_start          | OK
PLACE_SLOT    .         block=fresh                                                                | OK
PLACE_SLOT    bob       block=bid lot=0 start=0                                                    | OK
PLACE_SLOT    .         word8=1                                                                    | WORD_NOT_ZERO
PLACE_SLOT    bob       block=bid                                                                  | WORD_NOT_ZERO # a buy names no lot
PLACE_SLOT    carol                                                                                | NOT_AUTHORISED
PLACE_SLOT    .         lot=no_lot                                                                 | UNKNOWN_LOT
PLACE_SLOT    .         product=no_product                                                         | UNKNOWN_PRODUCT
PLACE_SLOT    .         block=no_block                                                             | UNKNOWN_BLOCK
PLACE_SLOT    .         quantity_wh=0                                                              | QUANTITY_NOT_POSITIVE
PLACE_SLOT    .         quantity_wh=big+1                                                          | QUANTITY_TOO_LARGE
PLACE_SLOT    dave                                                                                 | NOT_OWNER
PLACE_SLOT    .         lot=0                                                                      | RANGE_NOT_IN_LOT
PLACE_SLOT    .         quantity_wh=201                                                            | RANGE_NOT_IN_LOT
PLACE_SLOT    .         product=shut                                                               | PRODUCT_CLOSED
PLACE_SLOT    .         product=due1                                                               | PRODUCT_CLOSED
PLACE_SLOT    .         product=early                                                              | PRODUCT_NOT_OPEN
PLACE_SLOT    .         lot=wrong_lot start=0                                                      | PRODUCT_MISMATCH
PLACE_SLOT    .         product=elsewhere                                                          | PRODUCT_MISMATCH
PLACE_SLOT    .         product=year                                                               | PRODUCT_MISMATCH
PLACE_SLOT    .         product=zaraba                                                             | WRONG_MODE
PLACE_SLOT    .         product=halted                                                             | PRODUCT_HALTED
PLACE_SLOT    .         block=ended                                                                | BLOCK_NOT_OPEN
PLACE_SLOT    bob       block=full lot=0 start=0                                                   | BLOCK_COMPLETE
PLACE_SLOT    bob       block=bid lot=0 start=0 product=call2                                      | SLOT_NOT_NEXT
PLACE_SLOT    bob       block=bid lot=0 start=0 product=elsewhere                                  | SLOT_NOT_NEXT
PLACE_SLOT    .         product=limited                                                            | PRICE_OUTSIDE_COLLAR
PLACE_SLOT    bob       block=more_bids lot=0 start=0 product=limited quantity_wh=11               | POSITION_LIMIT # 50 less 40
PLACE_SLOT    erin      block=poor lot=0 start=0                                                   | INSUFFICIENT_CASH
CANCEL        bob       target_id_low=slot_low target_id_high=slot_high                            | ORDER_NOT_OPEN # a slot goes with its block
AMEND         bob       target_id_low=slot_low target_id_high=slot_high price_sen_per_kwh=750 quantity_wh=30 | ORDER_NOT_OPEN
CANCEL_BLOCK  bob       block=full                                                                 | OK
CANCEL_BLOCK  operator                                                                             | OK
CANCEL_BLOCK  .         block=wed                                                                  | OK # its child goes with it
CANCEL_BLOCK  .         word4=1                                                                    | WORD_NOT_ZERO
CANCEL_BLOCK  carol                                                                                | NOT_AUTHORISED
CANCEL_BLOCK  .         block=no_block                                                             | UNKNOWN_BLOCK
CANCEL_BLOCK  .         block=-1                                                                   | UNKNOWN_BLOCK
CANCEL_BLOCK  erin                                                                                 | NOT_OWNER
CANCEL_BLOCK  .         block=half                                                                 | AUCTION_LOCKED
CANCEL_BLOCK  alice     block=ended                                                                | BLOCK_NOT_OPEN
PRICE_AUCTION operator  product=due4 price_sen_per_kwh=500 net_export_wh=-7                        | OK
PRICE_AUCTION .         price_sen_per_kwh=0 net_export_wh=max_net                                  | OK
PRICE_AUCTION .         product=due0                                                               | OK # until it is cleared, the latest counts
PRICE_AUCTION .         word6=1                                                                    | WORD_NOT_ZERO
PRICE_AUCTION alice                                                                                | NOT_AUTHORISED
PRICE_AUCTION .         product=no_product                                                         | UNKNOWN_PRODUCT
PRICE_AUCTION .         net_export_wh=max_net+1                                                    | QUANTITY_TOO_LARGE
PRICE_AUCTION .         net_export_wh=minimum                                                      | QUANTITY_TOO_LARGE
PRICE_AUCTION .         price_sen_per_kwh=-1                                                       | PRICE_OUT_OF_RANGE
PRICE_AUCTION .         price_sen_per_kwh=99901                                                    | PRICE_OUT_OF_RANGE
PRICE_AUCTION .         product=shut                                                               | PRODUCT_CLOSED
PRICE_AUCTION .         product=zaraba                                                             | WRONG_MODE
PRICE_AUCTION .         product=halted                                                             | PRODUCT_HALTED
PRICE_AUCTION .         product=call0                                                              | GATE_NOT_CLOSED
DECIDE_BLOCK  operator  block=dear accept=0                                                        | OK
DECIDE_BLOCK  .         block=taken                                                                | OK # accepted, but nothing of it has traded
DECIDE_BLOCK  .         block=good accept=1                                                        | OK
DECIDE_BLOCK  .         block=pair accept=1                                                        | OK
DECIDE_BLOCK  .         block=pair                                                                 | OK # its child goes with it
DECIDE_BLOCK  .         block=half                                                                 | OK
DECIDE_BLOCK  .         word5=1                                                                    | WORD_NOT_ZERO
DECIDE_BLOCK  alice                                                                                | NOT_AUTHORISED
DECIDE_BLOCK  .         block=no_block                                                             | UNKNOWN_BLOCK
DECIDE_BLOCK  .         accept=2                                                                   | DECISION_INVALID
DECIDE_BLOCK  .         accept=-1                                                                  | DECISION_INVALID
DECIDE_BLOCK  .         block=ended                                                                | BLOCK_NOT_OPEN
DECIDE_BLOCK  .         block=taken accept=1                                                       | BLOCK_NOT_OPEN
DECIDE_BLOCK  .         block=child accept=1                                                       | PARTNER_INVALID # its parent is not accepted
DECIDE_BLOCK  .         block=part accept=1                                                        | BLOCK_INCOMPLETE
DECIDE_BLOCK  .         block=single accept=1                                                      | BLOCK_INCOMPLETE # a link of one
DECIDE_BLOCK  .         block=late accept=1                                                        | PRODUCT_NOT_PRICED
DECIDE_BLOCK  .         block=dear accept=1                                                        | NOT_IN_THE_MONEY
DECIDE_BLOCK  .         block=half accept=1                                                        | NOT_IN_THE_MONEY # its other half is not
CLEAR_COUPLED operator  product=due0 income_account=0                                              | OK
CLEAR_COUPLED .         income_account=collateral                                                  | OK
CLEAR_COUPLED .         word5=1                                                                    | WORD_NOT_ZERO
CLEAR_COUPLED alice                                                                                | NOT_AUTHORISED
CLEAR_COUPLED .         income_account=no_account                                                  | UNKNOWN_ACCOUNT
CLEAR_COUPLED .         income_account=outside                                                     | UNKNOWN_ACCOUNT
CLEAR_COUPLED .         product=no_product                                                         | UNKNOWN_PRODUCT
CLEAR_COUPLED .         product=shut                                                               | PRODUCT_CLOSED
CLEAR_COUPLED .         product=due4                                                               | PRODUCT_NOT_PRICED
CLEAR_COUPLED .         product=zaraba                                                             | PRODUCT_NOT_PRICED
CLEAR_COUPLED .         product=due1                                                               | CLEARING_INVALID # 5 Wh would go nowhere
CLEAR_AUCTION operator  product=due0                                                               | CLEARS_TOGETHER
CLEAR_AUCTION .         product=due5                                                               | CLEARS_TOGETHER # a block has a slot there
CLOSE_PRODUCT operator  product=due0                                                               | SLOTS_OPEN
SET_LIMITS    operator  product=due0 low_sen_per_kwh=1 high_sen_per_kwh=99900 position_wh=0        | AUCTION_LOCKED
SET_TRADING   operator  product=due0 trading_state=3 reason=1                                      | AUCTION_LOCKED
SET_TRADING   .         product=due1 trading_state=1                                               | PRODUCT_NOT_HALTED
"""

TABLES = (ACCOUNTS, DEVICES, TOKENS, BANK, MONEY, MARKET, RECORDS, MINT, BLOCKS)


def world_of(line: Line) -> SmallWorld:
    """The small world, or that of blocks; for a mint two hours later, so that periods have ended."""
    if line.text in BLOCKS:
        return block_world()
    world = small_world()
    if line.text in MINT:
        world.names["later_s"] = world.names["now_s"] + 4 * world.names["slot"]
        world.state.header[0] = world.model.now = world.names["now"] = world.names["later_s"] * 1000
    return world


LINES = [line for table in TABLES for line in parse(table)]


@pytest.mark.parametrize("line", LINES, ids=str)
def test_the_rule_book(line: Line) -> None:
    world = world_of(line)
    row = record(line, world.names)
    before, position = world.state.state_hash(), world.state.position
    applied = world.run(row[None, :])
    outcome = Outcome(int(applied.verdicts[0, 1]))
    assert outcome.name == line.expected
    if outcome is Outcome.OK:
        assert audit_state(world.state) == []
        return
    assert world.state.state_hash() == before
    assert applied.verdicts[0].tolist() == [world.names["now"], outcome, 0, 0]
    assert world.state.position == position + (outcome is not Outcome.ID_IS_ZERO)
    assert audit_state(world.state) == []


def test_the_first_line_of_each_kind_passes_so_that_each_other_one_breaks_what_it_changes() -> None:
    bases = {line.kind: line for line in reversed(LINES) if not line.changed and line.expected == "OK"}
    assert sorted(bases) == sorted(kind.name for kind in Kind)


def pairs(kind: Kind) -> list[tuple[Line, Line, Line]]:
    found = []
    for table in TABLES:
        lines = [line for line in parse(table) if line.kind == kind.name]
        if not lines or lines[0].expected != "OK":
            continue
        refused = [line for line in lines if line.expected not in ("OK", "ID_IS_ZERO", "UNKNOWN_KIND")]
        for first, second in combinations(refused, 2):
            both = merged(first, second, lines[0])
            if both is not None and first.expected != second.expected:
                found.append((first, second, both))
    return found


@pytest.mark.parametrize("kind", list(Kind), ids=lambda kind: kind.name)
def test_of_two_broken_rules_the_lower_number_is_the_outcome(kind: Kind) -> None:
    """Every pair of lines of a kind that change different things, in one command."""
    found = pairs(kind)
    world = world_of(found[0][0])
    before = world.state.state_hash()
    told = set()
    for first, second, both in found:
        row = record(both, world.names)
        two = {Outcome[first.expected], Outcome[second.expected]}
        broken = world.model.broken_rules(Command(row.tolist()), world.names["now"])
        if not two <= broken:
            continue  # one change mends the other
        outcome = Outcome(int(world.run(row[None, :]).verdicts[0, 1]))
        assert outcome is min(broken), both.text
        assert world.state.state_hash() == before
        told.add((min(two), max(two)))
    assert len(told) >= LEAST_PAIRS.get(kind, 1), f"{len(told)} pairs of outcomes"


LEAST_PAIRS = {
    Kind.REGISTER_DEVICE: 40,
    Kind.LIST_PRODUCT: 30,
    Kind.ISSUE: 60,
    Kind.TRANSFER: 20,
    Kind.RETIRE: 40,
    Kind.BANK: 40,
    Kind.PAY: 20,
    Kind.PLACE_ORDER: 60,
}
"""So many different pairs of outcomes must really meet in one command."""


def test_a_known_id_with_another_body_is_refused_and_makes_no_record() -> None:
    world = small_world()
    row = world.make(Kind.DEPOSIT, account=3, amount_e5jpy=5)
    assert world.run(row[None, :]).verdicts[0, 1] == Outcome.OK
    other = row.copy()
    other[4] = 6
    before, position = world.state.state_hash(), world.state.position
    applied = world.run(other[None, :])
    assert applied.verdicts[0, 1] == Outcome.ID_REUSED
    assert (world.state.state_hash(), world.state.position) == (before, position)


def test_every_word_of_the_body_tells_a_reused_id_from_a_retry() -> None:
    world = small_world()
    row = world.make(Kind.BULK_ROOT, bulk_kind=1, rows=1, total_wh=1, period_start_s=1, duration_s=1)
    world.run(row[None, :])
    for word in range(2, 16):
        for change in (1, 1 << 40, -(1 << 63)):
            other = row.copy()
            other[word] ^= change
            assert world.run(other[None, :]).verdicts[0, 1] == Outcome.ID_REUSED


def test_a_refused_id_stays_refused() -> None:
    """Also when it would pass today: the verdict belongs to the id."""
    world = small_world()
    wish = {"account": world.names["dave"], "amount_e5jpy": 5}
    row = world.make(Kind.PAYOUT, **wish)
    assert world.run(row[None, :]).verdicts[0, 1] == Outcome.INSUFFICIENT_CASH
    world.do(Kind.DEPOSIT, **wish)
    again = world.run(row[None, :])
    assert again.verdicts[0, 1] == Outcome.INSUFFICIENT_CASH
    assert not again.fresh[0]
    world.do(Kind.PAYOUT, **wish)


def test_every_outcome_is_produced_by_a_line_or_a_test_above() -> None:
    produced = {line.expected for line in LINES} | {Outcome.ID_REUSED.name}
    assert produced == {outcome.name for outcome in Outcome}


def test_every_kind_has_lines_for_its_form_and_its_actor() -> None:
    for kind in Kind:
        outcomes = {line.expected for line in LINES if line.kind == kind.name}
        assert {"OK", "WORD_NOT_ZERO", "NOT_AUTHORISED"} <= outcomes, kind.name


def test_a_refusal_names_field_value_and_rule_in_both_languages() -> None:
    names = {table: world_of(parse(table)[0]).names for table in TABLES}
    for table in TABLES:
        for line in parse(table):
            if line.expected == "OK":
                continue
            error = refusal(record(line, names[table]), Outcome[line.expected])
            assert error.code == line.expected
            assert error.rule.en
            assert error.rule.ja
            known = {*FIELDS[Kind[line.kind]], "id", "kind", "actor", "words", "target_id"}
            assert error.field in known, (line.text, error.field)
            assert error.value is not None


def test_every_outcome_has_its_rule_in_the_order_of_the_numbers() -> None:
    assert list(RULES) == list(Outcome) == sorted(Outcome)
