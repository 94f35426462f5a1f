"""What the log costs in energy: the figure of this very server, since it was opened, beside published ones."""

from typing import Any, Final

from wattmark.flows.energy import PUBLISHED, WATTS_PER_CORE, EnergyUse
from wattmark.web.charts.magnitude import Magnitude, decades, magnitude_chart
from wattmark.web.say import Say

OURS, THEIRS = "hydro", "grid"
"""Textures of the bars."""
PREFIXES: Final = ((12, "TJ"), (9, "GJ"), (6, "MJ"), (3, "kJ"), (0, "J"), (-3, "mJ"), (-6, "µJ"), (-9, "nJ"))
"""Powers of ten and the unit that stands for them."""


def say_joules(value: float) -> str:
    """Return an energy to two digits, in the unit that gives the shortest number."""
    rounded = float(f"{value:.2g}")
    power, unit = next((one for one in PREFIXES if rounded >= 10.0 ** one[0]), PREFIXES[-1])
    return f"{float(f'{rounded / 10.0**power:.2g}'):,g} {unit}"


def energy_values(use: EnergyUse, say: Say) -> dict[str, Any]:
    """Return the words and the picture; nothing but a sentence while no record was committed."""
    ours = use.joules_per_thousand
    others = [
        {
            "name": say.text(one.name),
            "value": _range(one.low_j, one.high_j),
            "provenance": say.text(one.provenance),
        }
        for one in PUBLISHED
    ]
    if ours is None or ours <= 0:
        return {"ours": "", "method": say.t("energy.none"), "others": others, "pictures": ()}
    method = say.t("energy.method", cpu=f"{use.cpu_s:,.2f}", records=f"{use.records:,}", watts=f"{WATTS_PER_CORE:g}")
    bars = [
        Magnitude(say.t("energy.ours"), say_joules(ours), ours, ours, OURS),
        *(
            Magnitude(say.text(one.name), _range(one.low_j, one.high_j), one.low_j, one.high_j, THEIRS)
            for one in reversed(PUBLISHED)
        ),
    ]
    names = {power: say_joules(10.0**power) for power in decades(bars)}
    label = say.t("energy.label", ours=say_joules(ours))
    return {
        "ours": say_joules(ours),
        "method": method,
        "others": others,
        "pictures": tuple(magnitude_chart(bars, names, label, wide=wide) for wide in (True, False)),
    }


def _range(low_j: float, high_j: float) -> str:
    return say_joules(low_j) if low_j == high_j else f"{say_joules(low_j)} – {say_joules(high_j)}"
