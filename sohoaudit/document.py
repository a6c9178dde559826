"""An audit as JSON and back: the contract that other programs build on."""

import ipaddress
import json
from collections.abc import Mapping
from datetime import UTC, date, datetime
from enum import StrEnum
from typing import Any, TypeVar

from . import __version__
from .knowledge import macs, shipped
from .model import (
    Acceptance,
    Audit,
    Certainty,
    Device,
    Endpoint,
    Evidence,
    Exposure,
    Finding,
    Gap,
    Identity,
    IPNetwork,
    Join,
    Match,
    Observation,
    Priority,
    Scope,
    Service,
    Transport,
    Vantage,
)

SCHEMA_VERSION = 1
# A page longer than this is left out of the document, whole: half a page could be taken for one without a password.
OBSERVED_LIMIT_CHARACTERS = 65_536

Json = dict[str, Any]


class DocumentError(ValueError):
    """A document that is no audit; the message is one line: what is wrong and what to do."""


def to_document(audit: Audit) -> Json:
    """The audit as JSON values, keys as the schema names them; of observations the longest pages are left out.

    Times are ISO 8601 with offset. `head` and `device_document` give the same in parts, for those who stream.
    """
    return head(audit) | {"devices": [device_document(device) for device in audit.devices]}


def head(audit: Audit) -> Json:
    """Everything of the document but the devices, so that ten thousand of them need not be held twice."""
    return {
        "schema_version": SCHEMA_VERSION,
        "tool": {"name": "sohoaudit", "version": __version__},
        "scope": {
            "targets": list(audit.scope.targets),
            "networks": [str(network) for network in audit.scope.networks],
            "excluded": [str(network) for network in audit.scope.excluded],
            "authority": audit.scope.authority,
        },
        "vantage": audit.scope.vantage.value,
        "started": _moment(audit.started),
        "ended": _moment(audit.ended),
        "language": audit.language,
        "demo": audit.is_demo,
        "complete": audit.is_complete,
        "settings": dict(audit.settings),
        "knowledge": dict(audit.knowledge),
        "summary": summary(audit),
        "coverage": [
            {
                "stage": gap.stage,
                "subject": gap.subject,
                "reason": gap.reason,
                "remedy": gap.remedy,
                "matters": gap.matters,
                "code": gap.code,
                "detail": gap.detail,
            }
            for gap in audit.coverage
        ],
    }


def summary(audit: Audit) -> Json:
    """The counts that decide the exit code: findings by priority, and whether something of weight was not seen."""
    counts = dict.fromkeys((priority.value for priority in Priority), 0)
    for device in audit.devices:
        for finding in device.findings:
            counts[finding.priority.value] += 1
    return {
        "priorities": counts,
        "worst": next((name for name, count in counts.items() if count), None),
        "findings": sum(counts.values()),
        "devices": len(audit.devices),
        "not_looked_at": len(audit.coverage),
        "incomplete": not audit.is_complete or any(gap.matters for gap in audit.coverage),
    }


def device_document(device: Device) -> Json:
    """One entry of `devices`."""
    return {
        "id": device.id,
        "addresses": list(device.addresses),
        "mac": device.mac,
        "mac_maker": macs.maker_of(device.mac),
        "hostname": device.hostname,
        "keys": list(device.keys),
        "identity": _identity(device.identity) if device.identity else None,
        "services": [
            _endpoint(service.endpoint)
            | {
                "protocol": service.protocol,
                "product": service.product,
                "version": service.version,
                "management": service.management,
            }
            for service in device.services
        ],
        "exposures": [
            _endpoint(exposure.endpoint)
            | {
                "protocol": exposure.protocol,
                "vantage": exposure.vantage.value,
                "evidence": exposure.evidence.value,
                "management": exposure.management,
                "internal": exposure.internal,
                "detail": exposure.detail,
                "doubt": exposure.doubt,
            }
            for exposure in device.exposures
        ],
        "findings": [finding_document(finding) for finding in device.findings],
        "joins": [{"addresses": list(join.addresses), "key": join.key} for join in device.joins],
        "observations": [_observation(observation) for observation in device.observations],
    }


