"""Cosigning beside a server: due until all have cosigned, and the standing is what is stored, verified anew."""

from pathlib import Path

import pytest

from reference.witnessed_log import LOG, NOW_MS, Tree, signed_log, witness, witness_key
from wattmark.core.errors import Broken, Unavailable
from wattmark.core.text import Text
from wattmark.flows.cosign import Answer, Reply, collect_cosignatures
from wattmark.flows.cosigning import Cosigning
from wattmark.ledger.policy import KnownWitness, Policy, parse_policy, quorum_of
from wattmark.ledger.witness import SIZE_TYPE, CheckpointRefused, Status

NOW_S = NOW_MS // 1_000


class Asked:
    """Witnesses 1 to 3 in this process; those in ``away`` are not reached."""

    def __init__(self, folder: Path) -> None:
        self.witnesses = {f"http://w/{number}": witness(folder / str(number), number) for number in (1, 2, 3)}
        self.away: set[int] = set()
        self.requests = 0

    def add_checkpoint(self, url: str, body: bytes) -> Answer:
        self.requests += 1
        if int(url[-1]) in self.away:
            raise Unavailable(Text(en="away", ja="不在"))
        try:
            return Answer(200, "text/plain", self.witnesses[url].add_checkpoint(body, NOW_MS).encode())
        except CheckpointRefused as refused:
            body = f"{refused.latest_size}\n".encode() if refused.status == Status.OTHER_SIZE else b""
            return Answer(int(refused.status), SIZE_TYPE, body)


def policy(threshold: int) -> Policy:
    known = [KnownWitness(f"w{n}", witness_key(n).verifier, f"http://w/{n}") for n in (1, 2, 3)]
    return quorum_of(known, threshold)


class Home:
    """A log, its witnesses and what collects."""

    def __init__(self, folder: Path, threshold: int) -> None:
        self.folder, self.tree, self.asked = folder, Tree(), Asked(folder)
        self.grow(5)
        self.cosigning = self.opened(threshold)

    def grow(self, size: int) -> None:
        self.log = signed_log(self.folder, self.tree, size)

    def opened(self, threshold: int) -> Cosigning:
        asked = policy(threshold)
        return Cosigning(
            asked,
            LOG.verifier,
            signed=self.log.last.load,
            witnessed=self.log.witnessed.load,
            collect=lambda: collect_cosignatures(self.log, asked, self.asked),
        )


def test_nobody_has_cosigned_before_the_first_collection(tmp_path: Path) -> None:
    home = Home(tmp_path, 2)
    standing = home.cosigning.standing()
    assert home.cosigning.is_due()
    assert (standing.needed, standing.is_met, standing.size) == (2, False, 0)
    assert [(one.name, one.size, one.time_s, one.reply) for one in standing.witnesses] == [
        (f"w{n}", 0, 0, None) for n in (1, 2, 3)
    ]


def test_all_cosign_and_are_asked_again_only_for_a_new_checkpoint(tmp_path: Path) -> None:
    home = Home(tmp_path, 2)
    home.cosigning.collect()
    standing = home.cosigning.standing()
    assert (standing.is_met, standing.size) == (True, 5)
    assert {(one.size, one.time_s, one.reply) for one in standing.witnesses} == {(5, NOW_S, Reply.COSIGNED)}
    assert not home.cosigning.is_due()
    home.grow(9)
    assert home.cosigning.is_due()
    home.cosigning.collect()
    assert home.cosigning.standing().size == 9


def test_a_witness_that_is_away_is_asked_again_though_the_quorum_is_met(tmp_path: Path) -> None:
    home = Home(tmp_path, 2)
    home.asked.away = {3}
    home.cosigning.collect()
    standing = home.cosigning.standing()
    assert standing.is_met
    assert [one.reply for one in standing.witnesses] == [Reply.COSIGNED, Reply.COSIGNED, Reply.UNREACHABLE]
    assert (standing.witnesses[2].size, standing.witnesses[2].time_s) == (0, 0)
    assert home.cosigning.is_due()
    home.asked.away = set()
    home.cosigning.collect()
    assert not home.cosigning.is_due()


def test_too_few_is_said_and_the_last_met_checkpoint_goes_on_being_shown(tmp_path: Path) -> None:
    home = Home(tmp_path, 2)
    home.cosigning.collect()
    home.grow(9)
    home.asked.away = {1, 3}
    with pytest.raises(Unavailable, match="1 of 3 witnesses cosigned, too few: w1 not reached, w3 not reached"):
        home.cosigning.collect()
    standing = home.cosigning.standing()
    assert (standing.is_met, standing.size) == (True, 5)
    assert [one.size for one in standing.witnesses] == [5, 9, 5]


def test_a_witness_that_has_seen_another_history_is_no_matter_of_waiting(tmp_path: Path) -> None:
    home = Home(tmp_path, 2)
    home.cosigning.collect()
    home.tree = Tree("fork", shared=2)
    (tmp_path / "w").rename(tmp_path / "gone")
    home.grow(7)
    with pytest.raises(Broken, match="a witness objects: w1: refused; w2: refused; w3: refused"):
        home.cosigning.collect()
    assert not home.cosigning.standing().is_met


def test_after_a_start_the_standing_is_read_from_the_store_and_not_believed_unverified(tmp_path: Path) -> None:
    home = Home(tmp_path, 2)
    home.asked.away = {2}
    home.cosigning.collect()
    again = home.opened(2).standing()
    assert (again.is_met, again.size) == (True, 5)
    found = [(one.size, one.time_s, one.reply) for one in again.witnesses]
    assert found == [(5, NOW_S, None), (0, 0, None), (5, NOW_S, None)]
    assert not home.opened(3).standing().is_met, "another policy asks for more"
    note = home.log.witnessed.load()
    assert note is not None
    home.log.witnessed.compare_and_swap(note, note.replace("\n5\n", "\n6\n"))
    assert (home.opened(1).standing().is_met, home.opened(1).standing().size) == (False, 0)


@pytest.mark.parametrize(("quorum", "least"), [("none", 0), ("w1", 1), ("some", 2), ("both", 3), ("one-of-groups", 1)])
def test_the_least_number_of_witnesses_a_policy_needs(quorum: str, least: int) -> None:
    lines = [f"witness w{n} {witness_key(n).vkey}" for n in (1, 2, 3, 4, 5)]
    lines += ["group some 2 w1 w2 w3", "group other any w4"]
    lines += {"both": ["group both all some other"], "one-of-groups": ["group one-of-groups any some other"]}.get(
        quorum, []
    )
    assert parse_policy("\n".join([*lines, f"quorum {quorum}", ""])).least == least
