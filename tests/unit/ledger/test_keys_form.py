"""Key texts that no file can hold are refused in one way (found by fuzzing): a command line may bring half a surrogate pair."""

import pytest

from wattmark.core.errors import MalformedInput
from wattmark.ledger.note import NoteKey, parse_vkey

KEY = NoteKey("log.example/key", bytes(range(32)))


@pytest.mark.parametrize("code", [0xD800, 0xDCE5, 0xDFFF])
def test_half_a_surrogate_pair_in_a_name_is_refused(code: int) -> None:
    half = chr(code)
    for read, text in ((parse_vkey, KEY.vkey), (NoteKey.from_skey, KEY.skey)):
        with pytest.raises(MalformedInput):
            read(text.replace("example", f"ex{half}ample"))
    with pytest.raises(MalformedInput):
        NoteKey(f"log{half}", bytes(32))