def finding_document(finding: Finding) -> Json:
    """One entry of a device's `findings`."""
    return {
        "id": finding.id,
        "rule": finding.rule,
        "priority": finding.priority.value,
        "because": list(finding.because),
        "title": finding.title,
        "summary": finding.summary,
        "endpoint": _endpoint(finding.endpoint) if finding.endpoint else None,
        "evidence": list(finding.evidence),
        "remedy": list(finding.remedy),
        "verify": finding.verify,
        "references": list(finding.references),
        "cves": list(finding.cves),
        "controls": list(finding.controls),
        "first_seen": _moment(finding.first_seen) if finding.first_seen else None,
        "facts": dict(finding.facts),
        "accepted": _acceptance(finding.accepted) if finding.accepted else None,
    }


def parse(raw: bytes) -> Audit:
    """Read an audit from the bytes of a file.

    Raises:
        DocumentError: they are not JSON, or not an audit.
    """
    try:
        document = json.loads(raw)
    except (ValueError, RecursionError):
        raise DocumentError("this is not JSON: give a file that sohoaudit wrote with --format json") from None
    return from_document(document)


def from_document(document: Any) -> Audit:
    """Build the audit that a document tells of; fields it does not know are passed over.

    Raises:
        DocumentError: it is not an object, was written by a newer version, or a field is missing or wrong.
    """
    if not isinstance(document, dict) or "schema_version" not in document:
        raise DocumentError("this is not an audit: give a file that sohoaudit wrote with --format json")
    version = document["schema_version"]
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise DocumentError(f"schema_version is {_shown(version)}: it must be a whole number from 1 up")
    if version > SCHEMA_VERSION:
        raise DocumentError(f"written by a newer sohoaudit (schema {version}): update this one")
    root = _Place(document, "")
    scope = root.place("scope")
    return Audit(
        scope=Scope(
            networks=scope.networks("networks"),
            excluded=scope.networks("excluded"),
            vantage=root.word("vantage", Vantage),
            authority=scope.text_or_none("authority"),
            targets=scope.texts("targets"),
        ),
        started=root.moment("started"),
        ended=root.moment("ended"),
        devices=tuple(_read_device(place) for place in root.places("devices", required=True)),
        coverage=tuple(_read_gap(place) for place in root.places("coverage")),
        knowledge=root.mapping("knowledge"),
        settings=root.mapping("settings"),
        language=root.text_or_none("language") or "en",
        is_demo=root.flag("demo"),
        is_complete=root.flag("complete", default=True),
    )


def schema() -> Json:
    """The JSON Schema (2020-12) of the document, as `reports/schemas/audit.schema.json` holds it."""
    text = (shipped("reports") / "schemas" / "audit.schema.json").read_text(encoding="utf-8")
    loaded: Json = json.loads(text)
    return loaded


def _identity(identity: Identity) -> Json:
    return {
        "vendor": identity.vendor,
        "model": identity.model,
        "hardware_revision": identity.hardware_revision,
        "firmware": identity.firmware,
        "kind": identity.kind,
        "cpe": identity.cpe,
        "certainty": {attribute: certainty.value for attribute, certainty in identity.certainty.items()},
        "partial": identity.partial,
        "fork": identity.fork,
        "traits": sorted(identity.traits),
        "evidence": [
            {
                "attribute": match.attribute,
                "value": match.value,
                "certainty": match.certainty.value,
                "fingerprint": match.fingerprint,
                "field": match.field,
                "text": match.text,
            }
            for match in identity.evidence
        ],
    }


def _acceptance(taken: Acceptance) -> Json:
    return {
        "by": taken.by,
        "until": taken.until.isoformat(),
        "because": taken.because,
        "priority": taken.priority.value,
    }


def _endpoint(endpoint: Endpoint) -> Json:
    return {"address": endpoint.address, "transport": endpoint.transport.value, "port": endpoint.port}


