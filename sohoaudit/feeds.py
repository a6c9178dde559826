"""Fetches what changes outside: CISA's KEV, EPSS, NVD and endoflife.date; checked before they replace the old ones."""

import base64
import gzip
import hashlib
import io
import json
import os
import re
import shutil
import ssl
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from typing import Any

from .knowledge import fetched
from .places import make_private

TRIES = 4
LONGEST_WAIT_S = 60.0
DEADLINE_S = 180.0


class FeedError(ValueError):
    """A feed that could not be fetched or is not what it should be: why, in one line; the old one stays."""


@dataclass(frozen=True, slots=True)
class Feed:
    """One feed: its address, the file it becomes, its bound in bytes, and the check that gives its version or raises.

    `checksum` is the address of a text with `sha256:` of the content as unpacked, where the publisher has one.
    `signed_by` is an Ed25519 public key in base64: its signature of the file, in base64 too, stands at `url` + `.sig`.
    `install` puts the content where it is used, before the old one is given up.
    """

    name: str
    title: str
    url: str
    file: str
    limit_bytes: int
    version: Callable[[bytes], str]
    checksum: str | None = None
    signed_by: str | None = None
    install: Callable[[bytes, Path], None] | None = None


@dataclass(frozen=True, slots=True)
class Visit:
    """What became of one feed: new, unchanged or failed, and its version or the reason."""

    name: str
    outcome: str
    detail: str


def _kev(raw: bytes) -> str:
    """https://www.cisa.gov/known-exploited-vulnerabilities-catalog: `vulnerabilities`, each with `cveID`."""
    root = _json(raw)
    entries = root.get("vulnerabilities")
    if not isinstance(entries, list) or len(entries) < 1 or not all("cveID" in entry for entry in entries):
        raise FeedError("this is no list of known exploited holes")
    if root.get("count", len(entries)) != len(entries):
        raise FeedError(f"it says {root['count']} entries and has {len(entries)}")
    return f"{root.get('catalogVersion', '?')}, {len(entries)} entries"


def _epss(raw: bytes) -> str:
    """https://www.first.org/epss/data_stats: a comment with `score_date`, then `cve,epss,percentile`."""
    try:
        lines = gzip.decompress(raw).decode("ascii").splitlines()
    except (OSError, EOFError, UnicodeDecodeError):
        raise FeedError("this is no gzip file of scores") from None
    if len(lines) < 3 or not lines[1].startswith("cve,epss,percentile"):
        raise FeedError("this is no list of scores")
    return f"{lines[0].rpartition('score_date:')[2][:10]}, {len(lines) - 2} scores"


def _nvd(raw: bytes) -> str:
    """https://nvd.nist.gov/vuln/data-feeds (CVE 2.0): `format` NVD_CVE and `vulnerabilities`."""
    try:
        root = _json(gzip.decompress(raw))
    except (OSError, EOFError):
        raise FeedError("this is no gzip file") from None
    if root.get("format") != "NVD_CVE" or not isinstance(root.get("vulnerabilities"), list):
        raise FeedError("this is no NVD feed")
    return f"{str(root.get('timestamp', '?'))[:10]}, {len(root['vulnerabilities'])} records"


def _endoflife(raw: bytes) -> str:
    """https://endoflife.date/docs/api/v1, `/products/full`: `result`, each with `name` and `releases`."""
    root = _json(raw)
    products = root.get("result")
    if not isinstance(products, list) or not all(_is_product(product) for product in products):
        raise FeedError("this is no list of products and their releases")
    return f"{str(root.get('generated_at', '?'))[:10]}, {len(products)} products"


def _is_product(product: Any) -> bool:
    releases = product.get("releases") if isinstance(product, dict) and "name" in product else None
    return isinstance(releases, list) and all(isinstance(one, dict) and "name" in one for one in releases)


def _keep_scores(raw: bytes, folder: Path) -> None:
    """The scores of the holes that our advisories speak of: a few hundred of some 300,000."""
    head, _, *rows = gzip.decompress(raw).decode("ascii").splitlines()
    known = _known_holes()
    parts = (row.split(",") for row in rows)
    scores = {cve: score for cve, score, *_ in parts if cve in known and _SCORE.fullmatch(score)}
    day = head.rpartition("score_date:")[2][:10]
    _write(folder / fetched.SCORES, json.dumps({"day": day, "scores": scores}).encode())


