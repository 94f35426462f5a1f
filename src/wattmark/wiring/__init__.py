"""Settings to Platform: the only package that names engines."""

from wattmark.wiring.audit import audit_home, journal_frames, log_reader
from wattmark.wiring.engines import open_sequencer
from wattmark.wiring.home import add_subtree_key
from wattmark.wiring.platform import Platform
from wattmark.wiring.witness import cosign_home, home_policy, make_witness, open_witness, start_cosigning

__all__ = [
    "Platform",
    "add_subtree_key",
    "audit_home",
    "cosign_home",
    "home_policy",
    "journal_frames",
    "log_reader",
    "make_witness",
    "open_sequencer",
    "open_witness",
    "start_cosigning",
]
