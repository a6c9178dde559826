"""Reads what a TLS server shows of itself in one handshake: certificate, version, cipher; nothing is verified."""

import asyncio
import contextlib
import hashlib
import ssl
import struct
import warnings
from collections.abc import Callable, Iterator
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ..dialer import Connection
from ..model import Endpoint
from .dialogue import Dialogue

HANDSHAKE_S = 8.0
_ANSWER_LIMIT_BYTES = 65_536
# OpenSSL 3 refuses servers that cannot renegotiate safely unless told so (SSL_OP_LEGACY_SERVER_CONNECT).
_LEGACY_SERVER_CONNECT = 0x4

# What OpenSSL no longer speaks and old devices still choose, numbers of the IANA TLS cipher suite registry.
_OLD_SUITES = {
    0x0035: "AES256-SHA", 0x002F: "AES128-SHA", 0x0039: "DHE-RSA-AES256-SHA", 0x0033: "DHE-RSA-AES128-SHA",
    0x0038: "DHE-DSS-AES256-SHA", 0x0032: "DHE-DSS-AES128-SHA", 0x0016: "DHE-RSA-DES-CBC3-SHA", 0x000A: "DES-CBC3-SHA",
    0x0005: "RC4-SHA", 0x0004: "RC4-MD5", 0x0015: "DHE-RSA-DES-CBC-SHA", 0x0009: "DES-CBC-SHA",
    0x0008: "EXP-DES-CBC-SHA", 0x0006: "EXP-RC2-CBC-MD5", 0x0003: "EXP-RC4-MD5",
}  # fmt: skip
_VERSIONS = {0x0300: "SSLv3", 0x0301: "TLSv1", 0x0302: "TLSv1.1", 0x0303: "TLSv1.2"}
_ALERTS = {10: "unexpected_message", 40: "handshake_failure", 47: "illegal_parameter", 70: "protocol_version",
           71: "insufficient_security", 80: "internal_error", 112: "unrecognized_name"}  # fmt: skip


class HandshakeFault(Exception):
    """The handshake failed; `is_tls` says that the peer speaks TLS all the same, `is_silent` that it let us wait."""

    def __init__(self, reason: str, *, is_tls: bool, is_silent: bool = False) -> None:
        """Takes the reason in words, and what is known of the other side."""
        super().__init__(reason)
        self.is_tls, self.is_silent = is_tls, is_silent


async def handshake(connection: Connection) -> dict[str, str]:
    """Put TLS on a connection and return the `tls.*` fields; version and cipher are the best that the server has.

    Offers everything from TLS 1.0 on at security level 0, since a device that offers only old ciphers is a finding
    and no error.

    Raises:
        HandshakeFault: no handshake came about.
    """
    try:
        async with asyncio.timeout(HANDSHAKE_S):
            await connection.writer.start_tls(_context(), server_hostname="", ssl_handshake_timeout=HANDSHAKE_S + 1)
    except TimeoutError:
        raise HandshakeFault(
            f"no end of the handshake within {HANDSHAKE_S:.0f} s", is_tls=False, is_silent=True
        ) from None
    except ssl.SSLError as fault:
        reason = fault.reason or "closed during the handshake"
        foreign = {"WRONG_VERSION_NUMBER", "HTTP_REQUEST", "UNEXPECTED_MESSAGE", "RECORD_LAYER_FAILURE", None}
        raise HandshakeFault(reason.lower().replace("_", " "), is_tls=fault.reason not in foreign) from None
    except (OSError, ValueError) as fault:
        raise HandshakeFault(f"closed during the handshake: {fault}".rstrip(": "), is_tls=False) from None
    spoken = connection.writer.get_extra_info("ssl_object")
    cipher = spoken.cipher()
    fields = {"tls.version": spoken.version() or "", "tls.cipher": cipher[0] if cipher else ""}
    return fields | certificate(spoken.getpeercert(binary_form=True) or b"")


async def old_hello(endpoint: Endpoint, dial: Dialogue) -> dict[str, str]:
    """Ask with a hello of our own what a server has that OpenSSL no longer speaks, after a handshake failed.

    The hello offers TLS 1.0 and no extension, which every server since 1999 reads; one that has only SSLv3 says so in
    its answer (RFC 5246, appendix E.1). No SSLv3 hello is sent: some devices fall over it.

    Returns:
        `tls.fault`, and version, cipher and certificate where the answer shows them; empty where it is no TLS.

    Raises:
        OSError, BudgetSpent: as `Dialogue.open`.
    """
    suites = b"".join(struct.pack(">H", suite) for suite in (*_OLD_SUITES, 0x00FF))
    body = struct.pack(">H", 0x0301) + bytes(range(32)) + b"\0" + struct.pack(">H", len(suites)) + suites + b"\x01\0"
    hello = b"\x01" + len(body).to_bytes(3, "big") + body
    record = b"\x16\x03\x01" + struct.pack(">H", len(hello)) + hello
    async with dial.open(endpoint) as connection:
        with contextlib.suppress(OSError):
            await connection.send(record)
        answer = await connection.read(7, 5)
        if answer[:1] == b"\x16":
            # ServerHelloDone is the last thing said before the server waits for us.
            answer += await connection.read(_ANSWER_LIMIT_BYTES, 5, until=b"\x0e\x00\x00\x00")
    return read_answer(answer)


