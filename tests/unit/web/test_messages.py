"""The catalogue: every key in use exists, none is unused, and both languages say the same fields."""

import re
from importlib.resources import files
from pathlib import Path
from string import Formatter

import pytest

from wattmark.core.codes import Source
from wattmark.engine.commands import Kind
from wattmark.flows.queries.story import StepKind
from wattmark.web.app import KNOWN_ERRORS
from wattmark.web.charts.svg import TEXTURES
from wattmark.web.messages import MESSAGES, message
from wattmark.web.pages.market import KINDS
from wattmark.web.pages.order_form import KINDS as ORDER_KINDS
from wattmark.web.pages.order_form import OWN, TIFS
from wattmark.web.pages.order_words import FIELD_NAMES
from wattmark.web.say import TEXTURE

WEB = Path(str(files("wattmark.web")))
LITERAL = re.compile(r"""\bt\(\s*f?["']([a-z_]+(?:\.[a-z0-9_]+)+)["'](?! ~)""")
ANY_KEY = re.compile(r"""["']([a-z]+\.[a-z0-9_]+)["']""")
COMPUTED = {
    *(f"source.{name}" for name in TEXTURES),
    *(f"state.{number}" for number in range(1, 6)),
    *(f"claim.{number}" for number in range(1, 4)),
    *(f"kind.{number}" for number in range(1, 4)),
    *(f"record.{int(kind)}" for kind in Kind),
    *(f"error.{status}" for status in KNOWN_ERRORS),
    *(f"about.step{number}{part}" for number in range(1, 7) for part in ("", "_words")),
    *(f"about.law{number}" for number in range(1, 10)),
    *(f"story.{kind.value}" for kind in StepKind),
    *(f"trading.{state}" for state in ("soon", "open", "halted", "asking", "closed")),
    *(f"order.tif_{name}" for name in TIFS),
    *(f"order.own_{name}" for name in OWN),
    *(f"order.kind_{name}" for name in ORDER_KINDS),
    *FIELD_NAMES.values(),
    *(f"watch.unit_{unit}" for unit in ("messages", "owners", "prices", "times", "trades")),
    *(f"market.kind_{name}" for name in KINDS),
    *(f"market.{name}" for name in ("area", "source", "kind")),
    *(f"story.{kind}_words" for kind in ("banked", "expired", "withdrawn", "held", "not_traded")),
}
"""Keys put together at run time: each of them must exist."""


def sources() -> dict[str, str]:
    found = [*WEB.rglob("*.html"), *(file for file in WEB.rglob("*.py") if "words" not in file.parts)]
    return {str(file.relative_to(WEB)): file.read_text() for file in found}


def test_every_key_in_use_exists() -> None:
    used = {(name, key) for name, text in sources().items() for key in LITERAL.findall(text)}
    assert len(used) > 100
    assert {(name, key) for name, key in used if key not in MESSAGES} == set()
    assert COMPUTED - MESSAGES.keys() == set()


def test_no_key_is_unused() -> None:
    named = {key for text in sources().values() for key in ANY_KEY.findall(text)}
    assert MESSAGES.keys() - named - COMPUTED == set()


def fields(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


@pytest.mark.parametrize("key", sorted(MESSAGES))
def test_both_languages_have_the_same_fields_and_are_not_empty(key: str) -> None:
    text = MESSAGES[key]
    assert text.en.strip()
    assert text.ja.strip()
    assert fields(text.en) == fields(text.ja)
    assert text.en == text.en.strip()


def test_a_japanese_text_is_japanese_unless_it_is_a_name() -> None:
    japanese = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]")
    plain = {key for key, text in MESSAGES.items() if not japanese.search(text.ja)}
    assert plain <= {"site.api", "docs.title", "market.no_price", "kind.1", "record.meter", "verify.proof"}


def test_no_look_alike_of_postage_is_named() -> None:
    """Web reference, section 9: no postage words, no postal sign; the face value is Wh."""
    forbidden = re.compile("切手|郵便|〒|日本郵|\\bPOST\\b|postage", re.IGNORECASE)
    assert {key for key, text in MESSAGES.items() if forbidden.search(text.ja + text.en)} == set()


def test_fields_are_filled_in() -> None:
    assert message("order.wallet", "en", cash="¥1.00") == "Free to spend: ¥1.00."
    with pytest.raises(KeyError):
        message("order.wallet", "en", money="¥1.00")


def test_every_source_has_a_texture_and_a_colour() -> None:
    assert set(TEXTURE) == set(Source)
    style = (WEB / "static" / "wattmark.css").read_text()
    for name in TEXTURES:
        assert f".c-{name}" in style
        assert f".s-{name}" in style
        assert f"--{name}: light-dark(" in style
