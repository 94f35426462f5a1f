"""Laws of what others wrote: any structure at all is read back the same or refused, and shrinks when it is not."""

import numpy as np
from hypothesis import example, given
from hypothesis import strategies as st

from fuzz.material import LOG, checkpoint, tree
from fuzz.tile_targets import read_from, stored
from wattmark.core.errors import MalformedInput, Refused, UnknownReference
from wattmark.crypto.hashing import HASH_BYTES
from wattmark.engine.batch import Batch, decode_batch, encode_batch
from wattmark.engine.commands import Kind, payload_hash
from wattmark.ledger.checkpoint import Checkpoint
from wattmark.ledger.proof import LogProof, parse_log_proof, verify_log_proof
from wattmark.ledger.sumtree import Sibling, SumProof
from wattmark.ledger.tiles import format_bundle, parse_bundle, tree_from_tiles
from wattmark.ledger.tiletree import TileTree
from wattmark.ledger.witness import format_request, parse_request

SIZE = 70
WORDS = st.integers(-(2**63), 2**63 - 1)
HASHES = st.lists(st.binary(min_size=30, max_size=34), max_size=66)


@st.composite
def batches(draw: st.DrawFn) -> Batch:
    """Any batch: payloads that are named or not, and words of any value."""
    count = draw(st.integers(0, 4))
    commands = np.array(draw(st.lists(WORDS, min_size=16 * count, max_size=16 * count)), np.int64).reshape(count, 16)
    payloads = draw(st.lists(st.binary(max_size=20), max_size=3))
    for row, payload in zip(commands, payloads, strict=False):
        row[2] = draw(st.sampled_from([Kind.OPEN_ACCOUNT, Kind.BULK_ROOT, Kind.TRANSFER]))
        row[12:] = np.frombuffer(payload_hash(payload), "<i8")
    verdicts = np.array(draw(st.lists(WORDS, min_size=4 * count, max_size=4 * count)), np.int64).reshape(count, 4)
    salts = np.frombuffer(draw(st.binary(min_size=16 * count, max_size=16 * count)), np.uint8).reshape(count, 16)
    return Batch(draw(WORDS), commands, verdicts, salts, {payload_hash(one): one for one in payloads})


@given(batches())
def test_a_batch_reads_back_byte_for_byte_or_names_another_payload(batch):
    data, refused = encode_batch(batch), ""
    try:
        assert encode_batch(decode_batch(data)) == data
    except MalformedInput as error:
        refused = error.field
    assert refused in {"", "payloads"}


@given(batches(), st.data())
def test_a_batch_with_another_length_is_refused(batch, data):
    whole = encode_batch(batch)
    changed = data.draw(st.sampled_from([whole[:-1], whole + b"\0", whole[1:], whole[: len(whole) // 2]]))
    try:
        decode_batch(changed)
    except MalformedInput:
        return
    raise AssertionError("read, and not as it was written")


@given(st.dictionaries(st.sampled_from(sorted(stored(SIZE))), st.none() | st.binary(max_size=SIZE * HASH_BYTES + 1)))
def test_a_tree_of_wrong_or_missing_tiles_is_refused_or_has_another_root(changes):
    files = stored(SIZE)
    for path, content in changes.items():
        if content is None:
            files.pop(path)
        else:
            files[path] = content
    is_true = files.get("tile/0/000.p/70") == stored(SIZE)["tile/0/000.p/70"]
    for read in (
        lambda: tree_from_tiles(read_from(files), SIZE).root(),
        lambda: TileTree(read_from(files), SIZE).root(),
    ):
        try:
            assert (read() == tree(SIZE).root()) == is_true
        except (MalformedInput, UnknownReference):
            assert not is_true


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=20), st.integers(1, 256), st.binary(max_size=3))
def test_a_bundle_is_read_whole_or_not_at_all(entries, width, more):
    data = format_bundle(entries) + more
    try:
        assert parse_bundle(data, width) == entries
    except MalformedInput:
        assert more or width != len(entries)


@given(st.integers(0, 2**63 - 1), HASHES, st.none() | st.binary(max_size=40))
@example(5, list(tree(SIZE).inclusion_proof(5)), None)
def test_a_proof_has_one_form_and_leads_to_the_root_from_one_leaf(index, hashes, extra):
    proof = LogProof(index, tuple(hashes), checkpoint(SIZE), extra)
    try:
        assert parse_log_proof(proof.format()) == proof
    except MalformedInput:
        assert len(hashes) > 63 or any(len(one) != HASH_BYTES for one in hashes)
        return
    try:
        verify_log_proof(proof, tree(SIZE).node(0, 5), LOG.vkey)
    except Refused:
        assert (index, list(hashes)) != (5, tree(SIZE).inclusion_proof(5))
    else:
        assert (index, list(hashes)) == (5, tree(SIZE).inclusion_proof(5))


@given(st.text(max_size=30), st.integers(-1, 2**64), st.binary(min_size=30, max_size=33), st.lists(st.text(max_size=9)))
def test_a_checkpoint_that_can_be_made_reads_back(origin, size, root, extensions):
    try:
        made = Checkpoint(origin, size, root, tuple(extensions))
    except MalformedInput:
        return
    assert Checkpoint.parse(made.format()) == made


@given(
    st.integers(0, 2**64 - 1),
    st.integers(0, 2**64 - 1),
    st.lists(st.tuples(st.binary(min_size=32, max_size=32), WORDS), max_size=65),
)
def test_a_sum_proof_reads_back_or_is_refused(index, rows, siblings):
    proof = SumProof(index, rows, tuple(Sibling(digest, wh % 2**64) for digest, wh in siblings))
    try:
        assert SumProof.decode(proof.encode()) == proof
    except MalformedInput:
        assert len(siblings) > 63


@given(st.integers(0, 2**63 - 1), HASHES)
def test_a_request_to_a_witness_has_one_form(old, hashes):
    body = format_request(old, hashes, checkpoint(SIZE))
    try:
        assert parse_request(body) == (old, tuple(hashes), checkpoint(SIZE))
    except MalformedInput:
        assert len(hashes) > 63 or any(len(one) != HASH_BYTES for one in hashes)
