"""A campaign: so many faults of every kind, from one seed; each failure can be played again alone."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

from wattmark.simulation.faults.case import Case, Tally
from wattmark.simulation.faults.crashes import crash_cases, kill_cases, recovery_cases
from wattmark.simulation.faults.damage import flip_cases, lost_write_cases, misdirected_write_cases
from wattmark.simulation.faults.disk import PowerCut
from wattmark.simulation.faults.failures import failure_cases
from wattmark.simulation.faults.oracle import Twin
from wattmark.simulation.faults.recording import MakeOracle
from wattmark.simulation.faults.storm import Storm

Cases = Callable[[str, MakeOracle], Iterator[Case]]


def storm_cases(seed: str, make_oracle: MakeOracle) -> Iterator[Case]:
    """Yield one storm: many faults that are one case, since each depends on those before."""
    yield Case("whole storm", lambda: Storm(seed, make_oracle).play())


KINDS: Final[dict[str, tuple[Cases, int]]] = {
    "crashes": (crash_cases, 25),
    "recoveries": (recovery_cases, 4),
    "kills": (kill_cases, 2),
    "failures": (failure_cases, 4),
    "flips": (flip_cases, 23),
    "lost-writes": (lost_write_cases, 3),
    "misdirected-writes": (misdirected_write_cases, 3),
    "storms": (storm_cases, 36),
}
"""Name -> (its cases, its share of the faults [%])."""
FAILURES_KEPT: Final = 20


@dataclass(frozen=True, slots=True)
class Place:
    """Where a case stands: kind, seed of its life, and its number there."""

    kind: str
    seed: str
    step: int

    def command(self) -> str:
        """Return what plays it again."""
        return f"python -m wattmark.simulation.faults --kind {self.kind} --seed {self.seed} --step {self.step}"


def run_campaign(
    seed: int,
    faults: int,
    make_oracle: MakeOracle = Twin,
    *,
    kinds: tuple[str, ...] = tuple(KINDS),
    on_progress: Callable[[Tally], None] = lambda _: None,
    stop_at_failure: bool = False,
) -> Tally:
    """Play faults until so many were played, and return what became of them.

    Args:
        seed: the same seed plays the same faults.
        faults: how many, at least; the kinds share them.
        make_oracle: makes the state machine that is believed.
        kinds: of ``KINDS``; the shares of the others are theirs too.
        on_progress: called with the tally after each life.
        stop_at_failure: the first broken law ends the campaign.
    """
    tally = Tally()
    whole = sum(KINDS[kind][1] for kind in kinds)
    for kind in kinds:
        cases, share = KINDS[kind]
        goal = tally.faults + -(-faults * share // whole)
        life = 0
        while tally.faults < goal and len(tally.failures) < FAILURES_KEPT:
            life_seed = f"{seed}.{life}"
            life += 1
            for step, case in _numbered(cases, life_seed, make_oracle, tally):
                _play(tally, Place(kind, life_seed, step), case)
                if tally.failures and stop_at_failure:
                    on_progress(tally)
                    return tally
                if tally.faults >= goal:
                    break
            on_progress(tally)
    return tally


def play_again(kind: str, seed: str, step: int, make_oracle: MakeOracle = Twin) -> Tally:
    """Play one case alone and return what became of it."""
    tally = Tally()
    for number, case in _numbered(KINDS[kind][0], seed, make_oracle, tally):
        if number == step:
            _play(tally, Place(kind, seed, step), case)
            break
    return tally


def _numbered(cases: Cases, seed: str, make_oracle: MakeOracle, tally: Tally) -> Iterator[tuple[int, Case]]:
    """Number the cases of a life; a life that does not even begin is a failure too."""
    number = 0
    found = cases(seed, make_oracle)
    while True:
        try:
            case = next(found)
        except StopIteration:
            return
        except Exception as error:  # noqa: BLE001 - whatever a life dies of is a finding
            tally.failures.append(f"life {seed}: {type(error).__name__}: {error}")
            return
        yield number, case
        number += 1


def _play(tally: Tally, place: Place, case: Case) -> None:
    try:
        outcomes = case.play()
    except (Exception, PowerCut) as error:  # noqa: BLE001 - a law broken, or an exception nobody should see
        tally.failures.append(f"{case.name}: {type(error).__name__}: {error}\n    {place.command()}")
    else:
        tally.add(f"{place.kind} {place.seed} {place.step} {case.name}", outcomes)
