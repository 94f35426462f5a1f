"""Column numbers of the market tables, and the codes that stand in them: integers only."""

# products: area x source x period, or any period of a year
P_AREA = 0
P_SOURCE = 1
P_PERIOD_S = 2
P_DURATION_S = 3
P_SCOPE = 4
P_OPEN_MS = 5
P_CLOSE_MS = 6
P_MODE = 7
P_STATE = 8
P_LAST_PRICE_SEN = 9
P_VOLUME_WH = 10
P_OPEN_ORDERS = 11
PRODUCT_WORDS = 12

SCOPE_PERIOD = 0
SCOPE_BANKED_YEAR = 1
SCOPE_CERTIFICATE_YEAR = 2
MODE_CONTINUOUS = 1
MODE_CALL = 2
PRODUCT_OPEN = 1
PRODUCT_CLOSED = 2

# orders
O_ACCOUNT = 0
O_PRODUCT = 1
O_SIDE = 2
O_PRICE_SEN = 3
O_QUANTITY_WH = 4
O_REMAINING_WH = 5
O_LOT = 6
O_STATE = 7
O_POSITION = 8
O_CREATED_MS = 9
O_VALUE_E5 = 10
O_TIF = 11
ORDER_WORDS = 12

BUY = 1
SELL = 2
ORDER_OPEN = 1
ORDER_FILLED = 2
ORDER_CANCELLED = 3
TIF_REST = 0
TIF_IMMEDIATE = 1

# a row of the trades, which are effects and not state
T_PRODUCT = 0
T_BUY_ORDER = 1
T_SELL_ORDER = 2
T_LOT = 3
T_QUANTITY_WH = 4
T_PRICE_SEN = 5
T_POSITION = 6
T_TIMESTAMP_MS = 7
T_START = 8
TRADE_WORDS = 9

# the book: a 32-ary trie of ticks per product and side, derived from the open orders
TRIE_BITS = 5
TRIE_FANOUT = 32
TRIE_DEPTH = 4
TRIE_TOP_SHIFT = 15
NODE_MASK = 32
NODE_WORDS = 33
LEVEL_HEAD = 0
LEVEL_TAIL = 1
LEVEL_WH = 2
LEVEL_ORDERS = 3
LEVEL_WORDS = 4
LINK_NEXT = 0
LINK_PREV = 1
LINK_WORDS = 2

# words of the book's own counters
X_NODES = 0
X_FREE_NODE = 1
X_LEVELS = 2
X_FREE_LEVEL = 3
X_TRADES = 4
AUX_WORDS = 8
