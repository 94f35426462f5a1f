"""Column numbers of the token tables, and the codes that stand in them: integers only."""

# devices
D_OWNER = 0
D_AREA = 1
D_SOURCE = 2
D_CAPACITY_W = 3
D_ROLE = 4
D_TIER = 5
D_RESOLUTION_S = 6
D_REG_OPEN_WH = 7
D_REG_NEXT_WH = 8
D_PERIOD_NEXT_S = 9
D_ISSUED_WH = 10
D_WITHHELD_WH = 11
D_PAYLOAD = 12
DEVICE_WORDS = 16

CHANNEL_PRODUCTION = 1
CHANNEL_CONSUMPTION = 2

# meter keys
M_DEVICE = 0
M_ALG = 1
M_VALID_FROM_MS = 2
M_REVOKED_MS = 3
M_PAYLOAD = 4
METER_KEY_WORDS = 8

# bundles: all tokens of one device and one period
B_DEVICE = 0
B_PERIOD_S = 1
B_DURATION_S = 2
B_REG_FROM_WH = 3
B_REG_TO_WH = 4
B_EXPIRY_S = 5
B_TIER = 6
B_AREA = 7
B_SOURCE = 8
B_ISSUED_WH = 9
B_HELD_WH = 10
B_RESERVED_WH = 11
B_RETIRED_WH = 12
B_EXPIRED_WH = 13
B_WITHDRAWN_WH = 14
B_FLAGS = 15
B_EVIDENCE = 16
BUNDLE_WORDS = 20

# lots: a serial range of one bundle with one owner
L_BUNDLE = 0
L_START = 1
L_END = 2
L_OWNER = 3
L_STATE = 4
L_KIND = 5
L_REF = 6
L_CLAIM = 7
L_CLAIM_PERIOD_S = 8
L_RULE = 9
L_FROM_S = 10
L_UNTIL_S = 11
L_SINCE_MS = 12
L_TIMEOUT_MS = 13
LOT_WORDS = 14

HELD = 1
RESERVED = 2
RETIRED = 3
EXPIRED = 4
WITHDRAWN = 5

GENERATION = 1
ENERGY_CLAIM = 2
STORAGE_DISCHARGE = 3

CLAIM_SAME_SLOT = 1
CLAIM_BANKED = 2
CLAIM_CERTIFICATE = 3

NO_REF = -1
WITHHELD_FLAG = 1
CAPACITY_PERCENT = 105
"""Energy above 105 % of capacity x time is not minted (V10)."""
SOURCE_STORAGE = 6
BANK_WINDOW_S = 172_800
"""A token can be banked until two days after its period: the energy must be sold for that slot (K1, K2) [s]."""
