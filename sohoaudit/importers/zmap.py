"""Reads zmap's lines with ports: JSON, or CSV whose first line names the fields (zmap's manual, OUTPUT MODULES)."""

import csv
from collections.abc import Iterator, Mapping
from typing import Any

from . import Damage, Head, Seen, endpoint, importer, moment
from .json_text import objects


def _is_csv(head: Head) -> bool:
    names = head.text.split("\n", 1)[0].strip().split(",")
    return "saddr" in names


@importer("zmap JSON", lambda head: "saddr" in head.first)
def read_json(text: str) -> Iterator[Seen | Damage]:
    """Every answer that was a success."""
    for record in objects(text):
        yield from _seen(record) if isinstance(record, Mapping) else [Damage(record)]


@importer("zmap CSV", _is_csv)
def read_csv(text: str) -> Iterator[Seen | Damage]:
    """Every answer that was a success."""
    for record in csv.DictReader(text.splitlines()):
        yield from _seen(record)


def _seen(record: Mapping[str, Any]) -> Iterator[Seen | Damage]:
    if str(record.get("success", "1")) not in ("1", "True", "true") or record.get("classification") in ("rst", "icmp"):
        return
    there = endpoint(record.get("saddr"), record.get("sport"), "tcp")
    if there:
        yield Seen(there, time=moment(record.get("timestamp_ts") or record.get("timestamp_str")))
    else:
        yield Damage(f"{record.get('saddr')} has no port: run zmap with --output-fields=saddr,sport,timestamp_str")