def _keep_judged(raw: bytes, folder: Path) -> None:
    """How bad the holes are that our advisories speak of, beside what earlier feeds said of others.

    The feed holds what changed in eight days. Its ranges of versions are left alone: they know neither builds nor
    hardware revisions, and would accuse devices that were repaired.
    """
    known, file = _known_holes(), folder / fetched.JUDGED
    records = (record.get("cve", {}) for record in _json(gzip.decompress(raw))["vulnerabilities"])
    fresh = {cve["id"]: told for cve in records if cve.get("id") in known and (told := _judgement(cve))}
    try:
        before = _json(file.read_bytes())
    except (OSError, FeedError):
        before = {}
    _write(file, json.dumps(before | fresh).encode())


def _judgement(cve: Mapping[str, Any]) -> dict[str, str]:
    """The CVSS base score, newest form first, and CISA's two answers (`metrics.ssvcV203`, options of one key each)."""
    metrics = cve.get("metrics", {})
    told = {}
    for form in ("cvssMetricV40", "cvssMetricV31", "cvssMetricV30"):
        scores = [entry.get("cvssData", {}).get("baseScore") for entry in metrics.get(form, [])]
        if (score := next((one for one in scores if isinstance(one, int | float)), None)) is not None:
            told["cvss"] = f"{score:.1f}"
            break
    for entry in metrics.get("ssvcV203", []):
        options = entry.get("ssvcData", {}).get("options", [])
        answers = {key: value for option in options for key, value in option.items()}
        for name, key, yes in (("automatable", "automatable", "yes"), ("total", "technicalImpact", "total")):
            if key in answers:
                told[name] = "yes" if answers[key] == yes else "no"
    return told


def _known_holes() -> frozenset[str]:
    from .knowledge import advisories

    return frozenset(advisory.id for advisory in advisories.every())


_SCORE = re.compile(r"[01](\.\d{1,9})?")


_NVD_URL = "https://nvd.nist.gov/feeds/json/cve/2.0/nvdcve-2.0-modified"
FEEDS = {
    feed.name: feed
    for feed in (
        Feed(
            "kev",
            "holes known to be exploited (CISA)",
            "https://www.cisa.gov/sites/default/files/feeds/known_exploited_vulnerabilities.json",
            "kev.json",
            20_000_000,
            _kev,
        ),
        Feed(
            "epss",
            "the chance that a hole is exploited soon (FIRST)",
            "https://epss.empiricalsecurity.com/epss_scores-current.csv.gz",
            "epss.csv.gz",
            20_000_000,
            _epss,
            install=_keep_scores,
        ),
        Feed(
            "nvd",
            "how bad holes are, of records that changed lately (NIST)",
            f"{_NVD_URL}.json.gz",
            "nvd.json.gz",
            50_000_000,
            _nvd,
            checksum=f"{_NVD_URL}.meta",
            install=_keep_judged,
        ),
        Feed(
            "endoflife",
            "support dates of software (endoflife.date)",
            "https://endoflife.date/api/v1/products/full",
            "endoflife.json",
            20_000_000,
            _endoflife,
        ),
    )
}


def fingerprint_pack(url: str, signed_by: str) -> Feed:
    """The feed of fingerprints at an address of your own or ours, taken only where the key signed it."""
    title, limit = "how devices reveal themselves (signed pack)", 5_000_000
    return Feed(
        fetched.PACK, title, url, "fingerprints.json.gz", limit, _pack, signed_by=signed_by, install=_install_pack
    )


