"""Reads a brand file: whose name, logo, colour and contact a report carries, checked before anything is written."""

import base64
import binascii
import difflib
import re
from dataclasses import dataclass
from pathlib import Path

from ...knowledge.text_yaml import KnowledgeError, Listing, Mapping, Text, load

FILE_LIMIT_BYTES = 1_000_000
LOGO_LIMIT_BYTES = 200_000
# The two backgrounds a report has in each scheme (report.css), and what WCAG 2.2 AA asks of text on them.
LIGHT, DARK = ("#ffffff", "#f5f6f8"), ("#14171b", "#1e2228")
CONTRAST = 4.5
_LIMITS = {"name": 80, "contact": 300, "footer": 600}
_KEYS = ("name", "logo", "colour", "contact", "footer")
_DATA = re.compile(r"data:(image/[a-z+]+);base64,([A-Za-z0-9+/=\s]+)")


class BrandError(ValueError):
    """A brand file that cannot be used; the message is one line: what is wrong and what to do."""


@dataclass(frozen=True, slots=True)
class Brand:
    """Whose report it is; `logo` is a data URI or empty, the colours are `#rrggbb` or empty."""

    name: str
    logo: str = ""
    colour: str = ""
    dark_colour: str = ""
    contact: tuple[str, ...] = ()
    footer: str = ""


