"""Reads what the project knows: `fingerprints/` and `reports/`, in a checkout and in an installed copy alike."""

import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from .. import __version__

_LISTED = re.compile(r"\badded: [\"']?(\d{4}-\d{2}-\d{2})")
_CHECKOUT = Path(__file__).resolve().parents[2]


def shipped(folder: str) -> Traversable:
    """The folder `fingerprints` or `reports` as it was shipped.

    The wheel carries both under `sohoaudit/data`; in a checkout they stand beside the package.

    Raises:
        FileNotFoundError: neither place has the folder, so the installation is damaged.
    """
    packed = resources.files("sohoaudit") / "data" / folder
    if packed.is_dir():
        return packed
    beside = _CHECKOUT / folder
    if beside.is_dir():
        return beside
    raise FileNotFoundError(f"the folder {folder!r} is missing from this installation: install sohoaudit again")


class KnowledgeError(ValueError):
    """A file of knowledge that cannot be used: `file:line: what is wrong and what to do`."""

    def __init__(self, where: str, line: int, what: str) -> None:
        """Takes the file's name as people find it, the line counted from 1, and the fault with its remedy."""
        super().__init__(f"{where}:{line}: {what}")
        self.where, self.line, self.what = where, line, what


def known_from() -> dict[str, str]:
    """What was known and from when, for an audit's `knowledge`.

    `sohoaudit` is the version all of it came with; `kev` the day of the newest entry of CISA's list of known exploited
    holes that it knows, shipped or fetched. The text is searched, not read as YAML: 0.02 s instead of one.
    """
    texts = (file.read_text(encoding="utf-8") for file in (shipped("fingerprints") / "advisories").iterdir())
    from . import fetched

    listed = max((day for text in texts for day in _LISTED.findall(text)), default="")
    listed = max(listed, fetched.newest_exploited())
    return {"sohoaudit": __version__} | ({"kev": listed} if listed else {})