def made_pack(folder: Path, version: str, private_key: bytes) -> tuple[bytes, bytes, str]:
    """A pack of the fingerprints of a folder: itself, its signature, and the public key that checks it, in base64.

    Args:
        folder: YAML files as in `fingerprints/devices/`, whose examples must come out as they say.
        version: a day or a number that sorts; an older one than is in place is refused.
        private_key: Ed25519, in PEM without a password, as `openssl genpkey -algorithm ed25519` writes it.

    Raises:
        FeedError: the folder holds none, or the key is no such key.
        KnowledgeError: a fingerprint cannot be used.
    """
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

    from .identify import trial
    from .knowledge import fingerprints

    try:
        key = load_pem_private_key(private_key, None)
    except (ValueError, TypeError):
        key = None
    if not isinstance(key, Ed25519PrivateKey):
        raise FeedError("this is no Ed25519 key without a password: make one with openssl genpkey -algorithm ed25519")
    files = {file.name: file.read_text(encoding="utf-8") for file in sorted(folder.glob("*.yaml"))}
    if not files:
        raise FeedError(f"{folder} holds no fingerprints (*.yaml)")
    if fault := next(trial.faults(fingerprints.load_with_examples([folder])), None):
        raise fault
    raw = gzip.compress(json.dumps({"version": version, "files": files}).encode(), mtime=0)
    _pack(raw)
    public = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return raw, base64.b64encode(key.sign(raw)) + b"\n", base64.b64encode(public).decode()


def _pack(raw: bytes) -> str:
    """JSON in gzip: `version` (a day or a number that sorts) and `files`, YAML texts by their name."""
    version, files = _pack_content(raw)
    return f"{version}, {len(files)} files"


def _pack_content(raw: bytes) -> tuple[str, dict[str, str]]:
    try:
        with gzip.open(io.BytesIO(raw)) as stream:
            content = stream.read(_PACK_LIMIT_BYTES + 1)
    except (OSError, EOFError):
        raise FeedError("this is no gzip file") from None
    if len(content) > _PACK_LIMIT_BYTES:
        raise FeedError(f"it unpacks to more than {_PACK_LIMIT_BYTES:,} bytes")
    root = _json(content)
    version, files = root.get("version"), root.get("files")
    if not isinstance(version, str) or not _VERSION.fullmatch(version) or not isinstance(files, dict):
        raise FeedError("this is no pack of fingerprints")
    if not all(_FILE_NAME.fullmatch(name) and isinstance(text, str) for name, text in files.items()):
        raise FeedError("this is no pack of fingerprints")
    return version, files


def _install_pack(raw: bytes, folder: Path) -> None:
    """Into a folder of its own, named by its hash; it is used once the state names it, and must load as it is."""
    from .knowledge import fingerprints
    from .knowledge.text_yaml import KnowledgeError

    version, files = _pack_content(raw)
    before = str(fetched.state(fetched.PACK).get("version", "")).partition(",")[0]
    if before and version < before:
        raise FeedError(f"it is of {version}, older than the one in place ({before})")
    place = folder / f"{fetched.PACK}-{hashlib.sha256(raw).hexdigest()[:12]}"
    shutil.rmtree(place, ignore_errors=True)
    make_private(place)
    for name, content in files.items():
        _write(place / name, content.encode())
    try:
        fingerprints.load_with_examples([place])
    except KnowledgeError as fault:
        shutil.rmtree(place, ignore_errors=True)
        raise FeedError(f"a fingerprint of it cannot be used ({str(fault).splitlines()[0]})") from None


_PACK_LIMIT_BYTES = 20_000_000
_VERSION = re.compile(r"[0-9][0-9.-]{0,30}")
_FILE_NAME = re.compile(r"[a-z0-9-]{1,60}\.yaml")


