"""A follower becomes the writer, by an operator's command: no election, no clock, no guess.

What was acknowledged is at ``k`` of the ``n`` named followers. When ``n - k + 1`` of them never confirm to the old writer
again, it can never acknowledge anything again, and at least one of them has everything that was acknowledged: the one
with the longest journal, where each holds a prefix of the same chain. That is not given: a follower that missed a takeover
may hold what an older writer wrote last and nobody confirmed. So the command fences that many, this home included,
compares what they hold and how long it is, and only then raises this home's epoch and makes it the writer's.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np

from wattmark.core.errors import Broken, MalformedInput, RuleViolated, Unavailable
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine.batch import HEADER
from wattmark.flows.audit import BLINDING_FILE, LOG_KEY_FILE
from wattmark.flows.follow import Answer, Caught
from wattmark.flows.keys import LogKeys
from wattmark.flows.replication import FOLLOWER, FOLLOWS, REPLACED, WRITER, Standing, check_epoch
from wattmark.flows.settings import SETTINGS_FILE, Settings, settings_bytes
from wattmark.ledger.checkpoint import open_checkpoint
from wattmark.ledger.frames import CHAIN_START, Frame, encode_frame, scan_segment
from wattmark.ledger.ports import Journal
from wattmark.storage.files import FileCheckpoints, FileJournal
from wattmark.storage.files.disk import replace_files, sync_directory
from wattmark.storage.files.standing import FileStandings
from wattmark.storage.http.writers import HttpWriter
from wattmark.wiring.follower import SEAL_LABEL, Source, keep_evidence
from wattmark.wiring.home import WEB_FILE, read_file, read_keys, read_secret, read_settings, settings_record
from wattmark.wiring.ledger import Ledger
from wattmark.wiring.platform import Platform
from wattmark.wiring.snapshots import resealed

SET_ASIDE: Final = "set-aside"
"""Below a home: frames that were never acknowledged and are not in the log."""


@dataclass(frozen=True, slots=True)
class Fenced:
    """A follower that never confirms to a writer below ``epoch`` again, and the last frame it has.

    Attributes:
        name: the follower's.
        last_sequence: of its last frame.
        epoch: of the writer to come.
        frame_hash: hash of that frame, hexadecimal, or the beginning of it.
        url: where it is served, if it is.
    """

    name: str
    last_sequence: int
    epoch: int
    frame_hash: str
    url: str = ""


@dataclass(frozen=True, slots=True)
class Wish:
    """What an operator asks of a takeover.

    Attributes:
        urls: addresses of other followers to fence.
        api_key: of an operator, for those.
        fenced: followers that were fenced on their own machines (``fence_home``).
        epoch: the epoch those were fenced with; 0 for one above the highest known.
        followers: who follows the new writer; ``None`` for those of before without this one.
        acknowledge_after: how many of them must confirm; ``None`` for as many as before.
        may_lose: take over although acknowledged records may be missing or the old writer may go on.
    """

    urls: tuple[str, ...] = ()
    api_key: str = field(default="", repr=False)
    fenced: tuple[Fenced, ...] = ()
    epoch: int = 0
    followers: tuple[str, ...] | None = None
    acknowledge_after: int | None = None
    may_lose: bool = False


def take_over(home: Path, wish: Wish, now_ms: int) -> dict[str, Any]:
    """Make a follower's home the writer's, and return what was done; ``wattmark serve`` opens it afterwards.

    Args:
        home: the follower's home, with ``keys/log.key`` and ``keys/blinding.key`` put there by the operator.
        wish: what else is asked.
        now_ms: time of the record of changed settings [ms].

    Raises:
        MalformedInput: no follower's home, or the log's keys are missing.
        RuleViolated: too few followers are fenced, or another one has more.
        Unavailable: the home is in use (stop ``wattmark follow`` first), or another follower is not reached.
        Broken: what is stored does not hold.
    """
    standings = FileStandings(home)
    standing = standings.load()
    settings = read_settings(home)
    if standing.role != FOLLOWER:
        rule = Text(en="the home of a follower", ja="追随先のホーム")
        raise MalformedInput("NOT_A_FOLLOWER", "home", str(home), rule)
    _check_secrets(home, settings)
    changed = _changed(settings, standing.name, wish)
    journal = _own_journal(home, settings)
    try:
        others = [HttpWriter(url, wish.api_key) for url in wish.urls]
        fenced = _fence(settings, standing, journal, others, wish)
        last = journal.last_sequence
        epoch = max(one.epoch for one in fenced)
        if settings_bytes(changed) != read_file(
            home, SETTINGS_FILE
        ):  # which may name the database of the writer before
            replace_files(home, [(SETTINGS_FILE, settings_bytes(changed))])
        blinding = read_secret(home, BLINDING_FILE)
        resealed(home, _seal_of(home), blinding)
        standings.store(Standing(epoch, WRITER, "", ""))
    finally:
        journal.close()
    _record(home, changed, now_ms)
    return {
        "home": str(home),
        "epoch": epoch,
        "last_sequence": last,
        "fenced": [{"name": one.name, "url": one.url, "last_sequence": one.last_sequence} for one in fenced],
        "followers": list(changed.followers),
        "acknowledge_after": changed.acknowledge_after,
    }


def fence_home(home: Path, epoch: int = 0) -> Fenced:
    """Fence a follower on its own machine, while ``wattmark follow`` does not run there.

    Args:
        home: the follower's home.
        epoch: of the writer to come; 0 for one above the highest known here.

    Raises:
        MalformedInput: no follower's home.
        RuleViolated: as high an epoch is known.
        Unavailable: the home is in use, or the disk refuses.
    """
    standings = FileStandings(home)
    standing = standings.load()
    if standing.role != FOLLOWER:
        rule = Text(en="the home of a follower", ja="追随先のホーム")
        raise MalformedInput("NOT_A_FOLLOWER", "home", str(home), rule)
    journal = _own_journal(home, read_settings(home))
    try:
        wanted = epoch or standing.epoch + 1
        check_epoch(wanted, standing.epoch)
        standings.store(Standing(wanted, FOLLOWER, standing.writer, standing.name))
        return Fenced(standing.name, journal.last_sequence, wanted, journal.last_hash.hex())
    finally:
        journal.close()


def change_followers(home: Path, followers: Sequence[str], acknowledge_after: int, now_ms: int) -> Settings:
    """Change who follows a writer's closed home, and put it on record.

    Raises:
        MalformedInput: not a form of followers, or no platform there.
        Unavailable: the home is in use or not a writer's.
    """
    settings = read_settings(home)
    changed = settings.with_changes(followers=tuple(followers), acknowledge_after=acknowledge_after)
    if FileStandings(home).load().role != WRITER:
        raise Unavailable(FOLLOWS)
    _own_journal(home, settings).close()  # nobody else has it open
    _check_keys(home, changed)
    replace_files(home, [(SETTINGS_FILE, settings_bytes(changed))])
    _record(home, changed, now_ms)
    return changed


def _check_keys(home: Path, settings: Settings) -> None:
    """Refuse a follower that is bound to an API key nobody has: it could never confirm.

    Raises:
        MalformedInput: there is no such key.
    """
    bound = [entry for entry in settings.followers if "#" in entry]
    if not bound:
        return
    with Platform.open(home, read_only=True) as platform:
        keys = platform.state.count("keys")
    for entry in bound:
        if int(entry.partition("#")[2]) >= keys:
            rule = Text(en=f"name#key, with a key of 0 to {keys - 1}", ja=f"名前#キー番号(0〜{keys - 1})")
            raise MalformedInput("UNKNOWN_KEY", "follower", entry, rule)


def rejoin(home: Path, source: Source) -> Path | None:
    """Turn a writer's or diverged follower's home into a follower of a new writer.

    What it holds beyond the common beginning was never acknowledged: it is set aside in a file, which is returned.
    What it has signed, or accepted as signed, must be part of the new writer's log.

    Raises:
        Caught: the new writer's log does not hold what was signed here: a fork; the evidence is kept.
        Unavailable: the home is in use, or the writer is not reached or knows no higher epoch.
    """
    settings = read_settings(home)
    standings = FileStandings(home)
    standing = standings.load()
    writer = source.writer()
    journal = _own_journal(home, settings)
    aside: Path | None = None
    try:
        head = writer.head()
        epoch, last = int(head.get("epoch", 0)), int(head.get("last_sequence", -1))
        if head.get("origin") != settings.origin:
            rule = Text(en=f"the log {settings.origin}", ja=f"ログ{settings.origin}")
            raise MalformedInput("OTHER_LOG", "url", source.url, rule)
        common = _common(journal, writer, last)
        if common < journal.last_sequence:
            own = standing.epoch - 1 if standing.role == REPLACED else standing.epoch  # of the frames that are here
            if epoch <= own:
                reason = Text(
                    en=f"that writer's epoch is {epoch}, not above the one known here: nothing is set aside for it",
                    ja=f"その書込元の世代{epoch}は既知の世代を超えていないため、別置きしない",
                )
                raise Unavailable(reason)
            _check_signed(home, settings, journal, common, writer)
            aside = _set_aside(home, journal, common)
    finally:
        writer.close()
        journal.close()
    if aside is not None:
        _cut(home, common)
    if (home / BLINDING_FILE).is_file():
        resealed(home, read_secret(home, BLINDING_FILE), _seal_of(home))
    standings.store(Standing(max(epoch, standing.epoch), FOLLOWER, source.url, source.name or standing.name))
    return aside


def _record(home: Path, settings: Settings, now_ms: int) -> None:
    """Put the settings on record as the last frame, which nobody has confirmed yet.

    So whoever serves the home acknowledges nothing before the followers it now has know that they are.
    """
    keys = read_keys(home, settings.origin)
    log_keys = LogKeys(settings.origin, keys.vkey, keys.log, keys.blinding)
    with Ledger(home, log_keys, segment_bytes=settings.segment_bytes, reserve_bytes=settings.reserve_bytes) as ledger:
        plan = settings_record(home, ledger.sequencer.position)
        ledger.submit(plan.commands, list(plan.payloads), max(now_ms, ledger.sequencer.state.now_ms))


def _check_secrets(home: Path, settings: Settings) -> None:
    missing = [path for path in (LOG_KEY_FILE, BLINDING_FILE) if not (home / path).is_file()]
    if missing:
        rule = Text(
            en="the log's keys, put there by the operator before a takeover", ja="交代の前に運営者が置くログの鍵"
        )
        raise MalformedInput("KEYS_NEEDED", "home", ", ".join(missing), rule)
    read_keys(home, settings.origin)


def _own_journal(home: Path, settings: Settings) -> FileJournal:
    return FileJournal(home / "journal", segment_bytes=settings.segment_bytes, reserve_bytes=settings.reserve_bytes)


def _changed(settings: Settings, name: str, wish: Wish) -> Settings:
    """Return the settings of the new writer.

    Raises:
        MalformedInput: fewer followers are left than must confirm, and nothing was said about it.
    """
    left = tuple(entry for entry in settings.followers if entry.partition("#")[0] != name)
    followers = left if wish.followers is None else wish.followers
    needed = settings.acknowledge_after if wish.acknowledge_after is None else wish.acknowledge_after
    if needed > len(followers):
        rule = Text(
            en=f"at most {len(followers)}, the followers that are left: say --acknowledge-after or --follower",
            ja=f"残る追随先の数{len(followers)}以下(--acknowledge-after または --follower で指定)",
        )
        raise MalformedInput("TOO_FEW_FOLLOWERS", "acknowledge-after", needed, rule)
    return settings.with_changes(followers=followers, acknowledge_after=needed)


def _fence(
    settings: Settings, standing: Standing, journal: Journal, others: Sequence[HttpWriter], wish: Wish
) -> list[Fenced]:
    """Fence the others with an epoch above all, and return who is fenced, this home first.

    Raises:
        RuleViolated: they are too few, or one of them has more frames or other ones.
    """
    last = journal.last_sequence
    heads = [other.head() for other in others]
    for other, head in zip(others, heads, strict=True):  # before anything is changed
        _check_agrees(journal, str(head.get("name", "")), *_end_of(head), other)
    for one in wish.fenced:
        _check_agrees(journal, one.name, one.last_sequence, one.frame_hash)
    highest = max([standing.epoch, *(int(head.get("epoch", 0)) for head in heads)])
    epoch = wish.epoch or max([highest, *(one.epoch - 1 for one in wish.fenced)]) + 1
    names = {entry.partition("#")[0] for entry in settings.followers}
    reached = {str(head.get("name", "")) for head in heads} | {one.name for one in wish.fenced} | {standing.name}
    needed = len(names) - settings.acknowledge_after + 1
    counted = len(names & reached)
    if not wish.may_lose and (settings.acknowledge_after == 0 or counted < needed):
        rule = Text(
            en=f"at least {needed} of the {len(names)} followers fenced, of whom {settings.acknowledge_after} confirm each "
            "record: else the old writer could go on, or acknowledged records could be missing here. Name more "
            "followers with --fence, or say --may-lose"
            if settings.acknowledge_after
            else "a log whose records wait for followers (acknowledge_after): without, the last acknowledged records may "
            "be missing here. Say --may-lose to take over all the same",
            ja=f"{len(names)}の追随先のうち{needed}以上の遮断(--fence)。満たさない場合は --may-lose",
        )
        raise RuleViolated("TOO_FEW_FENCED", "fence", counted, rule)
    check_epoch(epoch, standing.epoch)
    fenced = [Fenced(standing.name, last, epoch, journal.last_hash.hex()), *wish.fenced]
    for other, url in zip(others, wish.urls, strict=True):
        answer = other.fence(epoch, "")
        one = Fenced(str(answer.get("name", "")), _end_of(answer)[0], epoch, _end_of(answer)[1], url)
        _check_agrees(journal, one.name, one.last_sequence, one.frame_hash, other)
        fenced.append(one)
        other.close()
    longest = max(fenced, key=lambda one: one.last_sequence)
    if longest.last_sequence > last and not wish.may_lose:
        rule = Text(
            en=f"the follower with the longest journal: take over at {longest.name} {longest.url}",
            ja=f"最も長いジャーナルを持つ追随先で実行すること: {longest.name} {longest.url}",
        )
        raise RuleViolated("NOT_THE_LONGEST", "last_sequence", last, rule)
    return fenced


def _end_of(answer: dict[str, Any]) -> tuple[int, str]:
    """Return sequence and hash of the last frame a server says it has."""
    return int(answer.get("last_sequence", -1)), str(answer.get("frame_hash", ""))


def _check_agrees(
    journal: Journal, name: str, their_last: int, frame_hash: str, other: HttpWriter | None = None
) -> None:
    """Check that of two followers the journal of one begins with that of the other, as far as can be told.

    A follower may hold a frame of an older writer that was never acknowledged, and be as long as one that has what a
    newer writer acknowledged at the same place; the longer one is not the one to take then.

    Raises:
        RuleViolated: they have different frames of one number.
    """
    sequence = min(their_last, journal.last_sequence)
    if sequence < 0:
        return
    if their_last > sequence:
        if other is None:
            return  # it is longer, and will be refused for that; there its hash is compared
        frame_hash = _frame_hash_at(other, sequence)
    if not frame_hash or not _frame_hash(journal, sequence).hex().startswith(frame_hash):
        rule = Text(
            en=f"the frame {sequence} of {name or 'the follower'}: one of the two has frames of an older writer, which were "
            "never acknowledged. Serve the one that followed the newer writer (a higher epoch), and let the other rejoin it",
            ja=f"{name or '追随先'}のフレーム{sequence}と同一であること。一方に古い書込元の未確認フレームがある。"
            "新しい書込元(世代が大きい方)に追随していた側を配信し、他方を --rejoin で追随させる",
        )
        raise RuleViolated("FOLLOWERS_DIFFER", "frame", sequence, rule)


def _frame_hash_at(other: HttpWriter, sequence: int) -> str:
    """Return the hash of a frame as a server has it.

    Raises:
        Unavailable: it does not send the frame.
    """
    answer = other.frames({"after": sequence - 1, "epoch": 0}, 0)
    if isinstance(answer, Answer):
        theirs = next(iter(scan_segment(answer.body, sequence, None)))
        if isinstance(theirs, Frame):
            return theirs.frame_hash.hex()
        return ""
    raise Unavailable(answer.rule)


def _seal_of(home: Path) -> bytes:
    return sha256(SEAL_LABEL + read_secret(home, WEB_FILE))


def _frame_hash(journal: Journal, sequence: int) -> bytes:
    return CHAIN_START if sequence < 0 else next(iter(journal.read(sequence))).frame_hash


def _common(journal: Journal, writer: HttpWriter, last: int) -> int:
    """Return the last frame both have: if one is the same, all before it are (the chain)."""
    low, high = -1, min(journal.last_sequence, last)
    while low < high:
        middle = (low + high + 1) // 2
        answer = writer.frames({"after": middle - 1, "epoch": 0}, 0)
        if not isinstance(answer, Answer):
            raise Unavailable(answer.rule)
        theirs = next(iter(scan_segment(answer.body, middle, None)))
        if isinstance(theirs, Frame) and theirs.frame_hash == _frame_hash(journal, middle):
            low = middle
        else:
            high = middle - 1
    return low


def _check_signed(home: Path, settings: Settings, journal: Journal, common: int, writer: HttpWriter) -> None:
    text = FileCheckpoints(home / "checkpoint").load()
    if text is None:
        return
    public = (home / "keys/log.vkey").read_text().strip()
    signed = open_checkpoint(text, public, settings.origin).size
    kept = 0
    for frame in journal.read():
        if frame.sequence > common:
            break
        kept += int(HEADER.unpack_from(frame.payload)[1])
    if kept < signed:
        theirs = writer.checkpoint()
        detail = f"{signed} records were signed, the writer has only the first {kept} of them"
        broken = Broken("log/checkpoint", "line 2", "L5: a log only grows", detail)
        caught = Caught(
            broken,
            {"checkpoint-ours": text.encode(), **({} if theirs is None else {"checkpoint-theirs": theirs.encode()})},
        )
        keep_evidence(home, caught)
        raise caught


def _set_aside(home: Path, journal: Journal, common: int) -> Path:
    """Copy the frames behind the common ones into a file, durably."""
    frames = list(journal.read(common + 1))
    data = b"".join(encode_frame(frame.sequence, frame.prev_hash, frame.payload) for frame in frames)
    name = f"frames-{common + 1}-{frames[-1].sequence}-{frames[-1].frame_hash.hex()[:16]}.frames"
    replace_files(home / SET_ASIDE, [(name, data)])
    return home / SET_ASIDE / name


def _cut(home: Path, common: int) -> None:
    """Take the frames behind the common ones, which lie in ``set-aside`` now, out of the journal."""
    directory = home / "journal"
    paths = sorted(path for path in directory.glob("*.seg"))
    for path in reversed(paths):
        first = int(path.stem)
        if first > common:
            path.unlink()
            continue
        data = np.frombuffer(path.read_bytes(), np.uint8).copy()
        end = 0
        for item in scan_segment(data, first, None):
            if isinstance(item, Frame) and item.sequence <= common:
                end = item.end
        data[end:] = 0
        replace_files(directory, [(path.name, data.tobytes())])
        break
    sync_directory(directory)
