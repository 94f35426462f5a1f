"""Accounts: who they are and what money they have."""

from dataclasses import dataclass
from typing import Final

from wattmark.core.codes import Role
from wattmark.core.errors import UnknownReference
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.flows.platform import Platform
from wattmark.flows.queries.texts import account_content, text_in

ACCOUNT: Final = Text(en="an open account", ja="開設済みの口座")
HOUSE: Final = {
    e.OPERATOR: Text(en="Operator", ja="運営者"),
    e.OUTSIDE: Text(en="Outside (mirror of deposits)", ja="外部(入出金の鏡)"),
    e.COLLATERAL: Text(en="Collateral of the bank", ja="預け入れの担保"),
}


@dataclass(frozen=True, slots=True)
class Account:
    """An account.

    Attributes:
        account: its number.
        name: what its holder is called.
        roles: what it may do.
        cash_e5jpy: money [10^-5 JPY].
        held_e5jpy: of it, held for open orders [10^-5 JPY].
        credit_limit_e5jpy: how far the cash may go below zero [10^-5 JPY].
        opened_ms: when [ms].
    """

    account: int
    name: Text
    roles: Role
    cash_e5jpy: int
    held_e5jpy: int
    credit_limit_e5jpy: int
    opened_ms: int

    @property
    def free_e5jpy(self) -> int:
        """Return what can be spent, credit included [10^-5 JPY]."""
        return self.cash_e5jpy - self.held_e5jpy + self.credit_limit_e5jpy


def account(platform: Platform, number: int) -> Account:
    """Return an account.

    Raises:
        UnknownReference: there is none with this number.
    """
    if not 0 <= number < platform.state.count("accounts"):
        raise UnknownReference("UNKNOWN_ACCOUNT", "account", number, ACCOUNT)
    row = platform.state.accounts[number]
    default = HOUSE.get(number, Text(en=f"Account {number}", ja=f"口座{number}"))
    name = default if number in HOUSE else text_in(account_content(platform, number), "name", default)
    return Account(
        number,
        name,
        Role(int(row[e.A_ROLES])),
        int(row[e.A_CASH_E5]),
        int(row[e.A_HELD_E5]),
        int(row[e.A_CREDIT_E5]),
        int(row[e.A_OPENED_MS]),
    )


def accounts(platform: Platform, *, after: int = -1, limit: int = 100) -> list[Account]:
    """Return accounts by number, from after ``after`` on."""
    last = min(platform.state.count("accounts"), after + 1 + limit)
    return [account(platform, number) for number in range(after + 1, last)]
