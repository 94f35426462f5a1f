"""A mixed-integer program and its solution by HiGHS (MIT licence), used only where a choice is combinatorial."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
import numpy.typing as npt

Flags = npt.NDArray[np.bool_]
SLACK: Final = 1e-6
"""Share of the largest term by which a choice may seem worse than what is asked for and still be returned."""


@dataclass(slots=True)
class Program:
    """A mixed-integer program, built up row by row."""

    cost: list[float] = field(default_factory=list)
    upper: list[float] = field(default_factory=list)
    integer: list[bool] = field(default_factory=list)
    starts: list[int] = field(default_factory=lambda: [0])
    index: list[int] = field(default_factory=list)
    value: list[float] = field(default_factory=list)
    row_lower: list[float] = field(default_factory=list)
    row_upper: list[float] = field(default_factory=list)

    def column(self, cost: float, upper: float, *, integer: bool) -> int:
        """Add a variable from 0 to ``upper``; return its number."""
        self.cost.append(cost)
        self.upper.append(upper)
        self.integer.append(integer)
        return len(self.cost) - 1

    def row(self, terms: Sequence[tuple[int, float]], lower: float, upper: float) -> None:
        """Add a constraint."""
        self.index += [column for column, _ in terms]
        self.value += [value for _, value in terms]
        self.starts.append(len(self.index))
        self.row_lower.append(lower)
        self.row_upper.append(upper)


def solve(program: Program, count: int, seen: Sequence[Flags], at_least: float) -> Flags | None:
    """Return a best choice of the first ``count`` variables, or ``None`` when there is none.

    Args:
        program: what to maximise; the variables of the choice are its first ones.
        count: how many variables are the choice.
        seen: bool[count] each: choices that may not come again.
        at_least: objective the answer must reach, less ``SLACK`` of the largest term.

    One thread, fixed seed, no gap and no limit: the same answer to the same program.
    """
    # Imported here: it takes a quarter of a second, and most auctions never need it. The plain class is the one that
    # is silent: highspy.Highs writes a line to standard output before any option can be set.
    from highspy import _core as highs  # noqa: PLC0415 - most auctions never need it

    extra = Program(
        starts=program.starts.copy(),
        index=program.index.copy(),
        value=program.value.copy(),
        row_lower=program.row_lower.copy(),
        row_upper=program.row_upper.copy(),
    )
    for selection in seen:
        terms = [(row, -1.0 if taken else 1.0) for row, taken in enumerate(selection.tolist())]
        extra.row(terms, 1.0 - float(selection.sum()), float("inf"))
    largest = max((abs(cost) * upper for cost, upper in zip(program.cost, program.upper, strict=True)), default=0.0)
    objective = [(column, cost) for column, cost in enumerate(program.cost) if cost]
    extra.row(objective, at_least - SLACK * max(largest, 1.0), float("inf"))

    model = highs.HighsLp()
    model.num_col_, model.num_row_ = len(program.cost), len(extra.row_lower)
    model.sense_ = highs.ObjSense.kMaximize
    model.col_cost_ = np.array(program.cost)
    model.col_lower_, model.col_upper_ = np.zeros(len(program.cost)), np.array(program.upper)
    model.row_lower_, model.row_upper_ = np.array(extra.row_lower), np.array(extra.row_upper)
    model.a_matrix_.format_ = highs.MatrixFormat.kRowwise
    model.a_matrix_.start_ = np.array(extra.starts, np.int32)
    model.a_matrix_.index_ = np.array(extra.index, np.int32)
    model.a_matrix_.value_ = np.array(extra.value)
    kinds = (highs.HighsVarType.kContinuous, highs.HighsVarType.kInteger)
    model.integrality_ = [kinds[whole] for whole in program.integer]

    solver = highs._Highs()  # noqa: SLF001 - see above
    for name, value in (
        ("output_flag", False),
        ("threads", 1),
        ("parallel", "off"),
        ("random_seed", 0),
        ("mip_rel_gap", 0.0),
    ):
        solver.setOptionValue(name, value)
    solver.passModel(model)
    solver.run()
    status = solver.getModelStatus()
    if status == highs.HighsModelStatus.kInfeasible:
        return None
    assert status == highs.HighsModelStatus.kOptimal, status
    chosen: Flags = np.array(solver.getSolution().col_value[:count]) > 0.5
    return chosen
