"""A journal whose frames hold and whose payloads do not have their form: it opens, or is Broken, and the audit goes on.

No flow of ours writes such a payload; to the state machine it is only a hash. A mirror or a copy may hold one.
"""

import contextlib
import shutil
from pathlib import Path

import pytest

from wattmark.core.errors import Broken, Unavailable
from wattmark.core.findings import Finding
from wattmark.core.ids import derive_id
from wattmark.engine.commands import BulkKind, Kind, command, payload_hash, stack
from wattmark.testing.small_home import NIGHT_MS, SmallHome
from wattmark.wiring import Platform, audit_home

METER = '"meter_id":"0102030405060708"'
PAYLOADS = [
    *(b"", b"\xff\xfe", b"[]", b"null", b"1", b'"x"', b"NaN", b"[" * 100_000, b'{"a":' * 50_000, b'{"a":1,"a":2}'),
    *(b'{"files":1}', b'{"files":[1]}', b'{"files":[{}]}', b'{"files":{"a":1}}', b'{"files":[[]]}', b'{"files":null}'),
    b'{"files":[{"path":"../x","sha256":"00","size":1,"chunks":[]}]}',
    b'{"files":[{"path":"plan/x.parquet","sha256":"' + b"00" * 32 + b'","size":1e400,"chunks":[]}]}',
    b'{"files":[{"path":"readings/slots-0.parquet","sha256":"' + b"00" * 32 + b'","size":0,"chunks":[]}]}',
    *(b'{"days":5}', b'{"days":["x"]}', b'{"days":[1e400]}', b'{"day":[]}', b'{"retailer":1e400,"day":1e400}'),
    *(b'{"home_files":5}', b'{"home_files":[{"path":5}]}', b'{"home_files":[{"path":"../../etc/passwd"}]}'),
    *(b'{"name":1,"salt":5}', b'{"name":{"en":[1],"ja":{}}}', b'{"name":"\\ud800"}', b'{"kid":5}', b'{"kid":"zz"}'),
    *(
        f"{{{METER},{more}}}".encode()
        for more in ('"channel":1e400', '"channel":-1', '"seq_first":"x"', '"cfg_hash":1')
    ),
    *(b'{"meter_id":5}', b'{"meter_id":"zz"}', f'{{{METER},"channel":99999999999999999999}}'.encode()),
]


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = SmallHome(tmp_path_factory.mktemp("hostile") / "home")
    made.close()
    return made.home


def texts(payload: bytes) -> list:
    named = {"actor": 0, "hash": payload_hash(payload)}
    device = {"area": 3, "source": 1, "capacity_w": 5, "register_open_wh": 0, "resolution_s": 1_800, "tier": 0}
    return [
        command(Kind.OPEN_ACCOUNT, id=derive_id("a"), roles=4, credit_limit_e5jpy=0, **named),
        command(Kind.REGISTER_DEVICE, id=derive_id("d"), account=3, channel_role=1, **device, **named),
        command(Kind.REGISTER_METER_KEY, id=derive_id("k"), device=0, alg=-8, valid_from_ms=0, **named),
    ]


def bulk(payload: bytes, kind: BulkKind):
    what = {"rows": 0, "total_wh": 0, "period_start_s": 0, "duration_s": 0}
    named = {"actor": 0, "hash": payload_hash(payload), "root": bytes(32)}
    return command(Kind.BULK_ROOT, id=derive_id("b", int(kind)), bulk_kind=int(kind), **what, **named)


def look(empty: Path, folder: Path, rows: list, payload: bytes) -> list[Finding]:
    """Write the records, open the home anew without its read model, audit it."""
    home = folder / "home"
    shutil.copytree(empty, home)
    platform = Platform.open(home)
    try:
        platform.sequencer.submit(stack(rows), [payload], now_ms=NIGHT_MS)
        platform.close()
    except (Broken, Unavailable):
        platform._views.abandon()  # the read model has said so; the frame is durable
    finally:
        platform._journal.close()
    shutil.rmtree(home / "views")
    with contextlib.suppress(Broken):
        Platform.open(home).close()
    return [item.finding for item in audit_home(home) if item.is_truth]


@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_texts_that_are_none_are_no_texts(empty: Path, tmp_path: Path, number: int) -> None:
    look(empty, tmp_path, texts(PAYLOADS[number]), PAYLOADS[number])


@pytest.mark.slow
@pytest.mark.parametrize("kind", BulkKind)
@pytest.mark.parametrize("number", range(len(PAYLOADS)))
def test_bulk_payloads_without_their_form_are_named(empty: Path, tmp_path: Path, number: int, kind: BulkKind) -> None:
    payload = PAYLOADS[number]
    found = look(empty, tmp_path, [bulk(payload, kind)], payload)
    if payload[:1] != b"{" or b'"files":' in payload.replace(b'"files":null', b""):
        assert found, (kind, payload[:60])
        assert all(finding.file and finding.position for finding in found)
