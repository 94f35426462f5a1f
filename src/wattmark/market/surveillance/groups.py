"""Rows with an equal key, summed exactly: the one way in which the rules aggregate."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from wattmark.market.surveillance.day import Column

BITS: Final = 31
"""Numbers of accounts, products and orders are below two to this power, so two of them fit one word."""


def joined(high: Column, low: Column) -> Column:
    """Return one key for each pair of numbers below 2^31."""
    return (high << BITS) | low


def high_of(keys: Column) -> Column:
    """Return the first number of each pair."""
    return keys >> BITS


def low_of(keys: Column) -> Column:
    """Return the second number of each pair."""
    return keys & ((1 << BITS) - 1)


@dataclass(frozen=True, slots=True, eq=False)
class Groups:
    """Rows by key.

    Attributes:
        keys: the different keys, ascending.
        rows: row numbers, by key and then as they stood.
        starts: where each key's rows begin in ``rows``.
    """

    keys: Column
    rows: Column
    starts: Column

    def __len__(self) -> int:
        """Return the number of different keys."""
        return len(self.keys)

    @property
    def counts(self) -> Column:
        """Return the number of rows of each key."""
        return np.diff(np.append(self.starts, len(self.rows)))

    def sums(self, values: Column) -> Column:
        """Return the sum of each key's values, exact."""
        return np.add.reduceat(values[self.rows], self.starts) if len(self.keys) else self.keys.copy()

    def highest(self, values: Column) -> Column:
        """Return the largest of each key's values."""
        return np.maximum.reduceat(values[self.rows], self.starts) if len(self.keys) else self.keys.copy()

    def of(self, number: int) -> Column:
        """Return the rows of the key at an index."""
        end = self.starts[number + 1] if number + 1 < len(self.starts) else len(self.rows)
        return self.rows[self.starts[number] : end]


def group(keys: Column) -> Groups:
    """Return the rows of the keys, by key."""
    rows = np.argsort(keys, kind="stable")
    ordered = keys[rows]
    is_first = np.ones(len(keys), np.bool_)
    is_first[1:] = ordered[1:] != ordered[:-1]
    starts = np.flatnonzero(is_first)
    return Groups(ordered[starts], rows, starts)


def looked_up(groups: Groups, values: Column, keys: Column) -> Column:
    """Return the value of each key among the groups, 0 for a key that has none.

    Args:
        groups: where the values belong.
        values: one per group.
        keys: keys asked for.
    """
    if not len(groups):
        return np.zeros(len(keys), np.int64)
    places = np.minimum(np.searchsorted(groups.keys, keys), len(groups) - 1)
    return np.where(groups.keys[places] == keys, values[places], 0)


def per_mille(part: Column, whole: Column) -> Column:
    """Return ``part`` in thousandths of ``whole``, 0 where there is no whole; exact below 2^53."""
    return (part * 1_000) // np.maximum(whole, 1) * (whole > 0)
