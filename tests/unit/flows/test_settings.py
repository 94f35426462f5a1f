"""Settings: one canonical form, every field checked, every refusal names field, value and rule."""

import json

import pytest

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text
from wattmark.flows.settings import Settings, parse_settings, settings_bytes

GOOD = Settings(origin="example.org/log", name=Text(en="Village power", ja="村の電気"))

WRONG = """
origin                  |""
origin                  |"https://example.org"
origin                  |"two words"
origin                  |"a+b"
origin                  |"日本"
origin                  |7
name                    |{"en": "only"}
name                    |{"en": "", "ja": "x"}
name                    |{"en": "x", "ja": "a\\nb"}
name                    |{"en": "x", "ja": 3}
area                    |0
area                    |10
area                    |true
resolution_s            |60
resolution_s            |"1800"
token_expiry_days       |0
token_expiry_days       |3661
tariff_sen_per_kwh      |-1
tariff_sen_per_kwh      |1.5
bank_rule               |0
mint_t0                 |0
minimum_tier            |5
checkpoint_interval_ms  |-1
snapshot_frames         |0
segment_bytes           |1
reserve_bytes           |-1
"""


def test_settings_survive_a_round_trip() -> None:
    changed = GOOD.with_changes(area=9, resolution_s=300, mint_t0=True, tariff_sen_per_kwh=0)
    assert parse_settings(settings_bytes(changed)) == changed


@pytest.mark.parametrize("line", [line for line in WRONG.splitlines() if line])
def test_a_wrong_field_is_refused_by_name(line: str) -> None:
    field, value = (part.strip() for part in line.split("|", 1))
    content = json.loads(settings_bytes(GOOD))
    content[field] = json.loads(value)
    with pytest.raises(MalformedInput) as refused:
        parse_settings(json.dumps(content).encode())
    assert refused.value.field == field
    assert refused.value.rule.ja != refused.value.rule.en


@pytest.mark.parametrize("change", ["drop", "add", "space", "newline", "format", "list", "duplicate"])
def test_only_the_canonical_form_is_read(change: str) -> None:
    data = settings_bytes(GOOD)
    content = json.loads(data)
    if change == "drop":
        del content["area"]
    if change == "add":
        content["extra"] = 1
    if change == "format":
        content["format"] = "wattmark-settings@v2"
    altered = {
        "space": data.replace(b":", b": ", 1),
        "newline": data.rstrip(b"\n"),
        "list": b"[]\n",
        "duplicate": data.replace(b"{", b'{"area":3,', 1),
    }.get(change, json.dumps(content).encode())
    with pytest.raises(MalformedInput):
        parse_settings(altered)
