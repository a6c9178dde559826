"""Every hunt finds its behaviour in every source, and nothing in what only looks like it."""

from pathlib import Path

import pytest

from sohoaudit.hunt.rules import load
from sohoaudit.hunt.run import Coverage, Hit, Request, hunt

from .shapes import SOURCES, Happening, Process, Registry, Written

S = "C:\\Windows\\System32\\"
CMD, NETSH, WMIC, NTDSUTIL = f"{S}cmd.exe", f"{S}netsh.exe", f"{S}wbem\\WMIC.exe", f"{S}ntdsutil.exe"
WMI = f"{S}wbem\\WmiPrvSE.exe"
CISA = "ef09b8ff86c276e9b475a6ae6b54f08ed77e09e169f7fc0872eb1d427ee27d31"
FRP = "baeffeb5fdef2f42a752c65c2d2a52e84fb57efc906d981f89dd518c314e231c"
BOTH = "472ccfb865c81704562ea95870f60c08ef00bcd2ca1d7f09352398c05be5d05d"
DISKS = "path win32_logicaldisk get caption,filesystem,freespace,size,volumename"
WMIEXEC = "cmd.exe /Q /c cd \\ 1> \\\\127.0.0.1\\ADMIN$\\__1696512345.42 2>&1"
PROXY = "PortProxy\\v4tov4\\tcp"
RULES = load(["volt"])

MUST: dict[str, tuple[Happening, dict[str, str]]] = {
    "two spaces from cmd.exe": (
        Process(NETSH, "netsh  interface portproxy add v4tov4 listenport=1 connectaddress=10.0.0.9", CMD),
        {"netsh-portproxy": "exact"},
    ),
    "cmd /c wrapper": (
        Process(CMD, 'cmd  /c "netsh interface portproxy add v4tov4 listenport=1"', f"{S}services.exe"),
        {"netsh-portproxy": "exact"},
    ),
    "netsh with its path": (
        Process(NETSH, f'"{NETSH}" interface portproxy add v4tov4 listenport=1', f"{S}x.exe"),
        {"netsh-portproxy": "behaviour"},
    ),
    "netsh shortened, IPv6": (
        Process(NETSH, "netsh int portproxy set v6tov4 listenport=1", CMD), {"netsh-portproxy": "behaviour"}),
    "netsh in single letters": (
        Process(NETSH, "netsh i p a v listenport=8001 connectp=80 c=10.0.0.9", CMD), {"netsh-portproxy": "behaviour"}),
    "netsh from PowerShell": (
        Process(f"{S}powershell.exe", "powershell -c netsh.exe interface portproxy add v4tov4 x"),
        {"netsh-portproxy": "behaviour"},
    ),
    "carets": (
        Process(CMD, "cmd /c n^etsh inter^face portpr^oxy add v4to^v4 listenport=1", ""), {"netsh-portproxy": "exact"}),
    "value set": (Registry("SetValue", PROXY, "0.0.0.0/8080", "10.0.0.9/80"), {"portproxy-registry": "exact"}),
    "key created": (Registry("CreateKey", PROXY), {"portproxy-registry": "exact"}),
    "IPv6 value set": (
        Registry("SetValue", "PortProxy\\v6tov6\\tcp", "::/8080", "::1/80"), {"portproxy-registry": "behaviour"}),
    "reg add": (
        Process(f"{S}reg.exe", f"reg  add HKLM\\SYSTEM\\CurrentControlSet\\Services\\{PROXY} /v a /d b", CMD),
        {"portproxy-registry": "behaviour"},
    ),
    "wmic": (Process(WMIC, f"wmic  {DISKS}", CMD), {"wmic-logicaldisk": "exact"}),
    "wmic, parent unknown": (Process(WMIC, f"wmic {DISKS}"), {"wmic-logicaldisk": "behaviour"}),
    "wmic from PowerShell": (Process(WMIC, f"wmic.exe {DISKS}", f"{S}pwsh.exe"), {"wmic-logicaldisk": "behaviour"}),
    "wmic in another order": (
        Process(WMIC, "wmic logicaldisk get size, freespace, caption, filesystem, volumename", CMD),
        {"wmic-logicaldisk": "behaviour"},
    ),
    "wmic in its wrapper": (Process(CMD, f'cmd.exe /c "wmic {DISKS}"', f"{S}x.exe"), {"wmic-logicaldisk": "behaviour"}),
    "wmic, quotes": (
        Process(WMIC, 'wmic path win32_logicaldisk get "caption,filesystem,freespace,size,volumename"', CMD),
        {"wmic-logicaldisk": "exact"},
    ),
    "ntdsutil, quotes": (
        Process(NTDSUTIL, 'ntdsutil  "ac i ntds" "ifm" "create full c:\\temp\\x" q q', CMD), {"ntdsutil-ifm": "exact"}),
    "ntdsutil, curly quotes": (
        Process(NTDSUTIL, "ntdsutil “activate instance ntds” ifm “create full c:\\x” q q", CMD),
        {"ntdsutil-ifm": "exact"},
    ),
    "ntdsutil, mis-encoded quotes": (
        Process(NTDSUTIL, "ntdsutil â€œac i ntdsâ€\x9d â€œifmâ€\x9d â€œcreate full c:\\xâ€\x9d q q", CMD),
        {"ntdsutil-ifm": "exact"},
    ),
    "ntdsutil in its wrapper": (
        Process(CMD, 'cmd /c ntdsutil "ac i ntds" ifm "create full c:\\x" q q', WMI), {"ntdsutil-ifm": "behaviour"}),
    "wmiexec": (Process(CMD, WMIEXEC, WMI), {"impacket-wmiexec": "exact"}),
    "wmiexec, parent unknown": (Process(CMD, WMIEXEC), {"impacket-wmiexec": "behaviour"}),
    "wmiexec, escaped twice": (Process(CMD, WMIEXEC.replace("\\", "\\\\"), WMI), {"impacket-wmiexec": "exact"}),
    "wmiexec on C$": (
        Process(CMD, "cmd.exe /Q /c whoami 1> \\\\127.0.0.1\\C$\\__169 2>&1", WMI), {"impacket-wmiexec": "behaviour"}),
    "wmiexec running netsh": (
        Process(CMD, "cmd.exe /Q /c netsh interface portproxy add v4tov4 a 1> \\\\127.0.0.1\\ADMIN$\\__1.2 2>&1", WMI),
        {"impacket-wmiexec": "exact", "netsh-portproxy": "exact"},
    ),
    "listed program run": (Process("C:\\x.exe", "x.exe", CMD, CISA), {"ioc-executed": "exact"}),
    "listed twice": (Process("C:\\x.exe", "x", CMD, BOTH), {"ioc-executed": "exact", "frp-executed": "exact"}),
    "frp run": (Process("C:\\SMSvcService.exe", "SMSvcService", CMD, FRP), {"frp-executed": "exact"}),
    "listed file written": (Written("C:\\x.exe", CISA), {"ioc-written": "exact"}),
    "frp written": (Written("C:\\x.exe", FRP), {"ioc-written": "behaviour"}),
}  # fmt: skip

