"""Reads a device's XML: no entities, no document types, bounded, and never an exception."""

import re
from collections.abc import Iterator
from xml.etree.ElementTree import Element, ParseError

from defusedxml import DefusedXmlException
from defusedxml import ElementTree as Defused

LIMIT_CHARACTERS = 262_144


def parse(text: str) -> Element | None:
    """The root element with namespaces taken off every tag, or None where the text is no XML or a trap."""
    start = text.find("<")
    # An encoding that the text no longer has would stop the parser.
    text = re.sub(r"\A<\?xml[^>]{0,200}\?>", "", text[max(start, 0) : LIMIT_CHARACTERS]).strip().rstrip("\0")
    try:
        root: Element = Defused.fromstring(text, forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError, RecursionError):
        return None
    for element in root.iter():
        if isinstance(element.tag, str):
            element.tag = element.tag.rpartition("}")[2]
    return root


def leaves(text: str) -> Iterator[tuple[str, str]]:
    """Name and text of every element that holds only text, in their order; none where it is no XML."""
    root = parse(text)
    for element in root.iter() if root is not None else ():
        if len(element) == 0 and element.text and element.text.strip():
            yield str(element.tag), element.text.strip()
