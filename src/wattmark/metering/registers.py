"""Registers -> intervals: a slot's energy is the difference of two cumulative registers, never a number of its own.

Consecutive registers tile the register line: the energies of a day sum to ``reg_close - reg_open`` by
identity, so a Wh cannot be counted twice and a lost slot loses no energy, only its shape. Values with
fractions are floored as registers, never as differences: the error stays below 1 Wh for ever.
"""

from typing import Final

import numpy as np
import numpy.typing as npt

from wattmark.metering.errors import Code, refusal

Column = npt.NDArray[np.int64]

WRAP_MARGIN: Final = 10
"""A register may roll over only from its top tenth into its bottom tenth (V3, A22)."""


def intervals(register_wh: Column, reg_open_wh: int) -> Column:
    """Return the energy of each slot [Wh], int64 of the same length.

    Args:
        register_wh: cumulative registers at the slot ends, in order [Wh].
        reg_open_wh: register before the first slot: the ``reg_close`` of yesterday [Wh].

    Raises:
        ReadingRefused: ``REGISTER_FELL``, at the first fall (V3).
    """
    energy_wh = np.diff(register_wh, prepend=np.int64(reg_open_wh))
    falls = np.flatnonzero(energy_wh < 0)
    if falls.size:
        at = int(falls[0])
        before = int(register_wh[at - 1]) if at else reg_open_wh
        raise refusal(Code.REGISTER_FELL, int(register_wh[at]), field=f"register_wh[{at}]", last_register_wh=before)
    return energy_wh


def unwrap(raw_wh: Column, modulus_wh: int, line_open_wh: int) -> Column:
    """Return the register line of a display that rolls over [Wh].

    Each display value is taken as the next one above on the line. One roll-over in a column is believed,
    and only from the top tenth of the display into its bottom tenth; any other fall is refused (V3, A22).

    Args:
        raw_wh: display values in order, ``0 <= raw < modulus_wh`` [Wh].
        modulus_wh: 10^digits times the energy of one count [Wh].
        line_open_wh: register line before the first value [Wh]; its display value is ``line_open_wh % modulus_wh``.

    Raises:
        ReadingRefused: ``REGISTER_FELL``.
        EnvelopeMalformed: ``OUT_OF_RANGE``, a value the display cannot show.
    """
    outside = np.flatnonzero((raw_wh < 0) | (raw_wh >= modulus_wh))
    if outside.size:
        at = int(outside[0])
        raise refusal(Code.OUT_OF_RANGE, int(raw_wh[at]), field=f"register_wh[{at}]", limit=f"0..{modulus_wh - 1}")
    shown_open = line_open_wh % modulus_wh
    advance = np.diff(raw_wh, prepend=np.int64(shown_open))
    falls = np.flatnonzero(advance < 0)
    if falls.size:
        at = int(falls[0])
        before = int(raw_wh[at - 1]) if at else shown_open
        margin = modulus_wh // WRAP_MARGIN
        if before < modulus_wh - margin or raw_wh[at] >= margin:
            raise refusal(Code.REGISTER_FELL, int(raw_wh[at]), field=f"register_wh[{at}]", last_register_wh=before)
        if falls.size > 1:
            second = int(falls[1])
            last = int(raw_wh[second - 1])
            raise refusal(
                Code.REGISTER_FELL, int(raw_wh[second]), field=f"register_wh[{second}]", last_register_wh=last
            )
        advance[at] += modulus_wh
    return np.int64(line_open_wh) + np.cumsum(advance)


def floor_registers(ticks: Column, ticks_per_wh: int, reg_open_wh: int, carry: int = 0) -> tuple[Column, int]:
    """Return whole-Wh registers of exact interval energies, and what is left below 1 Wh.

    Args:
        ticks: energy of each slot in fractions of a Wh, in order [1 / ticks_per_wh Wh].
        ticks_per_wh: how many make 1 Wh.
        reg_open_wh: register before the first slot [Wh].
        carry: what was left before the first slot, ``0 <= carry < ticks_per_wh``.

    Returns:
        ``floor`` of the exact cumulative register after each slot [Wh], and the carry after the last.
    """
    assert 0 <= carry < ticks_per_wh
    whole, rest = np.divmod(ticks, np.int64(ticks_per_wh))
    left = np.int64(carry) + np.cumsum(rest)
    register_wh = np.int64(reg_open_wh) + np.cumsum(whole) + left // ticks_per_wh
    return register_wh, int(left[-1]) % ticks_per_wh if ticks.size else carry
