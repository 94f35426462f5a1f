"""JSON bodies: what strict decoding refuses leaves as ``json_invalid``; the routes are in ``integration/test_api.py``."""

import pytest
from fastapi.exceptions import RequestValidationError

from wattmark.api.bodies import read_json
from wattmark.api.errors import status_of, validation_error

GOOD = b'{"id":"00000000000000000000000000000001"}'
REFUSED = {
    "a duplicate key": (b'{"id":"1",' + GOOD[1:], "body"),
    "a duplicate key deep inside": (b'{"orders":[{"id":{"a":1,"a":1}}]}', "body"),
    "half an object": (b'{"id":', "6"),
    "NaN": (b'{"id":NaN}', "body"),
    "no UTF-8": (b'{"id":"\xff"}', "body"),
    "UTF-16": (GOOD.decode().encode("utf-16"), "body"),
    "a deep nest": (b"[" * 30_000, "body"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_body_that_could_be_read_in_two_ways_is_no_json(name: str) -> None:
    body, field = REFUSED[name]
    with pytest.raises(RequestValidationError) as raised:
        read_json(body)
    error = validation_error(raised.value)
    assert (error.code, error.field, error.value) == ("NOT_JSON", field, "")
    assert status_of(error) == 400
    assert "duplicate" in error.rule.en
    assert "重複" in error.rule.ja


def test_a_body_that_holds_is_read() -> None:
    assert read_json(GOOD + b" " * (2 << 20)) == {"id": "0" * 31 + "1"}, "the limit is that of the address"
