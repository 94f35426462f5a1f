"""One message in Japanese and English; both are required, so none can be missing."""

from dataclasses import dataclass
from typing import Final, Literal

LANGUAGES: Final = ("ja", "en")
Language = Literal["ja", "en"]


@dataclass(frozen=True, slots=True)
class Text:
    """A message a user sees, in both languages."""

    en: str
    ja: str

    def get(self, language: str) -> str:
        """Return the Japanese text for ``"ja"`` and the English one otherwise."""
        return self.ja if language == "ja" else self.en

    def format(self, **values: object) -> "Text":
        """Return the message with ``{name}`` fields filled in, in both languages."""
        return Text(en=self.en.format(**values), ja=self.ja.format(**values))

    def to_dict(self) -> dict[str, str]:
        """Return ``{"en": ..., "ja": ...}``."""
        return {"en": self.en, "ja": self.ja}
