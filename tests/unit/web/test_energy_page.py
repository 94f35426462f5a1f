"""Energy on the log page: our figure is the server's own, and there is none before the first record."""

import pytest

from wattmark.flows.energy import PUBLISHED, EnergyUse
from wattmark.web.pages.energy import energy_values, say_joules
from wattmark.web.say import Say


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (0.04336, "43 mJ"),
        (0.0000009, "900 nJ"),
        (0.9999, "1 J"),
        (31.2, "31 J"),
        (999, "1 kJ"),
        (1_000, "1 kJ"),
        (23.4e6, "23 MJ"),
        (2.628e12, "2.6 TJ"),
        (1e15, "1,000 TJ"),
    ],
)
def test_joules_are_said_to_two_digits(value: float, said: str) -> None:
    assert say_joules(value) == said


@pytest.mark.parametrize("language", ["en", "ja"])
def test_no_figure_before_the_first_record(language: str) -> None:
    say = Say(language)
    values = energy_values(EnergyUse(1.5, 0), say)
    assert values["ours"] == ""
    assert values["pictures"] == ()
    assert values["method"] == say.t("energy.none")
    assert len(values["others"]) == len(PUBLISHED)


@pytest.mark.parametrize("language", ["en", "ja"])
def test_the_figure_is_what_the_process_used(language: str) -> None:
    """2 s of CPU at 10 W for 4,000 records are 5 J per 1,000."""
    values = energy_values(EnergyUse(2.0, 4_000), Say(language))
    assert values["ours"] == "5 J"
    assert "4,000" in values["method"]
    assert "2.00" in values["method"]
    assert "10" in values["method"]
    assert all("5 J" in picture for picture in values["pictures"])
    assert energy_values(EnergyUse(4.0, 4_000), Say(language))["ours"] == "10 J"
