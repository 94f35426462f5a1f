import pytest

from wattmark.core.errors import MalformedInput
from wattmark.crypto.signing import SignatureInvalid
from wattmark.ledger.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from wattmark.ledger.merkle import EMPTY_ROOT
from wattmark.ledger.note import NoteKey, sign_note

KEY = NoteKey("example.com/log", bytes(32))
ROOT = "jskfwYSEPxfMMzw8MkjsXBpOCV39P7Ocw610R8pUelk="


def test_the_form_is_three_lines():
    text = f"example.com/log\n500000\n{ROOT}\n"
    checkpoint = Checkpoint.parse(text)
    assert (checkpoint.origin, checkpoint.size, len(checkpoint.root)) == ("example.com/log", 500_000, 32)
    assert checkpoint.format() == text


def test_extension_lines_are_kept():
    text = f"o\n1\n{ROOT}\nmore\nand more\n"
    assert Checkpoint.parse(text).extensions == ("more", "and more")
    assert Checkpoint.parse(text).format() == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"o\n1\n{ROOT}",
        f"\n1\n{ROOT}\n",
        "o\n1\n",
        f"o\n01\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n 1\n{ROOT}\n",
        f"o\n1_0\n{ROOT}\n",
        f"o\n\u0661\n{ROOT}\n",
        f"o\n9223372036854775808\n{ROOT}\n",
        f"o\n{'9' * 5000}\n{ROOT}\n",
        f"o\n\n{ROOT}\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT[:-2]}l=\n",
        f"o\n1\n{ROOT[4:]}\n",
        f"o\n1\n{ROOT}\n\n",
        f"o\n0\n{ROOT}\n",
    ],
)
def test_other_forms_are_refused(text):
    with pytest.raises(MalformedInput):
        Checkpoint.parse(text)


def test_the_log_without_entries_has_the_empty_root():
    assert Checkpoint("o", 0, EMPTY_ROOT).size == 0
    with pytest.raises(MalformedInput):
        Checkpoint("o", 0, bytes(32))


def test_a_checkpoint_of_another_log_is_refused():
    note = sign_checkpoint(Checkpoint("example.com/other", 1, bytes(32)), KEY)
    with pytest.raises(MalformedInput) as refusal:
        open_checkpoint(note, KEY.vkey)
    assert refusal.value.code == "OTHER_LOG"
    assert open_checkpoint(note, KEY.vkey, "example.com/other").size == 1


def test_another_key_of_the_same_name_is_refused():
    note = sign_checkpoint(Checkpoint(KEY.name, 1, bytes(32)), KEY)
    with pytest.raises(SignatureInvalid):
        open_checkpoint(note, NoteKey(KEY.name, bytes(31) + b"\x01").vkey)


def test_a_signed_note_that_is_no_checkpoint_is_refused():
    with pytest.raises(MalformedInput):
        open_checkpoint(sign_note("hello\n", [KEY]), KEY.vkey)


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\tb", "a\u3000b", "a\x00"])
def test_names_that_break_a_signature_line_are_refused(name):
    with pytest.raises(MalformedInput):
        NoteKey(name, bytes(32))


def test_a_secret_key_is_not_shown():
    assert "seed" not in repr(KEY)
    skey = KEY.skey.replace("+AQAA", "+AQAB")
    with pytest.raises(MalformedInput) as refusal:
        NoteKey.from_skey(skey)
    assert "AQAB" not in str(refusal.value)