def _observation(observation: Observation) -> Json:
    fields = {n: text for n, text in observation.fields.items() if len(text) <= OBSERVED_LIMIT_CHARACTERS}
    return _endpoint(observation.endpoint) | {
        "probe": observation.probe,
        "vantage": observation.vantage.value,
        "time": _moment(observation.time),
        "fields": fields,
    }


def _moment(time: datetime) -> str:
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).isoformat()


def _read_device(place: "_Place") -> Device:
    identity = place.place_or_none("identity")
    return Device(
        id=place.text("id"),
        addresses=place.addresses("addresses"),
        mac=place.text_or_none("mac"),
        hostname=place.text_or_none("hostname"),
        identity=_read_identity(identity) if identity else None,
        services=tuple(
            Service(
                endpoint=_read_endpoint(service),
                protocol=service.text("protocol"),
                product=service.text_or_none("product"),
                version=service.text_or_none("version"),
                management=service.flag("management"),
            )
            for service in place.places("services")
        ),
        exposures=tuple(
            Exposure(
                endpoint=_read_endpoint(exposure),
                protocol=exposure.text("protocol"),
                vantage=exposure.word("vantage", Vantage),
                evidence=exposure.word("evidence", Evidence),
                management=exposure.flag("management"),
                internal=exposure.text_or_none("internal"),
                detail=exposure.text_or_none("detail") or "",
                doubt=exposure.text_or_none("doubt") or "",
            )
            for exposure in place.places("exposures")
        ),
        findings=tuple(_read_finding(finding) for finding in place.places("findings")),
        keys=place.texts("keys"),
        joins=tuple(_read_join(join) for join in place.places("joins")),
        observations=tuple(
            Observation(
                endpoint=_read_endpoint(observation),
                fields=observation.mapping("fields"),
                probe=observation.text_or_none("probe") or "",
                vantage=observation.word("vantage", Vantage),
                time=observation.moment("time"),
            )
            for observation in place.places("observations")
        ),
    )


def _read_join(place: "_Place") -> Join:
    addresses = place.addresses("addresses")
    if len(addresses) != 2:
        raise place.wrong("addresses", "two IP addresses")
    return Join((addresses[0], addresses[1]), place.text("key"))


def _read_identity(place: "_Place") -> Identity:
    certainty = place.place_or_none("certainty")
    return Identity(
        vendor=place.text_or_none("vendor"),
        model=place.text_or_none("model"),
        hardware_revision=place.text_or_none("hardware_revision"),
        firmware=place.text_or_none("firmware"),
        kind=place.text_or_none("kind"),
        cpe=place.text_or_none("cpe"),
        certainty={key: certainty.word(key, Certainty) for key in certainty.value} if certainty else {},
        evidence=tuple(
            Match(
                attribute=match.text("attribute"),
                value=match.text("value"),
                certainty=match.word("certainty", Certainty),
                fingerprint=match.text("fingerprint"),
                field=match.text("field"),
                text=match.text("text"),
            )
            for match in place.places("evidence")
        ),
        partial=place.flag("partial"),
        fork=place.text_or_none("fork"),
        traits=frozenset(place.texts("traits")),
    )


def _read_finding(place: "_Place") -> Finding:
    endpoint = place.place_or_none("endpoint")
    because = (*place.texts("because"), "", "")
    accepted = place.place_or_none("accepted")
    return Finding(
        id=place.text("id"),
        rule=place.text("rule"),
        priority=place.word("priority", Priority),
        title=place.text("title"),
        summary=place.text("summary"),
        evidence=place.texts("evidence"),
        remedy=place.texts("remedy"),
        verify=place.text("verify"),
        references=place.texts("references"),
        cves=place.texts("cves"),
        controls=place.texts("controls"),
        first_seen=place.moment("first_seen") if place.value.get("first_seen") is not None else None,
        facts=place.mapping("facts"),
        because=(because[0], because[1]),
        endpoint=_read_endpoint(endpoint) if endpoint else None,
        accepted=Acceptance(
            accepted.text("by"), accepted.day("until"), accepted.text("because"), accepted.word("priority", Priority)
        )
        if accepted
        else None,
    )


