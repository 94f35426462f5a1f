"""Small SVG writers: numbers of one decimal, escaped text, text that fits its box."""

from typing import Final

SANS: Final = "'BIZ UDPGothic','Hiragino Sans','Yu Gothic UI','Noto Sans CJK JP','Noto Sans JP',system-ui,sans-serif"
SERIF: Final = "'BIZ UDPMincho','Hiragino Mincho ProN','Yu Mincho','Noto Serif CJK JP','Noto Serif JP',Georgia,serif"

WIDE_EM: Final = 1.0
"""Width of a full-width character [em]."""
NARROW_EM: Final = 0.6
"""Generous width of a Latin letter or digit; real fonts are narrower, so text stays inside [em]."""

_ESCAPES: Final = {"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;"}


def number(value: float) -> str:
    """Return the value with at most one decimal, never ``-0``: equal bytes on every machine."""
    tenths = round(value * 10)
    sign = "-" if tenths < 0 else ""
    whole, tenth = divmod(abs(tenths), 10)
    return f"{sign}{whole}.{tenth}" if tenth else f"{sign}{whole}"


def points(*values: float) -> str:
    """Return coordinates joined by spaces."""
    return " ".join(map(number, values))


def escape(text: str) -> str:
    """Return the text safe inside an element or an attribute; characters XML forbids are left out."""
    return "".join(_ESCAPES.get(char, char) for char in text if _is_xml_char(char))


def _is_xml_char(char: str) -> bool:
    code = ord(char)
    return code in (0x9, 0xA, 0xD) or (0x20 <= code <= 0xD7FF) or (0xE000 <= code <= 0xFFFD) or code >= 0x10000


def width_em(text: str) -> float:
    """Return an upper estimate of the text's width [em]."""
    return sum(WIDE_EM if ord(char) >= 0x2E80 else NARROW_EM for char in text)


def fitting_size(text: str, width: float, size: float) -> float:
    """Return the font size, at most ``size``, at which the text is not wider than ``width``."""
    needed = width_em(text) * size
    return size if needed <= width else size * width / needed


def shortened(text: str, width: float, size: float) -> str:
    """Return the text cut with an ellipsis so that it fits ``width`` at ``size``."""
    if width_em(text) * size <= width:
        return text
    while text and width_em(text + "…") * size > width:
        text = text[:-1]
    return text + "…"


def label(x: float, y: float, text: str, size: float, **attributes: str) -> str:
    """Return a ``<text>`` element; underscores in attribute names become hyphens."""
    more = "".join(f' {name.replace("_", "-")}="{escape(value)}"' for name, value in attributes.items())
    return f'<text x="{number(x)}" y="{number(y)}" font-size="{number(size)}"{more}>{escape(text)}</text>'
