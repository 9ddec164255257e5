"""How configuration values are written, in both OCPP versions."""

from collections.abc import Collection


def flag_text(value: bool) -> str:
    return "true" if value else "false"


def parse_flag(text: str) -> bool:
    """Raises ValueError for anything but true and false."""
    match text.strip().lower():
        case "true":
            return True
        case "false":
            return False
    raise ValueError(text)


def parse_natural(text: str) -> int:
    """Raises ValueError for anything but a whole number from 0 on."""
    number = int(text)
    if number < 0:
        raise ValueError(text)
    return number


def parse_choice(text: str, choices: Collection[str]) -> str:
    """Raises ValueError for anything but one of them, as it is spelled."""
    if text not in choices:
        raise ValueError(text)
    return text


def parse_measurands(text: str, offered: Collection[str]) -> tuple[str, ...]:
    """A comma separated list; raises ValueError for a measurand that is not offered."""
    names = tuple(name.strip() for name in text.split(",") if name.strip())
    for name in names:
        if name not in offered:
            raise ValueError(name)
    return names
