"""Witnesses: a witness's own directory, and a home's cosignatures."""

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from wattmark.core.errors import MalformedInput, Unavailable
from wattmark.core.ids import random_bytes
from wattmark.core.text import Text
from wattmark.flows.audit import VKEY_FILE
from wattmark.flows.cosign import Collection, SignedLog, check_addresses, collect_cosignatures
from wattmark.flows.cosigning import POLICY_FILE, Cosigning
from wattmark.flows.keys import SECRET_BYTES
from wattmark.flows.platform import Platform
from wattmark.flows.witness import Witness
from wattmark.ledger.note import COSIGNATURE_V1, SUBTREE_V1, NoteKey, Verifier, parse_vkey
from wattmark.ledger.policy import Policy, parse_policy
from wattmark.storage.files import FileCheckpoints, FileTiles
from wattmark.storage.files.disk import make_directory, replace_files
from wattmark.storage.http import HttpWitnesses
from wattmark.wiring.engines import open_checkpoints
from wattmark.wiring.home import read_file, read_settings, write_secret

WITNESSED_DIRECTORY: Final = "witnessed"
"""Below a platform's home: the last checkpoint that witnesses cosigned."""
WITNESS_KEY_FILE: Final = "keys/witness.key"
"""Below a witness's own directory."""
WITNESS_VKEY_FILE: Final = "keys/witness.vkey"
SUBTREE_KEY_FILE: Final = "keys/witness-mldsa44.key"
"""Its ML-DSA-44 key, which a witness made earlier does not have."""
SUBTREE_VKEY_FILE: Final = "keys/witness-mldsa44.vkey"


def home_policy(home: Path) -> Policy | None:
    """Return the policy of a home's own file, ``None`` where there is none.

    Raises:
        MalformedInput: it breaks a rule of C2SP tlog-policy.
        Unavailable: it cannot be read.
    """
    path = home / POLICY_FILE
    try:
        return parse_policy(path.read_bytes())
    except FileNotFoundError:
        return None
    except OSError as error:
        raise Unavailable(Text(en=f"cannot read {path}: {error}", ja=f"{path} を読めません: {error}")) from error


def start_cosigning(platform: Platform, policy: Policy, every_s: float, timeout_s: float) -> None:
    """Have a platform's cosignatures collected while it is served.

    Args:
        platform: open for writing.
        policy: whom to ask, each with its address.
        every_s: pause between two collections [s].
        timeout_s: longest wait for one request [s].

    Raises:
        MalformedInput: a witness without an address.
    """
    check_addresses(policy)
    platform.cosign_every_s = every_s
    platform.cosigning = Cosigning(
        policy,
        parse_vkey(platform.keys.vkey),
        signed=lambda: platform.sequencer.checkpoint_text,
        witnessed=platform.witnessed.load,
        collect=lambda: cosign_home(platform.home, policy, timeout_s),
    )


def cosign_home(home: Path, policy: Policy, timeout_s: float) -> Collection:
    """Ask a policy's witnesses for the last signed checkpoint of a platform, and publish it if the policy is met.

    The platform may be open for writing meanwhile, in this process or another: its writer is not touched.

    Raises:
        MalformedInput: no platform there, or a witness without an address.
        UnknownReference: nothing was signed yet.
        Broken: what is stored is not what was signed.
        Unavailable: a store refuses.
    """
    log = SignedLog(
        parse_vkey(read_file(home, VKEY_FILE).decode(errors="replace").strip()),
        open_checkpoints(home, read_settings(home)),
        FileTiles(home / "log"),
        FileCheckpoints(home / WITNESSED_DIRECTORY),
    )
    return collect_cosignatures(log, policy, HttpWitnesses(timeout_s))


def make_witness(directory: Path, name: str) -> tuple[str, str]:
    """Make a witness's keys in an absent or empty directory and return their public halves: Ed25519, ML-DSA-44.

    Args:
        directory: where the witness keeps its keys and the latest checkpoints.
        name: name of the keys, such as a URL without schema.

    Raises:
        MalformedInput: the directory is not empty, or a bad name.
        Unavailable: the disk refuses.
    """
    if directory.is_file() or (directory.is_dir() and any(directory.iterdir())):
        rule = Text(en="an absent or empty directory", ja="存在しないか空のディレクトリ")
        raise MalformedInput("HOME_NOT_EMPTY", "directory", str(directory), rule)
    key = NoteKey(name, random_bytes(SECRET_BYTES), COSIGNATURE_V1)
    subtree_key = NoteKey(name, random_bytes(SECRET_BYTES), SUBTREE_V1)
    try:
        make_directory(directory / "keys")
        write_secret(directory / WITNESS_KEY_FILE, key.skey)
        write_secret(directory / SUBTREE_KEY_FILE, subtree_key.skey)
        public = [(WITNESS_VKEY_FILE, key.vkey), (SUBTREE_VKEY_FILE, subtree_key.vkey)]
        replace_files(directory, [(file, f"{vkey}\n".encode()) for file, vkey in public])
    except OSError as error:
        reason = Text(en=f"cannot write {directory}: {error}", ja=f"{directory} に書き込めません: {error}")
        raise Unavailable(reason) from error
    return key.vkey, subtree_key.vkey


def open_witness(directory: Path, logs: Iterable[Verifier]) -> Witness:
    """Return the witness of a directory for these logs; it signs with each of its keys, of which one may be missing.

    Raises:
        MalformedInput: no witness there, or a key of the wrong type.
    """
    files = [file for file in (WITNESS_KEY_FILE, SUBTREE_KEY_FILE) if (directory / file).exists()]
    texts = [read_file(directory, file).decode(errors="replace").strip() for file in files or [WITNESS_KEY_FILE]]
    return Witness(
        [NoteKey.from_skey(text) for text in texts],
        logs,
        lambda origin_hash: FileCheckpoints(directory / "logs" / origin_hash),
    )
