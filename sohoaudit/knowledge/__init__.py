"""Reads what the project knows: `fingerprints/` and `reports/`, in a checkout and in an installed copy alike."""

import re
from importlib import resources
from importlib.resources.abc import Traversable
from pathlib import Path

from .. import __version__

_LISTED = re.compile(r"\badded: [\"']?(\d{4}-\d{2}-\d{2})")
_SUPPORT_READ = re.compile(r"endoflife\.date, (\d{4}-\d{2}-\d{2})")
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
    """What was known and from when, for an audit's `knowledge`: a version or a day, then `shipped` or `fetched`.

    `sohoaudit` is the version that all of it came with. `kev` is the day of the newest entry of CISA's list of known
    exploited holes, `endoflife` that of the support dates of endoflife.date; `epss`, `nvd` and `fingerprints` are there
    where they were fetched. The texts are searched, not read as YAML: 0.02 s instead of one.
    """
    from . import fetched

    known = {"sohoaudit": __version__}
    days = {
        "kev": (_newest("advisories", _LISTED), fetched.newest_exploited()),
        "endoflife": (_newest("lifecycle", _SUPPORT_READ), _version("endoflife")),
        "epss": ("", _version("epss")),
        "nvd": ("", _version("nvd")),
        "fingerprints": ("", _version(fetched.PACK) if fetched.packs() else ""),
    }
    for name, (shipped_on, fetched_on) in days.items():
        if day := max(shipped_on, fetched_on):
            known[name] = f"{day}, {'fetched' if fetched_on >= shipped_on else 'shipped'}"
    return known


def _newest(folder: str, pattern: re.Pattern[str]) -> str:
    texts = (file.read_text(encoding="utf-8") for file in (shipped("fingerprints") / folder).iterdir())
    return max((day for text in texts for day in pattern.findall(text)), default="")


def _version(feed: str) -> str:
    from . import fetched

    return str(fetched.state(feed).get("version", "")).partition(",")[0]