def update(
    feeds: Iterable[Feed],
    *,
    folder: Path | None = None,
    trust: ssl.SSLContext | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> list[Visit]:
    """Ask each feed whether it is new, fetch what is, and put it in place once it was checked.

    Args:
        feeds: those to ask; one conditional request each where nothing is new.
        folder: where they lie; the cache folder where None.
        trust: the certificates to trust; the system's where None.
        wait: how to wait between tries, in seconds.
    """
    import httpx

    place = folder or fetched.folder()
    make_private(place)
    visits = []
    with httpx.Client(verify=trust or True, timeout=20, follow_redirects=True) as client:
        for feed in feeds:
            try:
                visits.append(_Fetch(feed, place, client, wait).run())
            except FeedError as fault:
                visits.append(Visit(feed.name, "failed", f"{fault}; what was there stays"))
            except httpx.HTTPError as fault:
                visits.append(Visit(feed.name, "failed", f"{type(fault).__name__}: try again later"))
            except OSError as fault:
                visits.append(Visit(feed.name, "failed", f"cannot be kept ({fault.strerror}): check {place}"))
    fetched.forget()
    return visits


class _Fetch:
    """One feed being fetched: tries, waits, and what of an earlier try can be gone on with."""

    def __init__(self, feed: Feed, folder: Path, client: Any, wait: Callable[[float], None]) -> None:
        self._feed, self._folder, self._client, self._wait = feed, folder, client, wait
        self._target = folder / feed.file
        self._part = folder / f"{feed.file}.part"
        self._part_tag = folder / f"{feed.file}.part.etag"
        self._state_file = folder / f"{feed.name}.state.json"
        self._until = time.monotonic() + DEADLINE_S

    def run(self) -> Visit:
        state = self._state()
        answer = self._with_tries(state)
        now = datetime.now(UTC).isoformat(timespec="seconds")
        if answer is None:
            self._write_state({**state, "checked": now})
            return Visit(self._feed.name, "unchanged", str(state.get("version", "")))
        raw, headers = answer
        version = self._feed.version(raw)
        self._compare_checksum(raw)
        self._refuse_a_stump(raw)
        self._check_signature(raw)
        if self._feed.install:
            try:
                self._feed.install(raw, self._folder)
            except (LookupError, TypeError, AttributeError, ValueError) as fault:
                if isinstance(fault, FeedError):
                    raise
                raise FeedError("a record of it is not what it should be") from None
        _write(self._target, raw)
        self._part.unlink(missing_ok=True)
        self._part_tag.unlink(missing_ok=True)
        self._write_state(
            {
                "url": self._feed.url,
                "etag": headers.get("etag", ""),
                "modified": headers.get("last-modified", ""),
                "checked": now,
                "fetched": now,
                "version": version,
                "sha256": hashlib.sha256(raw).hexdigest(),
            }
        )
        self._clear_older_installs(raw)
        return Visit(self._feed.name, "new", version)

    def _clear_older_installs(self, raw: bytes) -> None:
        ours = f"{self._feed.name}-{hashlib.sha256(raw).hexdigest()[:12]}"
        for place in self._folder.glob(f"{self._feed.name}-*"):
            if place.is_dir() and place.name != ours:
                shutil.rmtree(place, ignore_errors=True)

    def _with_tries(self, state: Mapping[str, Any]) -> tuple[bytes, Mapping[str, str]] | None:
        import httpx

        pause, fault = 1.0, "it did not answer"
        for attempt in range(TRIES):
            if attempt:
                self._wait(min(pause, LONGEST_WAIT_S))
                pause *= 2
            try:
                status, raw, headers = self._ask(state)
            except httpx.TransportError as broken:
                fault = f"the connection broke ({type(broken).__name__})"
                continue
            if status == 304:
                return None
            if status in (200, 206):
                return raw, headers
            fault = f"it answered {status}"
            if status != 429 and status < 500:
                break
            pause = max(pause, _seconds_to_wait(headers))
            if pause > LONGEST_WAIT_S:
                raise FeedError(f"{fault} and asks to come back in {pause:.0f} s: try again later")
        raise FeedError(f"{fault}: try again later")

    def _ask(self, state: Mapping[str, Any]) -> tuple[int, bytes, Mapping[str, str]]:
        begun, headers = self._begun(), {"Accept-Encoding": "identity"}
        if begun:
            headers |= {"Range": f"bytes={len(begun)}-", "If-Range": self._part_tag.read_text(encoding="utf-8")}
        elif self._target.exists():
            headers |= {"If-None-Match": state["etag"]} if state.get("etag") else {}
            headers |= {"If-Modified-Since": state["modified"]} if state.get("modified") else {}
        with self._client.stream("GET", self._feed.url, headers=headers) as answer:
            if answer.url.scheme != "https":
                raise FeedError("it leads to an address without encryption")
            if answer.status_code not in (200, 206):
                return answer.status_code, b"", answer.headers
            raw = bytearray(begun if answer.status_code == 206 else b"")
            try:
                for piece in answer.iter_raw():
                    raw += piece
                    if len(raw) > self._feed.limit_bytes:
                        raise FeedError(f"it is larger than {self._feed.limit_bytes:,} bytes")
                    if time.monotonic() > self._until:
                        raise FeedError(f"it did not come in {DEADLINE_S:.0f} s: try again later")
            except BaseException:
                self._keep_part(bytes(raw), answer.headers)
                raise
            return answer.status_code, bytes(raw), answer.headers

    def _begun(self) -> bytes:
        try:
            return self._part.read_bytes() if self._part_tag.exists() else b""
        except OSError:
            return b""

    def _keep_part(self, raw: bytes, headers: Mapping[str, str]) -> None:
        """Keep what came of it, where the server can tell later that it is still the same (RFC 9110, 13.1.5)."""
        tag = headers.get("etag", "")
        if raw and tag and not tag.startswith("W/") and len(raw) <= self._feed.limit_bytes:
            _write(self._part, raw)
            _write(self._part_tag, tag.encode())

    def _compare_checksum(self, raw: bytes) -> None:
        if self._feed.checksum is None:
            return
        answer = self._client.get(self._feed.checksum)
        told = [line.partition(":")[2].strip() for line in answer.text.splitlines() if line.startswith("sha256:")]
        if answer.status_code != 200 or len(told) != 1:
            raise FeedError("its checksum could not be read")
        if hashlib.sha256(gzip.decompress(raw)).hexdigest() != told[0].lower():
            self._part.unlink(missing_ok=True)
            raise FeedError("its checksum is wrong")

    def _check_signature(self, raw: bytes) -> None:
        if self._feed.signed_by is None:
            return
        from cryptography.exceptions import InvalidSignature
        from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

        answer = self._client.get(f"{self._feed.url}.sig")
        try:
            key = Ed25519PublicKey.from_public_bytes(base64.b64decode(self._feed.signed_by, validate=True))
        except ValueError:
            raise FeedError("the key it is checked with is no Ed25519 key: mend fingerprints_key") from None
        try:
            if answer.status_code != 200:
                raise ValueError
            key.verify(base64.b64decode(answer.text.strip(), validate=True), raw)
        except (ValueError, InvalidSignature):
            self._part.unlink(missing_ok=True)
            raise FeedError("its signature is missing or wrong") from None

    def _refuse_a_stump(self, raw: bytes) -> None:
        """A feed that lost half of itself over night is broken, whatever its form says."""
        if self._target.exists() and len(raw) * 2 < self._target.stat().st_size and self._feed.name != "nvd":
            raise FeedError(f"it has {len(raw):,} bytes where {self._target.stat().st_size:,} were")

    def _state(self) -> dict[str, Any]:
        try:
            known = json.loads(self._state_file.read_text(encoding="utf-8"))
        except (OSError, ValueError):
            return {}
        # A state of another address, or of a file that was changed since, says nothing.
        is_ours = isinstance(known, dict) and known.get("url") == self._feed.url and self._target.exists()
        if not is_ours or hashlib.sha256(self._target.read_bytes()).hexdigest() != known.get("sha256"):
            return {}
        return dict(known)

    def _write_state(self, state: Mapping[str, Any]) -> None:
        _write(self._state_file, json.dumps(state, indent=1).encode())


def _json(raw: bytes) -> dict[str, Any]:
    try:
        root = json.loads(raw)
    except (ValueError, RecursionError):
        raise FeedError("this is not JSON") from None
    if not isinstance(root, dict):
        raise FeedError("this is not what it should be")
    return root


def _seconds_to_wait(headers: Mapping[str, str]) -> float:
    """Retry-After in seconds, or as a date (RFC 9110, 10.2.3); 0 where it says nothing."""
    text = headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max((parsedate_to_datetime(text) - datetime.now(UTC)).total_seconds(), 0.0)
    except (TypeError, ValueError):
        return 0.0


def _write(path: Path, raw: bytes) -> None:
    """Beside its place, then renamed, so that a kill or a full disk leaves the old one whole."""
    beside = path.with_name(f".{path.name}.new")
    with beside.open("wb") as stream:
        stream.write(raw)
        stream.flush()
        os.fsync(stream.fileno())
    beside.replace(path)
