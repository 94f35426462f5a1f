"""Policy as data: whole numbers with a meaning, bounds and a unit, and their one canonical form.

A policy is a frozen dataclass of such numbers. Only what differs from its default is written down, so that a new
threshold changes no existing file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final

from wattmark.core.errors import MalformedInput
from wattmark.core.text import Text

_KEY: Final = "threshold"


@dataclass(frozen=True, slots=True)
class Threshold:
    """One number of a policy.

    Attributes:
        name: name of the field.
        default: what holds where the operator says nothing.
        low: lowest value.
        high: highest value.
        unit: what it counts, such as Wh or per mille.
        text: what it means.
    """

    name: str
    default: int
    low: int
    high: int
    unit: str
    text: Text

    @property
    def rule(self) -> Text:
        """Return what a value must be."""
        return Text(
            en=f"a whole number from {self.low} to {self.high} [{self.unit}]",
            ja=f"{self.low}以上{self.high}以下の整数[{self.unit}]",
        )

    def check(self, value: object, section: str) -> None:
        """Check a value.

        Raises:
            MalformedInput: it is not a whole number within the bounds.
        """
        if type(value) is not int or not self.low <= value <= self.high:
            raise MalformedInput("THRESHOLD_INVALID", f"{section}.{self.name}", value, self.rule)


def threshold(default: int, low: int, high: int, unit: str, text: Text) -> Any:  # noqa: ANN401 - as dataclasses.field
    """Return the dataclass field of a threshold; its name is that of the attribute.

    Args:
        default: what holds where the operator says nothing.
        low: lowest value.
        high: highest value.
        unit: what it counts.
        text: what it means.
    """
    return field(default=default, metadata={_KEY: (low, high, unit, text)})


def thresholds(policy: Any) -> Iterator[Threshold]:  # noqa: ANN401 - a dataclass or an instance of one
    """Yield the thresholds of a policy, in the order of its fields; nested policies are passed over."""
    for one in fields(policy):
        if _KEY in one.metadata:
            low, high, unit, text = one.metadata[_KEY]
            default: Any = one.default
            yield Threshold(one.name, int(default), low, high, unit, text)


def check_thresholds(policy: Any, section: str) -> None:  # noqa: ANN401 - a dataclass of thresholds
    """Check every threshold of a policy.

    Raises:
        MalformedInput: one is not a whole number within its bounds; the error names section and field.
    """
    for one in thresholds(policy):
        one.check(getattr(policy, one.name), section)


def differing(policy: Any) -> dict[str, int]:  # noqa: ANN401 - a dataclass of thresholds
    """Return the thresholds that differ from their defaults."""
    values = {one.name: int(getattr(policy, one.name)) for one in thresholds(policy)}
    return {one.name: values[one.name] for one in thresholds(policy) if values[one.name] != one.default}


def known_fields(policy: type[Any], values: object, section: str) -> Mapping[str, Any]:
    """Return the values of a section if every name in it is one of the policy's.

    Raises:
        MalformedInput: not an object, or an unknown name.
    """
    if not isinstance(values, Mapping):
        raise MalformedInput("SECTION_INVALID", section, values, Text(en="an object", ja="オブジェクト"))
    names = {one.name for one in fields(policy)}
    for name in sorted(set(values) - names):
        rule = Text(en="one of the policy's fields", ja="方針の項目のいずれか")
        raise MalformedInput("THRESHOLD_UNKNOWN", f"{section}.{name}", values[name], rule)
    return values
