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
P_LOW_SEN = 12
P_HIGH_SEN = 13
P_POSITION_WH = 14
P_ASK_BUY = 15
P_ASK_SELL = 16
P_ASK_WH = 17
P_BLOCKED = 18
P_BLOCKED_HIGH = 19
P_RESULT_SEN = 20
P_NET_WH = 21
P_SLOT_HEAD = 22
P_OPEN_SLOTS = 23
PRODUCT_WORDS = 24

EVERY_AREA = 0
"""Area of a product that trades across areas, as far as capacity goes (J38)."""
AREAS = 9
BLOCKED_BITS = 63
"""Routes held in ``P_BLOCKED``; the others are in ``P_BLOCKED_HIGH``."""
SCOPE_PERIOD = 0
SCOPE_BANKED_YEAR = 1
SCOPE_CERTIFICATE_YEAR = 2
MODE_CONTINUOUS = 1
MODE_CALL = 2
PRODUCT_OPEN = 1
PRODUCT_CLOSED = 2
PRODUCT_HALTED = 3
PRODUCT_ASKING = 4
PRODUCT_PRICED = 5

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
O_ARRIVAL = 9
O_VALUE_E5 = 10
O_TERMS = 11
O_EXPIRES_MS = 12
O_MIN_WH = 13
O_DISPLAY_WH = 14
O_GROUP = 15
ORDER_WORDS = 16
# a slot of a block is chained to the slot before it in its block and in its product (order row + 1, 0: none)
O_SLOT_BEFORE = 13
O_SLOT_BELOW = 9

BUY = 1
SELL = 2
ORDER_OPEN = 1
ORDER_FILLED = 2
ORDER_CANCELLED = 3
ORDER_QUEUED = 4
ORDER_IN_BLOCK = 5
TIF_REST = 0
TIF_IMMEDIATE = 1
TIF_ALL_OR_NONE = 2
TIF_POST_ONLY = 3
STP_NEWEST = 0
STP_OLDEST = 1
STP_BOTH = 2
STP_DECREMENT = 3
# ``O_TERMS``: time in force, self-trade prevention, the buyer's area, whether it is a market order, or a slot of a block
TERMS_MASK = 255
TERMS_SELF_TRADE = 8
TERMS_AREA = 16
TERMS_MARKET = 24
TERMS_BLOCK = 32
MOST_SLICES = 20
"""An iceberg shows at least this part of its quantity, so that it trades in so many slices at most."""

# block bids (J21 to J24)
BL_ACCOUNT = 0
BL_KIND = 1
BL_SIDE = 2
BL_LIMIT_SEN = 3
BL_SLOTS = 4
BL_PLACED = 5
BL_PARTNER = 6
BL_STATE = 7
BL_POSITION = 8
BL_QUANTITY_WH = 9
BL_HELD_E5 = 10
BL_LAST_ORDER = 11
BL_OPEN_SLOTS = 12
BL_VALUE_E5 = 13
BLOCK_WORDS = 14

NO_BLOCK = -1
BLOCK_STANDARD = 1
BLOCK_LINK_PARENT = 2
BLOCK_LINK_CHILD = 3
BLOCK_LOOP_A = 4
BLOCK_LOOP_B = 5
BLOCK_OPEN = 1
BLOCK_ACCEPTED = 2
BLOCK_REJECTED = 3
BLOCK_CANCELLED = 4
MIN_BLOCK_SLOTS = 4
MAX_BLOCK_SLOTS = 48

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

# a row of the changes of visible levels, which are effects too (J42)
C_PRODUCT = 0
C_SIDE = 1
C_PRICE_SEN = 2
C_SHOWN_WH = 3
C_ORDERS = 4
C_POSITION = 5
CHANGE_WORDS = 6

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
LEVEL_SHOWN_WH = 4
LEVEL_PRICE = 5
LEVEL_WORDS = 6
LINK_NEXT = 0
LINK_PREV = 1
LINK_LEVEL = 2
LINK_OWNER_NEXT = 3
LINK_OWNER_PREV = 4
LINK_WORDS = 5
# per product: root and best level of each side, then the orders that wait for a halt to end
ROOT_BEST = 2
ROOT_QUEUE_HEAD = 4
ROOT_QUEUE_TAIL = 5
ROOT_WORDS = 6
HEAP_WORDS = 2
POSITION_WORDS = 3

# words of the book's own counters
X_NODES = 0
X_FREE_NODE = 1
X_LEVELS = 2
X_FREE_LEVEL = 3
X_TRADES = 4
X_CHANGES = 5
X_EXPIRIES = 6
X_ICEBERGS = 7
X_QUEUED = 8
X_POSITIONS = 9
AUX_WORDS = 10
