"""Column numbers of the book library's messages, reports and tables: integers only."""

from wattmark.market.layout import LINK_LEVEL, LINK_NEXT, LINK_PREV

# a message; words that a kind does not name are ignored
M_KIND = 0
M_ID = 1
M_ACCOUNT = 2
M_PRODUCT = 3
M_SIDE = 4
M_PRICE = 5
M_QUANTITY = 6
M_TIF = 7
M_MIN = 8
M_DISPLAY = 9
M_SELF_TRADE = 10
M_EXPIRES_MS = 11
M_SESSION = 12
M_TIME_MS = 13
MESSAGE_WORDS = 14

NEW = 1
CANCEL = 2
AMEND = 3
CANCEL_ALL = 4
PASS_TIME = 5
MARKET_PRICE = 0
ANY_PRODUCT = -1
ANY_SESSION = 0

# a report
R_MESSAGE = 0
R_KIND = 1
R_REASON = 2
R_ID = 3
R_OTHER = 4
R_PRICE = 5
R_QUANTITY = 6
R_REMAINING = 7
REPORT_WORDS = 8

ACCEPTED = 1
REJECTED = 2
FILL = 3
RESTED = 4
CANCELLED = 5
AMENDED = 6
EXPIRED = 7
REDUCED = 8
ALL_CANCELLED = 9
TIME_PASSED = 10

# reason of a fill: which of the two orders the row speaks of
RESTING = 1
INCOMING = 2

# reason of CANCELLED
ASKED = 1
ASKED_FOR_ALL = 2
NOT_TRADED_AT_ONCE = 3
SELF_TRADE = 4

# reason of REJECTED; of several rules that are broken, the one with the lowest number is named
KIND_UNKNOWN = 1
PRODUCT_UNKNOWN = 2
ACCOUNT_INVALID = 3
SIDE_INVALID = 4
TIF_INVALID = 5
SELF_TRADE_INVALID = 6
EXPIRES_INVALID = 7
QUANTITY_INVALID = 8
PRICE_INVALID = 9
MIN_QUANTITY_INVALID = 10
DISPLAY_INVALID = 11
TERMS_MISMATCH = 12
ID_IN_USE = 13
ORDER_UNKNOWN = 14
NOT_OWNER = 15
BELOW_FILLED = 16
WOULD_TRADE = 17
NOT_FILLABLE = 18

MAX_QUANTITY = 1 << 40
MAX_ACCOUNT = (1 << 22) - 1
MAX_PRICE = (1 << 20) - 1
"""Highest tick that the trie of prices holds."""

# a resting order: what a fill touches stands in its first cache line
Z_NEXT = LINK_NEXT
Z_PREV = LINK_PREV
Z_LEVEL = LINK_LEVEL
Z_REMAINING = 3
Z_ACCOUNT = 4
Z_ID = 5
Z_QUANTITY = 6
Z_DISPLAY = 7
Z_OWNER_NEXT = 8
Z_OWNER_PREV = 9
Z_PRODUCT = 10
Z_SIDE = 11
Z_TERMS = 12
Z_EXPIRES_MS = 13
Z_SESSION = 14
Z_PLACED = 15
ROW_WORDS = 16

# index of ids: id, row + 1; nothing where the second is 0
INDEX_ID = 0
INDEX_ROW = 1
INDEX_WORDS = 2

# heap of ends: when, number of the message that placed it, row
END_MS = 0
END_PLACED = 1
END_ROW = 2
END_WORDS = 3

# counters; the first are those of the price levels (``layout.X_NODES`` and following)
N_REPORTS = 4
N_CHANGES = 5
N_ENDS = 6
N_ICEBERGS = 7
N_ROWS = 8
FREE_ROW = 9
N_LIVE = 10
NOW_MS = 11
N_MESSAGES = 12
N_TIMED = 13
LOW = 14
HIGH = 15
COUNTER_WORDS = 16

LOOK_AHEAD = 16
"""How many messages ahead the tables are asked for; a power of two."""
