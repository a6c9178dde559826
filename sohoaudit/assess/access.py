"""Finds devices that open without a password, or with one the whole world knows; only pages already read are judged."""

import re
from collections.abc import Iterator

from ..model import Observation
from . import Case, Draft, quoted, rule, shortened
from .exposure import is_appliance
from .priority import Fact

SETTINGS_NEEDED = 4

_SETTINGS = {
    name: re.compile(pattern, re.IGNORECASE)
    for name, pattern in {
        "firmware": r"firmware (?:upgrade|update)|upgrade firmware|ファームウェア更新",
        "reboot": r"\breboot\b|\brestart (?:the )?(?:device|router|system)|再起動",
        "reset": r"factory (?:default|reset)|restore (?:to )?(?:factory )?default|初期化",
        "backup": r"backup (?:&(?:amp;)?|and) restore|(?:backup|save|restore) (?:configuration|settings)|設定の保存",
        "wan": r"\bWAN\b|internet (?:setup|settings|connection)|internet接続",
        "dhcp": r"\bDHCP\b",
        "wireless": r"wireless (?:settings|security)|\bSSID\b|無線設定",
        "forwarding": r"port (?:forwarding|mapping|triggering)|virtual servers?\b|ポート(?:変換|マッピング)",
        "firewall": r"\bfirewall\b|access control|mac filter|ファイアウォール",
        "log": r"system log|event log|システムログ",
        "users": r"user (?:management|accounts)|administrator password|change password|パスワードの変更",
        "time": r"time zone|\bNTP\b|タイムゾーン",
    }.items()
}
_CAMERA = re.compile(r"""["'=/][^"'\s>]{0,80}(?:mjpe?g|video\.cgi|snapshot\.(?:cgi|jpg)|videostream)""", re.IGNORECASE)
# Anything that may be a way to sign in, a page that only leads elsewhere, or one that a script fills in.
_LEADS_ELSEWHERE = re.compile(
    r"""type\s*=\s*["']?password|log[ _-]?[io]n|sign[ _-]?[io]n|anmeld|einlog|ログイン|サインイン|認証|auth
    |http-equiv\s*=\s*["']?refresh|location(?:\.href|\.replace|\s*=)|<frame|<noscript""",
    re.IGNORECASE | re.VERBOSE,
)
_NO_PAGE_OF_ITS_OWN = {"printer"}  # a printer's status page is open on purpose, and says little


@rule("auth.none", facts=("words",))
def no_password(case: Case) -> Iterator[Draft]:
    """A settings page, a camera's picture, a shell or a maker's own back door that is simply there.

    Needs positive evidence: several settings named on a page that has no password field, no word of signing in, no
    redirect and no 401.
    """
    for observation in case.device.observations:
        shown = _open_page(case, observation) or _open_shell(observation) or _back_door(observation)
        if shown:
            field_name, words = shown
            endpoint = observation.endpoint
            yield Draft(
                rule="auth.none",
                fact=Fact.OPEN,
                reach=case.reach(endpoint),
                evidence=(str(endpoint), quoted(field_name, words)),
                discriminator=f"{endpoint.transport}:{endpoint.port}",
                facts={"words": words},
                endpoint=endpoint,
            )


@rule("snmp.public-community", facts=("sysdescr",))
def public_community(case: Case) -> Iterator[Draft]:
    """SNMP answered to the word that every scanner tries first."""
    for observation, name, value in case.values("snmp.community"):
        if value.strip() != "public":
            continue
        sysdescr = observation.fields.get("snmp.sysdescr", "")
        said = (quoted("snmp.sysdescr", sysdescr),) if sysdescr else ()
        yield Draft(
            rule="snmp.public-community",
            fact=Fact.MANAGEMENT,
            reach=case.reach(observation.endpoint),
            evidence=(f"{observation.endpoint}", quoted(name, value), *said),
            facts={"sysdescr": shortened(sysdescr, 80)},
            endpoint=observation.endpoint,
        )


def _open_page(case: Case, observation: Observation) -> tuple[str, str] | None:
    body = observation.fields.get("http.body", "")
    kind = case.device.identity.kind if case.device.identity else None
    if not body or not is_appliance(case.device) or kind in _NO_PAGE_OF_ITS_OWN:
        return None
    if "http.www_authenticate" in observation.fields or _LEADS_ELSEWHERE.search(body):
        return None
    if not observation.fields.get("http.status", "200").startswith("200"):
        return None
    if kind == "camera" and (picture := _CAMERA.search(body)):
        return "http.body", picture.group().lstrip("\"'=")
    found = [match.group() for pattern in _SETTINGS.values() if (match := pattern.search(body))]
    return ("http.body", ", ".join(found)) if len(found) >= SETTINGS_NEEDED else None


def _back_door(observation: Observation) -> tuple[str, str] | None:
    """A door that the maker left in its routers: it greets with its mark and does as it is told (CVE-2014-0659)."""
    banner = observation.fields.get("tcp.banner", "")
    return ("tcp.banner", banner[:4]) if banner.startswith(("ScMM", "MMcS")) else None


def _open_shell(observation: Observation) -> tuple[str, str] | None:
    banner = observation.fields.get("telnet.banner", "").rstrip()
    last = banner.rsplit("\n", 1)[-1].strip()
    if re.search(r"login|password|username|user:", banner, re.IGNORECASE):
        return None
    is_shell = "built-in shell" in banner or re.fullmatch(r"(?:\[?[\w@.:~/ -]{0,40}\]?\s?)?#", last)
    return ("telnet.banner", last or banner) if banner and is_shell else None