def read_answer(answer: bytes) -> dict[str, str]:
    """The `tls.*` fields in the plain part of an answer (alert, ServerHello, Certificate), whatever the bytes are."""
    fields: dict[str, str] = {}
    for kind, message in _messages(answer):
        if kind == "alert" and "tls.fault" not in fields:
            number = message[1] if len(message) > 1 else 0
            name = _ALERTS.get(number, f"alert {number}")
            fields["tls.fault"] = f"the server ends the handshake: {name}"
        elif kind == "hello" and len(message) > 36:
            version = int.from_bytes(message[:2], "big")
            after = 35 + message[34]
            suite = int.from_bytes(message[after : after + 2], "big")
            fields["tls.version"] = _VERSIONS.get(version, f"0x{version:04x}")
            fields["tls.cipher"] = _OLD_SUITES.get(suite, f"0x{suite:04x}")
            only = "SSLv3 only" if version == 0x0300 else f"only {fields['tls.version']} with {fields['tls.cipher']}"
            fields["tls.fault"] = only
        elif kind == "certificate" and len(message) > 6:
            fault = fields.get("tls.fault", "")
            fields |= certificate(message[6 : 6 + int.from_bytes(message[3:6], "big")])
            fields["tls.fault"] = fault or fields.get("tls.fault", "")
    return fields


def certificate(der: bytes) -> dict[str, str]:
    """The `tls.*` fields of one certificate; what `cryptography` refuses is left out, its hash stays.

    Dates are ISO 8601 in UTC; hashes are SHA-256 in hex: of the certificate, and of its public key, which survives
    a certificate that is made anew.
    """
    if not der:
        return {}
    fields = {"tls.sha256": hashlib.sha256(der).hexdigest()}
    try:
        shown = x509.load_der_x509_certificate(der)
    except Exception as fault:  # Real devices hold certificates that break every rule of encoding.
        return fields | {"tls.fault": f"the certificate cannot be read: {fault}"[:200]}
    refused = []
    for name, read in _READERS.items():
        try:
            fields[name] = read(shown)
        except Exception:  # As above: each part by itself.
            refused.append(name.removeprefix("tls."))
    if refused:
        fields["tls.fault"] = f"the certificate's {', '.join(refused)} cannot be read"
    return fields


def _name(name: x509.Name) -> str:
    return name.rfc4514_string({x509.NameOID.EMAIL_ADDRESS: "emailAddress", x509.NameOID.SERIAL_NUMBER: "serialNumber"})


def _names(shown: x509.Certificate) -> str:
    try:
        names = shown.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ""
    return "\n".join(str(name.value) for name in names)[:2_000]


def _date(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ") if moment.year > 999 else moment.isoformat()


def _key_hash(shown: x509.Certificate) -> str:
    key = shown.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(key).hexdigest()


def _signature(shown: x509.Certificate) -> str:
    used = shown.signature_hash_algorithm
    return used.name if used else shown.signature_algorithm_oid.dotted_string


_READERS: dict[str, Callable[[x509.Certificate], str]] = {
    "tls.subject": lambda shown: _name(shown.subject),
    "tls.issuer": lambda shown: _name(shown.issuer),
    "tls.not_before": lambda shown: _date(shown.not_valid_before_utc),
    "tls.not_after": lambda shown: _date(shown.not_valid_after_utc),
    "tls.san": _names,
    "tls.self_signed": lambda shown: "yes" if shown.subject == shown.issuer else "no",
    "tls.key_sha256": _key_hash,
    "tls.key_bits": lambda shown: str(getattr(shown.public_key(), "key_size", "")),
    "tls.signature": _signature,
}


def _messages(answer: bytes) -> Iterator[tuple[str, bytes]]:
    """The alerts and handshake messages in a run of records, as far as they are whole (RFC 5246, 6.2.1 and 7.4)."""
    said = b""
    while len(answer) >= 5 and answer[0] in (0x15, 0x16) and answer[1] == 3:
        end = 5 + int.from_bytes(answer[3:5], "big")
        if answer[0] == 0x15:
            yield "alert", answer[5:end]
        else:
            said += answer[5:end]
        answer = answer[end:]
    while len(said) >= 4:
        end = 4 + int.from_bytes(said[1:4], "big")
        kind = {2: "hello", 11: "certificate"}.get(said[0])
        if kind and len(said) >= end:
            yield kind, said[4:end]
        said = said[end:]


def _context() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    with warnings.catch_warnings():
        # Old versions are what this looks for.
        warnings.simplefilter("ignore", DeprecationWarning)
        context.minimum_version = ssl.TLSVersion.TLSv1
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.options |= _LEGACY_SERVER_CONNECT
    return context