def _read_gap(place: "_Place") -> Gap:
    return Gap(
        stage=place.text("stage"),
        subject=place.text("subject"),
        reason=place.text("reason"),
        remedy=place.text_or_none("remedy") or "",
        matters=place.flag("matters"),
        code=place.text_or_none("code") or "",
        detail=place.text_or_none("detail") or "",
    )


def _read_endpoint(place: "_Place") -> Endpoint:
    port = place.value.get("port")
    if isinstance(port, bool) or not isinstance(port, int) or not 0 <= port <= 65_535:
        raise place.wrong("port", "a port from 0 to 65535")
    return Endpoint(place.address("address"), port, place.word("transport", Transport))


_Word = TypeVar("_Word", bound=StrEnum)


class _Place:
    """One object of the document and the way to it, so that a fault can be named."""

    __slots__ = ("value", "where")

    def __init__(self, value: Json, where: str) -> None:
        self.value, self.where = value, where

    def wrong(self, key: str, wanted: str) -> DocumentError:
        name = f"{self.where}{key}"
        if key not in self.value:
            return DocumentError(f"{name} is missing: this audit is damaged or was not written by sohoaudit")
        return DocumentError(f"{name} is {_shown(self.value[key])}: it must be {wanted}")

    def text(self, key: str) -> str:
        value = self.value.get(key)
        if not isinstance(value, str):
            raise self.wrong(key, "text")
        return value

    def text_or_none(self, key: str) -> str | None:
        return None if self.value.get(key) is None else self.text(key)

    def texts(self, key: str) -> tuple[str, ...]:
        value = self.value.get(key, [])
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise self.wrong(key, "a list of texts")
        return tuple(value)

    def flag(self, key: str, default: bool = False) -> bool:
        value = self.value.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def word(self, key: str, words: type[_Word]) -> _Word:
        value = self.value.get(key)
        if not isinstance(value, str) or value not in [word.value for word in words]:
            raise self.wrong(key, "one of " + ", ".join(word.value for word in words))
        return words(value)

    def moment(self, key: str) -> datetime:
        text = self.text(key)
        try:
            time = datetime.fromisoformat(text)
        except ValueError:
            time = None
        if time is None or time.tzinfo is None:
            raise self.wrong(key, "a time with its offset, such as 2026-11-23T09:02:00+01:00")
        return time

    def day(self, key: str) -> date:
        try:
            return date.fromisoformat(self.text(key))
        except ValueError:
            raise self.wrong(key, "a day such as 2027-01-31") from None

    def address(self, key: str) -> str:
        value = self.text(key)
        if not _is_address(value):
            raise self.wrong(key, "an IP address")
        return value

    def addresses(self, key: str) -> tuple[str, ...]:
        values = self.texts(key)
        if not all(_is_address(value) for value in values):
            raise self.wrong(key, "a list of IP addresses")
        return values

    def networks(self, key: str) -> tuple[IPNetwork, ...]:
        texts = self.texts(key)
        try:
            return tuple(ipaddress.ip_network(text) for text in texts)
        except ValueError:
            raise self.wrong(key, "a list of networks such as 192.168.1.0/24") from None

    def mapping(self, key: str) -> Mapping[str, str]:
        value = self.value.get(key, {})
        if not isinstance(value, dict) or not all(isinstance(item, str) for item in value.values()):
            raise self.wrong(key, "an object of texts")
        return dict(value)

    def place(self, key: str) -> "_Place":
        value = self.value.get(key)
        if not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return _Place(value, f"{self.where}{key}.")

    def place_or_none(self, key: str) -> "_Place | None":
        return None if self.value.get(key) is None else self.place(key)

    def places(self, key: str, required: bool = False) -> "list[_Place]":
        value = self.value.get(key, None if required else [])
        if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
            raise self.wrong(key, "a list of objects")
        return [_Place(item, f"{self.where}{key}[{index}].") for index, item in enumerate(value)]


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _shown(value: Any) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else text[:57] + "…"
