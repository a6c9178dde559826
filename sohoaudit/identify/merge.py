"""Merges what fingerprints claim into one identity: the most certain value wins, disagreement is kept as evidence."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

from ..knowledge.fingerprints import Maker
from ..model import Certainty, Identity, Match

WEIGHTS = {certainty: certainty.weight for certainty in Certainty}

_EVIDENCE_LIMIT = 64
_MANY_MAKERS_ON_ONE_ENDPOINT = 3
_MANY_MAKERS_BEHIND_ONE_ADDRESS = 5
_OTHERS = ("model", "hardware_revision", "firmware", "kind", "cpe")
_GATEWAYS = frozenset({"router", "modem", "vpn-gateway"})


class Claim(NamedTuple):
    """What one fingerprint says about one attribute.

    `vendor` is whose device it speaks of, None for a shape that many makers share. `fork` marks other people's
    firmware; `is_hardware` says that the vendor is the maker of the hardware all the same. `strength` is what is
    compared to choose among values of one attribute: certainty, whether it is whole, the user's own first, then the
    fingerprint with more conditions, then the longer text. `record` numbers the endpoint it was seen on.
    """

    attribute: str
    value: str
    certainty: Certainty
    fingerprint: str
    field: str
    text: str
    vendor: str | None
    fork: str | None
    is_hardware: bool
    traits: tuple[str, ...]
    is_partial: bool
    rank: tuple[bool, int]
    strength: tuple[int, bool, tuple[bool, int], int]
    record: int = 0
    is_from_outside: bool = False

    def at(self, record: int, is_from_outside: bool) -> "Claim":
        """The same claim, seen on the endpoint of that number."""
        if record == self.record and is_from_outside == self.is_from_outside:
            return self
        return self._replace(record=record, is_from_outside=is_from_outside)


def merge(claims: Sequence[Claim], makers: Mapping[str, Maker]) -> Identity | None:
    """One identity out of all claims about a device, or None where none is worth making.

    The maker is chosen first, and the other attributes only from claims that speak of that maker, of one whose devices
    it sells under its own name, or of nobody in particular. A box that looks like many makers at once is a decoy, and
    nothing it says is believed.
    """
    is_disputed = len({claim.value for claim in claims if claim.attribute == "vendor"}) > 1
    if is_disputed:
        claims = _without_small_talk(claims, makers)
    if not claims:
        return None
    told: dict[str, list[Claim]] = {}
    for claim in claims:
        told.setdefault(claim.attribute, []).append(claim)
    vendor = _vendor(claims, makers)
    traits = {trait for claim in claims if claim.traits and claim.vendor in (None, vendor) for trait in claim.traits}
    if "decoy" in traits or (is_disputed and _is_decoy(claims, makers)):
        return Identity(evidence=_evidence(claims), traits=frozenset({"decoy"}))
    fork = _fork(claims, vendor)
    allowed = _allowed(vendor, makers)
    values: dict[str, str] = {"vendor": vendor} if vendor else {}
    certainty: dict[str, Certainty] = {}
    if vendor:
        certainty["vendor"] = _surest(claim for claim in told["vendor"] if claim.vendor == vendor)
    is_partial = False
    for attribute in _OTHERS:
        best = _best(told[attribute], attribute, allowed, fork) if attribute in told else None
        if best:
            values[attribute], certainty[attribute] = best.value, best.certainty
            is_partial = is_partial or best.is_partial
    if fork:
        certainty["fork"] = _surest(claim for claim in claims if claim.fork == fork)
    elif vendor and "cpe" not in values and (cpe := _cpe(makers.get(vendor), values, is_partial)):
        values["cpe"] = cpe
        certainty["cpe"] = min(certainty["vendor"], certainty["model"], key=WEIGHTS.__getitem__)
    return Identity(
        vendor=vendor, model=values.get("model"), hardware_revision=values.get("hardware_revision"),
        firmware=values.get("firmware"), kind=values.get("kind"), cpe=values.get("cpe"), certainty=certainty,
        evidence=_evidence(claims), partial=is_partial, fork=fork, traits=frozenset(traits),
    )  # fmt: skip


def _surest(claims: Iterable[Claim]) -> Certainty:
    return max((claim.certainty for claim in claims), key=WEIGHTS.__getitem__)


def _without_small_talk(claims: Sequence[Claim], makers: Mapping[str, Maker]) -> Sequence[Claim]:
    """The claims without those of a page that merely mentions makers: one that names several speaks of none.

    Only of pages, where anybody may be mentioned, and only where nothing but the name was read.
    """
    telling = {claim.fingerprint for claim in claims if claim.attribute not in ("vendor", "kind", "fork")}
    mentioned: dict[tuple[int, str], set[str]] = {}
    for claim in claims:
        if claim.attribute == "vendor" and claim.field.startswith("http.body") and claim.fingerprint not in telling:
            mentioned.setdefault((claim.record, claim.field), set()).add(claim.value)
    crowded = {place for place, names in mentioned.items() if len(names - _suppliers(names, makers)) > 1}
    if not crowded:
        return claims
    return [c for c in claims if (c.record, c.field) not in crowded or c.fingerprint in telling]


def _suppliers(vendors: Iterable[str], makers: Mapping[str, Maker]) -> set[str]:
    """The makers whose devices any of these sells under its own name."""
    return {supplier for vendor in vendors if vendor in makers for supplier in makers[vendor].kin}


def _vendor(claims: Sequence[Claim], makers: Mapping[str, Maker]) -> str | None:
    """The maker that is claimed with most certainty; the brand before its supplier, hardware before a fork."""
    named = [claim for claim in claims if claim.attribute == "vendor"]
    by_vendor: dict[str, list[Claim]] = {}
    for claim in named:
        by_vendor.setdefault(claim.value, []).append(claim)
    if len(by_vendor) <= 1:
        return next(iter(by_vendor), None)
    sure = {vendor for vendor, group in by_vendor.items() if any(c.certainty is not Certainty.HINT for c in group)}
    hardware = {vendor for vendor, group in by_vendor.items() if any(claim.is_hardware for claim in group)}
    suppliers = _suppliers(sure, makers)
    for preferred in (hardware & sure, set(by_vendor)):
        candidates = preferred - suppliers or preferred
        if candidates:
            return max(sorted(candidates, reverse=True), key=lambda vendor: _support(vendor, by_vendor[vendor], claims))
    return None


def _support(vendor: str, named: Sequence[Claim], claims: Sequence[Claim]) -> tuple[object, ...]:
    best = max(named, key=lambda claim: claim.strength)
    is_gateway = any(c.attribute == "kind" and c.vendor == vendor and c.value in _GATEWAYS for c in claims)
    fields = {(claim.record, claim.field) for claim in named}
    return (best.rank[0], best.strength[0], len(fields), is_gateway, best.rank)


def _allowed(vendor: str | None, makers: Mapping[str, Maker]) -> set[str | None]:
    allowed: set[str | None] = {None, vendor}
    if vendor in makers:
        allowed.update(makers[vendor].kin)  # type: ignore[index]
    return allowed


def _fork(claims: Sequence[Claim], vendor: str | None) -> str | None:
    """Whose firmware runs there, when it is not the maker's: said at least as surely as who made the box."""
    of_forks = [claim for claim in claims if claim.fork]
    if not of_forks:
        return None
    best = max(of_forks, key=lambda claim: claim.strength)
    of_maker = [
        c.strength[0] for c in claims if not c.fork and c.vendor == vendor and c.attribute in ("vendor", "firmware")
    ]
    return best.fork if best.strength[0] >= max(of_maker, default=0) else None


