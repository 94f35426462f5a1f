"""Names and stories that travel beside the records, read back from their payloads."""

from typing import Any

from wattmark.core.encoding import json_decode_strict
from wattmark.core.errors import Refused
from wattmark.core.text import Text
from wattmark.engine import layout as e
from wattmark.engine.commands import Words, words_hash
from wattmark.flows.platform import Platform
from wattmark.tokens import layout as k

NO_TEXT = Text(en="", ja="")


def payload_of(platform: Platform, words: Words) -> dict[str, Any]:
    """Return the JSON object named by four hash words, ``{}`` when there is none or it is no object."""
    data = platform.views.payload(words_hash(words))
    if data is None:
        return {}
    try:
        content = json_decode_strict(data)
    except Refused:
        return {}
    return content if isinstance(content, dict) else {}


def text_in(content: dict[str, Any], field: str, default: Text = NO_TEXT) -> Text:
    """Return a field that is a text in both languages or in one; else ``default``."""
    value = content.get(field)
    if isinstance(value, str) and value:
        return Text(en=value, ja=value)
    if isinstance(value, dict) and isinstance(value.get("en"), str) and isinstance(value.get("ja"), str):
        return Text(en=value["en"], ja=value["ja"])
    return default


def device_content(platform: Platform, device: int) -> dict[str, Any]:
    """Return what was said of a device when it was registered."""
    return payload_of(platform, platform.state.devices[device, k.D_PAYLOAD : k.D_PAYLOAD + 4])


def account_content(platform: Platform, account: int) -> dict[str, Any]:
    """Return what was said of an account when it was opened."""
    return payload_of(platform, platform.state.accounts[account, e.A_PAYLOAD : e.A_PAYLOAD + 4])
