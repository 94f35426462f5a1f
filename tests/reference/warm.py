"""Imported once by the process that all programs of a test are forked from: everything compiled and loaded."""

import tempfile
from pathlib import Path

import wattmark.cli.serve
import wattmark.web.app
import wattmark.wiring.takeover
from wattmark.core.ids import derive_id
from wattmark.core.text import Text
from wattmark.flows.bank_deposit import plan_deposit_cash
from wattmark.flows.settings import Settings
from wattmark.wiring import Platform

__all__ = ["wattmark"]


def warm() -> None:
    """Do a little of everything."""
    with tempfile.TemporaryDirectory() as folder:
        settings = Settings(
            origin="warm.example/log", name=Text(en="warm", ja="暖"), segment_bytes=1 << 16, reserve_bytes=0
        )
        home = Path(folder) / "home"
        with Platform.create(home, settings, 1_000) as platform:
            platform.execute(plan_deposit_cash(identity=derive_id("warm"), account=0, amount_e5jpy=1), 2_000)
            wattmark.web.app.create_site(platform)
        Platform.open(home).close()


warm()
