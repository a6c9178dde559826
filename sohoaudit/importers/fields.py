"""Turns the values of foreign formats into our fields: pages, certificates, host keys, banners."""

import hashlib
import re
import secrets
from base64 import b64decode, b64encode
from collections.abc import Iterable

from ..probe.discretion import keyed, veil
from ..probe.http_answer import READ_LIMIT_BYTES, read_leniently

# One key for one import: the same serial number joins faces, and the number itself never leaves.
_KEY = secrets.token_bytes(16)

# How other programs call what we call otherwise.
PROTOCOLS = {
    "domain": "dns", "microsoft-ds": "smb", "netbios-ssn": "smb", "ms-wbt-server": "rdp", "http-proxy": "http",
    "http-alt": "http", "https-alt": "https", "ssl/http": "https", "mdns": "mdns", "zeroconf": "mdns", "ipp": "ipp",
    "printer": "lpd", "jetdirect": "raw-print", "netbios-ns": "netbios", "cwmp": "cwmp", "rtsp": "rtsp", "sip": "sip",
    "socks5": "socks", "socks4": "socks", "upnp": "upnp", "mikrotik-api": "routeros-api", "winbox": "winbox",
    "mikrotik_bw": "bandwidth-test", "mikrotik-bw": "bandwidth-test", "adbd": "adb", "wsdapi": "wsd",
    "portmap": "portmap", "rpcbind": "portmap", "unknown": "", "tcpwrapped": "",
}  # fmt: skip
_GREETINGS = {"ssh": "ssh.banner", "telnet": "telnet.banner", "ftp": "ftp.banner", "smtp": "smtp.banner"}


def protocol(name: str, *, is_secure: bool = False) -> str:
    """Our name of a protocol; empty where nobody knows it."""
    plain = name.strip().lower()
    known = PROTOCOLS.get(plain, plain if re.fullmatch(r"[a-z0-9][a-z0-9-]{0,30}", plain) else "")
    return "https" if known == "http" and is_secure else known


def page(raw: bytes) -> dict[str, str]:
    """The `http.*` fields of an answer as it came over the wire."""
    answer = read_leniently(raw[: 2 * READ_LIMIT_BYTES], "")
    body = answer.body.decode("utf-8", "replace") if answer.status else ""
    return http(str(answer.status or ""), answer.headers, body, answer.title if answer.status else "")


def http(status: str, headers: Iterable[tuple[str, str]], body: str, title: str = "") -> dict[str, str]:
    """The `http.*` fields of a page; what identifies people is veiled, and cookies lose their values."""
    if body and not title:
        found = re.search(r"<title[^>]{0,80}>([^<]{0,300})", body[:131_072], re.IGNORECASE)
        title = " ".join(found[1].split()) if found else ""
    fields = {"http.status": status, "http.title": veil(title, _KEY), "http.body": veil(body[:READ_LIMIT_BYTES], _KEY)}
    told: dict[str, list[str]] = {}
    for name, value in headers:
        told.setdefault(name.lower().replace("_", "-")[:60], []).append(value[:2_000])
    for name, values in list(told.items())[:64]:
        fields[f"http.header.{name}"] = "\n".join(map(_nameless, values) if name == "set-cookie" else values)
    for name in ("server", "www-authenticate", "set-cookie", "last-modified"):
        fields[f"http.{name.replace('-', '_')}"] = fields.get(f"http.header.{name}", "")
    return fields


def certificate(text: str) -> dict[str, str]:
    """The `tls.*` fields of a certificate in PEM or Base64; nothing where it is neither."""
    from ..probe.tls import certificate as read_certificate

    body = re.sub(r"-----[A-Z ]+-----", "", text)
    try:
        return read_certificate(b64decode(re.sub(r"\s", "", body), validate=True))
    except ValueError:
        return {}


def host_key(kind: str, key: str) -> str:
    """A host key in Base64 as OpenSSH writes its fingerprint, "ssh-rsa SHA256:…"; empty where it is none."""
    try:
        raw = b64decode(re.sub(r"\s", "", key), validate=True)
    except ValueError:
        return ""
    return fingerprint(kind, hashlib.sha256(raw).hexdigest()) if raw else ""


def fingerprint(kind: str, sha256_hex: str) -> str:
    """The same from the SHA-256 of the key in hex."""
    try:
        digest = b64encode(bytes.fromhex(sha256_hex.replace(":", ""))).decode().rstrip("=")
    except ValueError:
        return ""
    return f"{kind} SHA256:{digest}" if kind else ""


def greeting(name: str, banner: str) -> dict[str, str]:
    """What a server said first, under its protocol's field, else under `tcp.banner`."""
    if name in ("http", "https") and banner.startswith("HTTP/"):
        return page(banner.encode("utf-8", "replace"))
    if name in ("rtsp", "sip"):
        found = re.search(r"(?im)^(server|user-agent):[ \t]*(.{0,300})$", banner)
        return {f"{name}.{found[1].lower().replace('-', '_')}": found[2].strip()} if found else {"tcp.banner": banner}
    field = _GREETINGS.get(name, "tcp.banner")
    text = banner.strip()[:4_096]
    return {field: text.split("\n")[0].strip() if name == "ssh" else text}


def serial(text: str) -> str:
    """A serial number as it may be kept."""
    return keyed(text, _KEY)


def _nameless(cookie: str) -> str:
    pair, _, attributes = cookie.partition(";")
    return f"{pair.partition('=')[0]}=…" + (f";{attributes}" if attributes else "")
