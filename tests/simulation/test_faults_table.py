"""Each row of the fault table (``docs/reference/faults.md``) is played, and ends as the table says."""

import re
from functools import cache
from itertools import islice

import pytest

from reference.state_machine import Model
from wattmark.simulation.faults.campaign import KINDS
from wattmark.simulation.faults.storm import Storm

LIVES = range(10)
PLAYED = 4
STOPPED = {"writer stopped"}
TRIED_AGAIN = {"refused, and the next try does it"}
ALL_THERE = {"all acknowledged there", "in flight: kept", "in flight: gone"}
SEGMENT = r"/ledger/journal/\d{20}\.seg"
TILE = r"/ledger/log/tile/\S+"
MENDED = "mended, passed over or of no matter"
BY_AUDIT = "found by the audit, nothing acknowledged changed"
AT_OPENING = "found at the opening"

TABLE = {
    "frame-write-lost": ("failures", rf"\(submit\).*\(write {SEGMENT}\): error, not done", STOPPED),
    "frame-write-done": ("failures", rf"\(submit\).*\(write {SEGMENT}\): error, done", STOPPED),
    "frame-write-short": ("failures", rf"\(submit\).*\(write {SEGMENT}\): short", STOPPED),
    "frame-write-full": ("failures", rf"\(submit\).*\(write {SEGMENT}\): disk full", STOPPED),
    "frame-sync-lost": ("failures", rf"\(submit\).*\(sync {SEGMENT}\): error, not done", STOPPED),
    "frame-sync-done": ("failures", rf"\(submit\).*\(sync {SEGMENT}\): error, done", STOPPED),
    "frame-power-cut": ("crashes", rf"\((write|sync) {SEGMENT}\)", ALL_THERE),
    "torn-tail-power-cut": ("recoveries", rf"opening (write|sync) {SEGMENT}", ALL_THERE),
    "frame-killed": ("kills", rf"\((write|sync) {SEGMENT}\)", {"all acknowledged there"}),
    "segment-zeros": (
        "failures",
        r"\(submit\).*/ledger/journal/next\.tmp\): (error|disk)",
        {"carried out all the same"},
    ),
    "segment-first-zeros": ("failures", rf"\(submit\).*\((open|write|sync) {SEGMENT}\.tmp\): (error|disk)", STOPPED),
    "segment-rename": ("failures", rf"\(submit\).*\(rename {SEGMENT}\): error", STOPPED),
    "segment-directory": ("failures", r"\(submit\).*\(sync directory /ledger/journal\): error", STOPPED),
    "segment-power-cut": ("crashes", r"/ledger/journal(/next\.tmp|/\d+\.seg\.tmp)?\)", ALL_THERE),
    "almost-full": ("failures", r"almost full", {"refused early, reads and publication go on"}),
    "opening-sync": ("failures", r"\(reopen\).*\(sync (directory )?\S+\): error", {"opening refused"}),
    "opening-power-cut": ("crashes", r"call \d \(", ALL_THERE),
    "tile-write": ("failures", rf"\(publish\).*\(write {TILE}\): (error|disk)", TRIED_AGAIN),
    "tile-sync": ("failures", rf"\(publish\).*\(sync {TILE}\): error", TRIED_AGAIN),
    "tile-rename": ("failures", rf"\(publish\).*\(rename {TILE}\): error", TRIED_AGAIN),
    "tile-directory": ("failures", r"\(publish\).*\(sync directory /ledger/log/tile\S*\): error", TRIED_AGAIN),
    "tile-power-cut": ("crashes", r"/ledger/log/tile", ALL_THERE),
    "checkpoint-write": ("failures", r"\(publish\).*\((write|sync) /ledger/checkpoint/last\.tmp\): (e|d)", TRIED_AGAIN),
    "checkpoint-rename": ("failures", r"\(publish\).*\(rename /ledger/checkpoint/last\): error", TRIED_AGAIN),
    "checkpoint-unclear": ("failures", r"\(publish\).*\(sync directory /ledger/checkpoint\): error", TRIED_AGAIN),
    "checkpoint-power-cut": ("crashes", r"/ledger/checkpoint", ALL_THERE),
    "copy-write": ("failures", r"\(publish\).*\(\w+ /ledger/log/checkpoint(\.tmp)?\): (error|disk)", TRIED_AGAIN),
    "copy-power-cut": ("crashes", r"/ledger/log/checkpoint", ALL_THERE),
    "snapshot-write": ("failures", r"\(snapshot\).*/ledger/snapshots\S*\): (error|disk)", TRIED_AGAIN),
    "snapshot-power-cut": ("crashes", r"/ledger/snapshots", ALL_THERE),
    "whole-file-short": ("failures", r"\(publish\).*\.tmp\): short", {"carried out all the same"}),
    "flip-journal": ("flips", r"/ledger/journal/", {AT_OPENING, BY_AUDIT}),
    "flip-checkpoint": ("flips", r"/ledger/checkpoint/last", {AT_OPENING}),
    "flip-tile": ("flips", TILE, {MENDED, BY_AUDIT}),
    "flip-copy": ("flips", r"/ledger/log/checkpoint", {MENDED}),
    "flip-snapshot": ("flips", r"/ledger/snapshots/", {MENDED}),
    "lost-frame": (
        "lost-writes",
        rf"\({SEGMENT}\)",
        {AT_OPENING, BY_AUDIT, MENDED, "end of the journal gone, not yet under a checkpoint: not claimed"},
    ),
    "lost-checkpoint": ("lost-writes", r"/ledger/checkpoint/last", {AT_OPENING, MENDED}),
    "lost-tile": ("lost-writes", TILE, {MENDED, BY_AUDIT}),
    "misdirected": (
        "misdirected-writes",
        r"call",
        {
            *(AT_OPENING, BY_AUDIT, MENDED, "end of the journal gone, not yet under a checkpoint: not claimed"),
            "an older checkpoint in place of the last: not claimed, witnesses see it",
        },
    ),
}
STORM_ROWS = {
    "network-dropped": r"network: (request|answer) dropped",
    "network-repeated": r"network: (request|answer) repeated",
    "network-overtaken": r"network: (request|answer) delayed",
    "network-parted": r"network: client parted",
    "clock": r"clock (stands still|jumps ahead|runs back)",
    "disk-slow": r"disk slow",
}


@cache
def cases(kind: str, life: int):
    return list(KINDS[kind][0](f"table.{life}", Model))


@pytest.mark.parametrize("row", TABLE)
def test_row(row):
    kind, pattern, outcomes = TABLE[row]
    matching = (case for life in LIVES for case in cases(kind, life) if re.search(pattern, case.name))
    played = list(islice(matching, PLAYED))
    assert len(played) == PLAYED, "the table names a fault that does not happen"
    for case in played:
        assert {outcome for _, outcome in case.play()} <= outcomes, case.name


@pytest.mark.parametrize("row", STORM_ROWS)
def test_row_of_a_storm(row):
    """The storm checks the laws after every event."""
    assert any(re.match(STORM_ROWS[row], kind) for kind, _ in storm())


@cache
def storm():
    return Storm("table", Model).play() + Storm("table 2", Model).play()


def test_the_table_and_the_rows_are_the_same(repository):
    text = (repository / "docs/reference/faults.md").read_text()
    assert re.findall(r"^\| `([a-z-]+)` \|", text, re.MULTILINE) == [*TABLE, *STORM_ROWS]