def _best(claims: Iterable[Claim], attribute: str, allowed: set[str | None], fork: str | None) -> Claim | None:
    """The claim to believe among those about one attribute."""
    if attribute in ("firmware", "cpe"):
        chosen = [claim for claim in claims if claim.fork == fork and (fork or claim.vendor in allowed)]
    else:
        chosen = [claim for claim in claims if claim.vendor in allowed or (fork and claim.fork == fork)]
    if attribute == "firmware" and any(not c.is_partial and c.certainty is not Certainty.HINT for c in chosen):
        chosen = [claim for claim in chosen if not claim.is_partial]
    return max(chosen, key=lambda claim: (_is_users_word(claim), claim.strength, claim.value), default=None)


def _is_users_word(claim: Claim) -> bool:
    """Whether the user's own fingerprint says it; that wins over ours, however sure, unless it is but a hint."""
    return claim.rank[0] and claim.certainty is not Certainty.HINT


def _is_decoy(claims: Sequence[Claim], makers: Mapping[str, Maker]) -> bool:
    """Whether more makers are named than one box can have.

    Three on one endpoint or on one address of the LAN. Behind one address of the internet several devices may be
    forwarded, so there it takes five.
    """
    seen: dict[str, set[tuple[int, str]]] = {}
    suppliers = _suppliers((claim.value for claim in claims if claim.attribute == "vendor"), makers)
    for claim in claims:
        is_sure = claim.attribute == "vendor" and claim.certainty is not Certainty.HINT
        if is_sure and claim.is_hardware and not claim.fork and claim.value not in suppliers:
            seen.setdefault(claim.value, set()).add((claim.record, claim.field))
    if len(seen) < _MANY_MAKERS_ON_ONE_ENDPOINT or len(set().union(*seen.values())) < _MANY_MAKERS_ON_ONE_ENDPOINT:
        return False
    records = {record for places in seen.values() for record, _ in places}
    is_from_outside = any(claim.is_from_outside for claim in claims)
    if len(records) > 1 and is_from_outside:
        on_one = max(sum(any(r == record for r, _ in places) for places in seen.values()) for record in records)
        return on_one >= _MANY_MAKERS_ON_ONE_ENDPOINT or len(seen) >= _MANY_MAKERS_BEHIND_ONE_ADDRESS
    return True


def _cpe(maker: Maker | None, values: Mapping[str, str], is_partial: bool) -> str | None:
    """The firmware's name in CPE 2.3 (NISTIR 7695), where the maker's file gives the vendor's part of it."""
    if maker is None or maker.cpe is None or "model" not in values:
        return None
    version = _escaped(values["firmware"].lower()) if "firmware" in values and not is_partial else "*"
    product = _escaped(values["model"].lower())
    return f"cpe:2.3:o:{maker.cpe}:{product}_firmware:{version}:*:*:*:*:*:*:*"


def _escaped(text: str) -> str:
    return re.sub(r"([^a-z0-9_.\-])", r"\\\1", re.sub(r"\s+", "_", text))


def _evidence(claims: Iterable[Claim]) -> tuple[Match, ...]:
    matches = {
        (claim.attribute, claim.value, claim.field, claim.text): claim
        for claim in sorted(claims, key=lambda claim: claim.strength)
    }
    kept = sorted(matches.values(), key=lambda claim: claim.strength, reverse=True)[:_EVIDENCE_LIMIT]
    return tuple(
        Match(claim.attribute, claim.value, claim.certainty, claim.fingerprint, claim.field, claim.text)
        for claim in kept
    )