def read(path: Path) -> Brand:
    """Read a YAML file with `name`, and as wanted `logo`, `colour`, `contact` (a text or a list) and `footer`.

    A logo is a PNG, JPEG or SVG of at most 200 kB: a file beside this one, or a data URI.

    Raises:
        BrandError: it cannot be read, is not of this form, or holds what a report must not carry.
    """
    try:
        raw = path.read_bytes()[: FILE_LIMIT_BYTES + 1]
        if len(raw) > FILE_LIMIT_BYTES:
            raise BrandError(f"{path}: larger than 1 MB: name the logo's file instead of writing it here")
        root = load(raw.decode("utf-8"), str(path)).root
    except OSError as fault:
        raise BrandError(f"{path} cannot be read ({fault.strerror}): check the path and its permissions") from None
    except UnicodeDecodeError:
        raise BrandError(f"{path}: not UTF-8 text: save it as UTF-8") from None
    except KnowledgeError as fault:
        raise BrandError(str(fault)) from None
    if not isinstance(root, Mapping):
        raise BrandError(f"{path}:1: write 'name: …' and, as wanted, logo, colour, contact and footer")
    for key, line in root.key_lines.items():
        if key not in _KEYS:
            near = difflib.get_close_matches(key, _KEYS, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"use {', '.join(_KEYS)}"
            raise BrandError(f"{path}:{line}: {key!r} is not a field of a brand: {hint}")
    colour = _colour(path, root)
    return Brand(
        name=_one_text(path, root, "name"),
        logo=_logo(path, root) if "logo" in root else "",
        colour=colour,
        dark_colour=_lightened(colour) if colour else "",
        contact=_contact(path, root),
        footer=_one_text(path, root, "footer") if "footer" in root else "",
    )


def contrast(one: str, other: str) -> float:
    """The contrast of two colours `#rrggbb`, from 1 to 21, as WCAG 2.2 defines it."""
    lighter, darker = sorted((_luminance(one), _luminance(other)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


def svg_fault(raw: bytes) -> str | None:
    """What makes an SVG unfit for a report (a script, a link, something fetched), or None."""
    from xml.etree.ElementTree import ParseError

    from defusedxml import DefusedXmlException
    from defusedxml.ElementTree import fromstring

    try:
        root = fromstring(raw, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, LookupError):
        return "is not an SVG that can be read (no DOCTYPE, no entities)"
    if root.tag != "{http://www.w3.org/2000/svg}svg":
        return "is not an SVG"
    if re.search(rb"<\?(?!xml\s)", raw):
        return "holds a processing instruction"
    for element in root.iter():
        name = element.tag.rpartition("}")[2]
        if name not in _SVG_ELEMENTS:
            return f"holds <{name}>"
        if name == "style" and not _is_plain_style(element.text or ""):
            return "holds a style that fetches something"
        for attribute, value in element.attrib.items():
            if fault := _attribute_fault(attribute.rpartition("}")[2].lower(), value):
                return fault
    return None


_SVG_ELEMENTS = frozenset(
    (
        "svg", "g", "defs", "title", "desc", "metadata", "symbol", "use", "path", "rect", "circle", "ellipse", "line",
        "polyline", "polygon", "text", "tspan", "style", "linearGradient", "radialGradient", "stop", "clipPath", "mask",
    )
)  # fmt: skip


def _attribute_fault(name: str, value: str) -> str | None:
    if name.startswith("on"):
        return f"holds a script ({name})"
    if name in ("href", "src") and not value.startswith("#"):
        return "links to something outside itself"
    return None if _is_plain_style(value) else f"fetches something ({name})"


def _is_plain_style(text: str) -> bool:
    fetches = re.search(r"url\(\s*['\"]?(?!#)|@import|image-set|javascript:|\\", text, re.IGNORECASE)
    return fetches is None


def _one_text(path: Path, root: Mapping, key: str) -> str:
    value = root.get(key)
    text = " ".join(value.split()) if isinstance(value, Text) else ""
    if not text:
        raise BrandError(f"{path}:{root.key_lines.get(key, 1)}: '{key}' must be a text: write {key}: …")
    return _within(path, root, key, text)


def _within(path: Path, root: Mapping, key: str, text: str) -> str:
    if len(text) > _LIMITS[key]:
        raise BrandError(
            f"{path}:{root.key_lines[key]}: '{key}' has {len(text)} characters: at most {_LIMITS[key]} fit"
        )
    return text


def _contact(path: Path, root: Mapping) -> tuple[str, ...]:
    value = root.get("contact", Listing())
    lines = [value] if isinstance(value, Text) else value
    if not isinstance(lines, list) or len(lines) > 6 or not all(isinstance(line, Text) for line in lines):
        raise BrandError(f"{path}:{root.key_lines['contact']}: 'contact' must be a text, or a list of at most six")
    return tuple(_within(path, root, "contact", " ".join(str(line).split())) for line in lines if str(line).strip())


def _logo(path: Path, root: Mapping) -> str:
    where = f"{path}:{root.key_lines['logo']}"
    value = root["logo"]
    if not isinstance(value, Text):
        raise BrandError(f"{where}: 'logo' must be a file's name or a data URI")
    raw = _from_data(where, value) if value.startswith("data:") else _from_file(where, path.parent / value)
    if len(raw) > LOGO_LIMIT_BYTES:
        raise BrandError(f"{where}: the logo has {len(raw):,} bytes: make it smaller than {LOGO_LIMIT_BYTES:,}")
    if raw.startswith(b"\x89PNG\r\n\x1a\n"):
        kind = "image/png"
    elif raw.startswith(b"\xff\xd8\xff"):
        kind = "image/jpeg"
    elif b"<svg" in raw[:4_096]:
        if fault := svg_fault(raw):
            raise BrandError(f"{where}: the logo {fault}: save it as plain SVG, or as PNG")
        kind = "image/svg+xml"
    else:
        raise BrandError(f"{where}: the logo is no PNG, JPEG or SVG: save it as one of these")
    return f"data:{kind};base64,{base64.b64encode(raw).decode()}"


def _from_data(where: str, text: str) -> bytes:
    found = _DATA.fullmatch(text)
    if not found:
        raise BrandError(f"{where}: 'logo' must begin with data:image/png;base64, (or jpeg, svg+xml), or name a file")
    try:
        return base64.b64decode("".join(found[2].split()), validate=True)
    except binascii.Error:
        raise BrandError(f"{where}: the logo's base64 is broken: name the file instead") from None


def _from_file(where: str, file: Path) -> bytes:
    try:
        with file.open("rb") as stream:
            return stream.read(LOGO_LIMIT_BYTES + 1)
    except (OSError, ValueError):
        raise BrandError(f"{where}: the logo {file} cannot be read: check its path and permissions") from None


def _colour(path: Path, root: Mapping) -> str:
    value = root.get("colour")
    if value is None:
        return ""
    where = f"{path}:{root.key_lines['colour']}"
    if not isinstance(value, Text) or not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
        raise BrandError(f"{where}: 'colour' must be written as in \"#1a4fa3\", with its quotes")
    if (told := min(contrast(value, ground) for ground in LIGHT)) < CONTRAST:
        fit = _shaded(value, "#000000", LIGHT)
        raise BrandError(f"{where}: {value} has a contrast of {told:.1f} on white, 4.5 can be read: use {fit}")
    return value.lower()


def _lightened(colour: str) -> str:
    """The colour, or the nearest lighter one that can be read on the dark page."""
    return _shaded(colour, "#ffffff", DARK)


def _shaded(colour: str, towards: str, grounds: tuple[str, ...]) -> str:
    for percent in range(101):
        mixed = [a + (b - a) * percent // 100 for a, b in zip(_channels(colour), _channels(towards), strict=True)]
        shade = "#" + "".join(f"{channel:02x}" for channel in mixed)
        if all(contrast(shade, ground) >= CONTRAST for ground in grounds):
            return shade
    return towards


def _channels(colour: str) -> list[int]:
    return [int(colour[start : start + 2], 16) for start in (1, 3, 5)]


def _luminance(colour: str) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (n / 255 for n in _channels(colour))]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
