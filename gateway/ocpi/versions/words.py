"""An enum of a newer version in the words of an older one: one table each, total over the enum."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Words:
    """How the values of one enum are said in a version that has fewer.

    `same`: the values that both have. `instead`: what is said for the others, and why; None is
    nothing. `otherwise`: the same for a value of somebody's own (2.3.0: "Implementers of OCPI may
    use other values" of an OpenEnum).
    """

    enum: str
    same: frozenset[str]
    instead: Mapping[str, tuple[str | None, str]] = field(default_factory=dict)
    otherwise: tuple[str | None, str] = (None, "a word that nobody would understand")

    def __call__(self, value: str) -> str | None:
        """The word, or None where nothing is to be said."""
        if value in self.same:
            return value
        return self.instead.get(value, self.otherwise)[0]

    def lines(self) -> Iterator[tuple[str, str | None, str]]:
        """Everything that is not said as it is: value, word and reason; `*` is any other value."""
        for value, (word, why) in self.instead.items():
            yield value, word, why
        yield "*", *self.otherwise


def words(text: str) -> frozenset[str]:
    """The values of an enum, written with spaces between them."""
    return frozenset(text.split())
