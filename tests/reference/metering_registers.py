"""Slow twin of ``wattmark.metering.registers``: one value at a time, in exact fractions."""

from fractions import Fraction


def intervals(registers, reg_open):
    """Differences one by one, or the index of the first fall."""
    energies, before = [], reg_open
    for at, register in enumerate(registers):
        if register < before:
            return at
        energies.append(register - before)
        before = register
    return energies


def unwrap(shown, modulus, line_open):
    """Walk the display: one roll-over from the top tenth to the bottom tenth, else the index of the refusal."""
    line, rolled = [], False
    before, position = line_open % modulus, line_open
    falls = [at for at, value in enumerate(shown) if value < (shown[at - 1] if at else before)]
    for at, value in enumerate(shown):
        step = value - before
        if step < 0:
            near_top = before >= modulus - modulus // 10
            near_bottom = value < modulus // 10
            if not (near_top and near_bottom):
                return at if not rolled else falls[1]
            if rolled:
                return at
            rolled, step = True, step + modulus
        position += step
        line.append(position)
        before = value
    return line


def floor_registers(ticks, ticks_per_wh, reg_open):
    """Floor the exact register after each slot."""
    exact, registers = Fraction(reg_open), []
    for tick in ticks:
        exact += Fraction(tick, ticks_per_wh)
        registers.append(exact.numerator // exact.denominator)
    return registers
