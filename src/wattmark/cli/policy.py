"""Which witnesses to ask or to believe: a policy file (C2SP tlog-policy), or keys and a number."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from wattmark.cli.say import tell
from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

if TYPE_CHECKING:
    from wattmark.ledger.policy import Policy

POLICY: Final = tell(
    Text(
        en="Policy file (C2SP tlog-policy): logs, witnesses, quorum.",
        ja="方針ファイル(C2SP tlog-policy): ログ・立会人・定足数。",
    )
)
WITNESS: Final = tell(
    Text(
        en="Public key of a witness, or a file that holds it; once per witness.",
        ja="立会人の検証鍵、またはそのファイル(立会人ごとに指定)。",
    )
)
WITNESS_URL: Final = tell(
    Text(
        en="A witness to ask: public key (or a file that holds it), '=', address; once per witness.",
        ja="依頼先の立会人: 検証鍵(またはそのファイル)「=」アドレス。立会人ごとに指定。",
    )
)
QUORUM: Final = tell(
    Text(en="How many of them must have cosigned (default: all).", ja="必要な連署の数(省略時は全員)。")
)
ALL: Final = -1
"""Default of ``--quorum``."""

_ADDRESS: Final = "=http"


def policy_of(file: Path | None, witnesses: list[str], quorum: int) -> "Policy | None":
    """Return the policy the options ask for, ``None`` without any.

    Args:
        file: policy file.
        witnesses: ``VKEY`` or ``VKEY=URL``; the key may be the path of a file.
        quorum: how many of them; ``ALL`` for all.

    Raises:
        MalformedInput: both a file and keys, a malformed file, key or number.
    """
    from wattmark.cli.given import read_input, read_key
    from wattmark.ledger.note import parse_vkey
    from wattmark.ledger.policy import KnownWitness, parse_policy, quorum_of

    if file is not None:
        if witnesses or quorum != ALL:
            rule = Text(en="either --policy, or --witness and --quorum", ja="--policy か --witness/--quorum の一方")
            raise MalformedInput("ARGUMENTS", "policy", str(file), rule)
        return parse_policy(read_input(file, "policy"))
    if not witnesses:
        if quorum in {ALL, 0}:
            return None
        raise MalformedInput("ARGUMENTS", "quorum", quorum, Text(en="witnesses to count", ja="立会人の指定"))
    known: list[KnownWitness] = []
    for text in witnesses:
        key, sign, rest = text.partition(_ADDRESS)
        verifier = parse_vkey(read_key(key))
        known.append(KnownWitness(verifier.name, verifier, _ADDRESS[1:] + rest if sign else ""))
    return quorum_of(known, len(known) if quorum == ALL else quorum)
