"""Remembers past audits: the same device over changing addresses, what changed, what was fixed and what came back."""

__all__ = ["HistoryError"]


class HistoryError(ValueError):
    """A history that cannot be used: one line that names it and the remedy."""
