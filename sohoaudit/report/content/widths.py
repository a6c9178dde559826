"""How many columns a text takes on a terminal, where a wide character takes two."""

from unicodedata import east_asian_width


def columns(text: str) -> int:
    """The columns of a text on one line."""
    return sum(2 if east_asian_width(character) in "WF" else 1 for character in text)


def padded(text: str, width: int) -> str:
    """The text with spaces after it, up to so many columns."""
    return text + " " * max(width - columns(text), 0)
