"""The catalogue: every word a page shows, by key, in both languages."""

from typing import Final

from wattmark.core.text import Text
from wattmark.web.words.front import FRONT
from wattmark.web.words.log import LOG, RECORDS
from wattmark.web.words.market import MARKET
from wattmark.web.words.me import ME
from wattmark.web.words.ordering import ORDERING
from wattmark.web.words.plants import PLANTS
from wattmark.web.words.site import SITE
from wattmark.web.words.wallet import WALLET
from wattmark.web.words.watch import WATCH

MESSAGES: Final[dict[str, Text]] = SITE | FRONT | PLANTS | MARKET | ORDERING | WALLET | ME | LOG | RECORDS | WATCH


def message(key: str, language: str, **values: object) -> str:
    """Return the words of ``key`` with ``{name}`` fields filled in.

    Raises:
        KeyError: no such key, or a field of the words is not given: a mistake of ours, found by the tests.
    """
    words = MESSAGES[key].get(language)
    return words.format(**values) if values else words