MUST_NOT: dict[str, Happening] = {
    "portproxy delete": Process(NETSH, "netsh  interface portproxy delete v4tov4 listenport=8080", CMD),
    "portproxy reset": Process(NETSH, "netsh interface portproxy reset", CMD),
    "portproxy show": Process(NETSH, "netsh interface portproxy show v4tov4", CMD),
    "only its parent added a proxy": Process(
        f"{S}conhost.exe", "conhost.exe 0xffffffff", CMD, parent_command="cmd /c netsh interface portproxy add v4tov4 x"
    ),
    "other netsh in single letters": Process(NETSH, "netsh i p s a", CMD),
    "other netsh": Process(NETSH, "netsh advfirewall firewall add rule name=x dir=in action=allow", CMD),
    "a search for the words": Process(
        f"{S}findstr.exe", 'findstr "netsh interface portproxy add v4tov4" notes.txt', CMD
    ),
    "value deleted": Registry("DeleteValue", PROXY, "0.0.0.0/8080"),
    "key deleted": Registry("DeleteKey", PROXY),
    "another service's key": Registry("SetValue", "iphlpsvc\\config", "x", "1"),
    "reg query": Process(
        f"{S}reg.exe", "reg query HKLM\\SYSTEM\\CurrentControlSet\\Services\\PortProxy\\v4tov4\\tcp", CMD
    ),
    "other wmic": Process(WMIC, "wmic logicaldisk get caption,size", CMD),
    "wmic os": Process(WMIC, "wmic os get caption", CMD),
    "ntdsutil alone": Process(NTDSUTIL, "ntdsutil", CMD),
    "ntdsutil snapshot list": Process(NTDSUTIL, 'ntdsutil snapshot "list all" q q', CMD),
    "ntdsutil activates only": Process(NTDSUTIL, 'ntdsutil "ac i ntds" files info q q', CMD),
    "dcomexec": Process(CMD, WMIEXEC, f"{S}mmc.exe"),
    "child of wmiexec": Process(f"{S}whoami.exe", "whoami", CMD, parent_command=WMIEXEC),
    "cmd from WMI without redirect": Process(CMD, "cmd.exe /Q /c whoami", WMI),
    "smbexec": Process(CMD, "cmd.exe /Q /c echo cd ^> \\\\127.0.0.1\\C$\\__output 2^>^&1 > x.bat", f"{S}services.exe"),
    "unknown hash": Process("C:\\x.exe", "x", CMD, "a" * 64),
    "listed file deleted": Written("C:\\x.exe", CISA, gone=True),
    "unknown file written": Written("C:\\x.exe", "b" * 64),
}


def look(*paths: Path) -> tuple[list[Hit], Coverage]:
    coverage = Coverage()
    return list(hunt(Request(paths, RULES), coverage)), coverage


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", MUST)
def test_a_hunt_finds_its_behaviour_in_every_source(name: str, source: str, tmp_path: Path) -> None:
    what, expected = MUST[name]
    path = SOURCES[source](tmp_path, what)
    if path is None:
        assert "Security" in source or source == "bare CSV"
        return
    hits, coverage = look(path)
    assert {hit.hunt: hit.grade for hit in hits} == expected
    assert all(hit.record == 1 for hit in hits)
    assert coverage.records == 1 and not any(log.unread for log in coverage.logs)


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("name", MUST_NOT)
def test_what_only_looks_like_it_is_not_reported(name: str, source: str, tmp_path: Path) -> None:
    path = SOURCES[source](tmp_path, MUST_NOT[name])
    if path is None:
        assert "Security" in source or source == "bare CSV"
        return
    hits, coverage = look(path)
    assert [hit.hunt for hit in hits] == []
    assert coverage.records == 1
