"""Settings and secrets in a home directory."""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from wattmark.core.encoding import json_canonical
from wattmark.core.errors import MalformedInput, Unavailable
from wattmark.core.ids import derive_id, random_bytes
from wattmark.core.text import Text
from wattmark.crypto.hashing import sha256
from wattmark.engine.commands import BulkKind, Kind, command
from wattmark.flows.audit import BLINDING_FILE, LOG_KEY_FILE, VKEY_FILE
from wattmark.flows.keys import SECRET_BYTES, Keys
from wattmark.flows.plan import Plan, plan_of
from wattmark.flows.replication import FOLLOWER
from wattmark.flows.settings import JOURNAL_FILE, SETTINGS_FILE, Settings, parse_settings
from wattmark.ledger.lakefile import describe_lake_file
from wattmark.ledger.note import SUBTREE_V1, NoteKey
from wattmark.storage.files.disk import replace_files
from wattmark.storage.files.standing import FileStandings

WEB_FILE: Final = "keys/web.key"
SUBTREE_KEY_FILE: Final = "keys/log-mldsa44.key"
"""The log's second signing key, where it has one."""
SUBTREE_VKEY_FILE: Final = "keys/log-mldsa44.vkey"
_PRIVATE_MODE: Final = 0o600


def read_settings(home: Path) -> Settings:
    """Return the settings under ``home``; a follower keeps its journal in files, whatever the writer does.

    Raises:
        MalformedInput: no platform there, or a setting breaks its rule.
    """
    if not (home / SETTINGS_FILE).is_file():
        rule = Text(en="a directory made by `wattmark init`", ja="`wattmark init` で作ったディレクトリ")
        raise MalformedInput("NOT_A_HOME", "home", str(home), rule)
    settings = parse_settings(read_file(home, SETTINGS_FILE))
    if settings.journal != JOURNAL_FILE and FileStandings(home).load().role == FOLLOWER:
        return settings.with_changes(journal=JOURNAL_FILE, journal_dsn="")
    return settings


def read_keys(home: Path, origin: str) -> Keys:
    """Return the keys under ``home``.

    Raises:
        MalformedInput: one is malformed, or the log's key is not that of ``keys/log.vkey``.
    """
    try:
        log = NoteKey.from_skey(read_file(home, LOG_KEY_FILE).decode(errors="replace").strip())
    except MalformedInput as error:
        raise MalformedInput(error.code, LOG_KEY_FILE, error.value, error.rule) from error
    public = read_file(home, VKEY_FILE).decode(errors="replace").strip()
    if log.vkey != public or log.name != origin:
        rule = Text(
            en="the verifier key of keys/log.key, named by the origin", ja="keys/log.keyの検証鍵で、名前は起点名"
        )
        raise MalformedInput("VKEY_MISMATCH", VKEY_FILE, public, rule)
    return Keys(log, read_secret(home, BLINDING_FILE), read_secret(home, WEB_FILE), read_subtree_key(home, origin))


def read_subtree_key(home: Path, origin: str) -> NoteKey | None:
    """Return the log's ML-DSA-44 key, ``None`` where it has none.

    Raises:
        MalformedInput: it is no such key of this log.
    """
    if not (home / SUBTREE_KEY_FILE).exists():
        return None
    try:
        key = NoteKey.from_skey(read_file(home, SUBTREE_KEY_FILE).decode(errors="replace").strip())
    except MalformedInput as error:
        raise MalformedInput(error.code, SUBTREE_KEY_FILE, error.value, error.rule) from error
    if key.kind != SUBTREE_V1 or key.name != origin:
        rule = Text(en="an ML-DSA-44 key named by the origin", ja="起点名のML-DSA-44鍵")
        raise MalformedInput("BAD_KEY_TYPE", SUBTREE_KEY_FILE, key.vkey, rule)
    return key


def add_subtree_key(home: Path) -> str:
    """Give a log an ML-DSA-44 key and return its public half; checkpoints bear it from the next opening on.

    Raises:
        MalformedInput: no platform there, or it has such a key.
        Unavailable: the disk refuses.
    """
    origin = read_settings(home).origin
    if read_subtree_key(home, origin) is not None:
        rule = Text(en="a log without an ML-DSA-44 key", ja="ML-DSA-44鍵のないログ")
        raise MalformedInput("KEY_EXISTS", SUBTREE_KEY_FILE, origin, rule)
    key = NoteKey(origin, random_bytes(SECRET_BYTES), SUBTREE_V1)
    try:
        replace_files(home, [(SUBTREE_VKEY_FILE, f"{key.vkey}\n".encode())])
        write_secret(home / SUBTREE_KEY_FILE, key.skey)
    except OSError as error:
        reason = Text(en=f"cannot write {home}: {error}", ja=f"{home} に書き込めません: {error}")
        raise Unavailable(reason) from error
    return key.vkey


def settings_record(home: Path, position: int = 0) -> Plan:
    """Return the plan that puts the hashes of settings and public key on record; the latest such record counts.

    Args:
        home: the directory.
        position: number of records before, so that old settings can be put on record anew.
    """
    files = [describe_lake_file(path, read_file(home, path)) for path in (SETTINGS_FILE, VKEY_FILE)]
    payload = json_canonical({"files": [], "home_files": [file.to_dict() for file in files]})
    row = command(
        Kind.BULK_ROOT,
        id=derive_id("settings", payload, *([position] if position else [])),
        actor=0,
        bulk_kind=BulkKind.SETTINGS,
        rows=len(files),
        total_wh=0,
        period_start_s=0,
        duration_s=0,
        root=sha256(payload),
        hash=sha256(payload),
    )
    return plan_of([row], [payload])


def read_file(home: Path, path: str) -> bytes:
    """Return a file below ``home``.

    Raises:
        MalformedInput: it cannot be read.
    """
    try:
        return (home / path).read_bytes()
    except OSError as error:
        rule = Text(en="a readable file", ja="読み取れるファイル")
        raise MalformedInput("FILE_MISSING", "file", path, rule) from error


def read_secret(home: Path, path: str) -> bytes:
    """Return the 32 bytes of a secret file.

    Raises:
        MalformedInput: it cannot be read, or is not 64 hexadecimal digits.
    """
    text = read_file(home, path).decode(errors="replace").strip()
    if len(text) == 2 * SECRET_BYTES and set(text) <= set("0123456789abcdef"):
        return bytes.fromhex(text)
    rule = Text(en="64 lower-case hexadecimal digits", ja="小文字の16進数64桁")
    raise MalformedInput("SECRET_MALFORMED", path, "(secret)", rule)


def write_keys(home: Path, keys: Keys) -> None:
    """Write the key files of a new home, each durable and readable by its owner only."""
    (home / "keys").mkdir(exist_ok=True)
    for path, text in _key_files(keys):
        write_secret(home / path, text)


def write_secret(path: Path, text: str) -> None:
    """Write a file durably, readable by its owner only."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _PRIVATE_MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())


def _key_files(keys: Keys) -> Iterator[tuple[str, str]]:
    yield LOG_KEY_FILE, keys.log.skey
    yield VKEY_FILE, keys.vkey
    yield BLINDING_FILE, keys.blinding.hex()
    yield WEB_FILE, keys.web.hex()
