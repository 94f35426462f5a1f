"""Which accounts belong to one owner: the operator's knowledge, personal data, kept outside the log (L8).

``HOME/owners.json`` holds groups of account numbers; an account in no group is its own owner. The file is optional, is
in no record, and is served to nobody. It is read anew for every report.
"""

from typing import Final

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

OWNERS_FILE: Final = "owners.json"
FORMAT: Final = "wattmark-owners@v1"
OwnerGroups = tuple[tuple[int, ...], ...]
"""Groups of accounts, each of one owner."""

_RULE: Final = Text(
    en=f'an object with format {FORMAT} and owners, a list of lists of account numbers, such as "owners": [[4, 9]]',
    ja=f'format が {FORMAT} で、owners が口座番号のリストのリストであるオブジェクト(例: "owners": [[4, 9]])',
)


def parse_owners(data: bytes) -> OwnerGroups:
    """Return the groups written in ``data``.

    Raises:
        MalformedInput: another form, or an account in two groups.
    """
    values = json_decode_strict(data, field=OWNERS_FILE)
    if not isinstance(values, dict) or set(values) != {"format", "owners"} or values["format"] != FORMAT:
        raise MalformedInput("OWNERS_INVALID", "format", OWNERS_FILE, _RULE)
    groups = values["owners"]
    if not isinstance(groups, list) or not all(_is_group(group) for group in groups):
        raise MalformedInput("OWNERS_INVALID", "owners", OWNERS_FILE, _RULE)
    accounts = [account for group in groups for account in group]
    if len(accounts) != len(set(accounts)):
        rule = Text(en="every account in one group only", ja="各口座は1つの組のみに属すること")
        raise MalformedInput("OWNERS_INVALID", "owners", OWNERS_FILE, rule)
    return tuple(tuple(group) for group in groups)


def _is_group(group: object) -> bool:
    return isinstance(group, list) and all(type(account) is int and account >= 0 for account in group)
