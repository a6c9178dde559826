"""Rows of events: bursts, ordered steps, pairs this office never saw, and what is known and fine."""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sohoaudit.hunt.baseline import build_from
from sohoaudit.hunt.chains import Baseline, BaselineError
from sohoaudit.hunt.rules import load
from sohoaudit.hunt.run import Coverage, Hit, Request, hunt

from .evtx_writer import Record, security, sysmon, write

BEGIN = datetime(2026, 11, 2, 9, 0, tzinfo=UTC)
SYSTEM = "C:\\Windows\\System32\\"
CHAINS = load(["chains"])
LOTL = load(["lotl"])


def start(
    program: str,
    minute: float,
    command: str = "",
    user: str = "OFFICE\\ana",
    computer: str = "WS1",
    parent: str = "cmd.exe",
) -> Record:
    image = program if "\\" in program else f"{SYSTEM}{program}"
    return sysmon(1, Image=image, CommandLine=command or program, User=user, ParentImage=f"{SYSTEM}{parent}",
                  computer=computer, time=BEGIN + timedelta(minutes=minute))  # fmt: skip


def look(path: Path, records: Iterable[Record], rules=CHAINS, **options: object) -> list[Hit]:
    return list(hunt(Request((write(path / "a.evtx", records),), rules, **options), Coverage()))  # type: ignore[arg-type]


LOOKING = ["whoami.exe", "ipconfig.exe", "net.exe", "systeminfo.exe"]


def test_four_programs_in_ten_minutes_are_a_burst(tmp_path: Path) -> None:
    hits = look(tmp_path, [start(program, minute) for minute, program in enumerate(LOOKING)])
    assert [hit.hunt for hit in hits] == ["chain-discovery-burst"]
    assert hits[0].details == {"who": "ws1, office\\ana", "names": ", ".join(LOOKING), "minutes": "3", "programs": "4"}
    assert hits[0].evidence["step 1"].endswith("record 1: whoami.exe")


def test_the_window_slides_across_any_boundary(tmp_path: Path) -> None:
    assert look(tmp_path, [start(program, 7.5 + 3 * n) for n, program in enumerate(LOOKING)])


@pytest.mark.parametrize(
    "records",
    [
        [start(program, 5 * n) for n, program in enumerate(LOOKING)],
        [start("whoami.exe", n) for n in range(9)],
        [start(program, n, user=f"OFFICE\\{n}") for n, program in enumerate(LOOKING)],
        [start(program, n, computer=f"WS{n}") for n, program in enumerate(LOOKING)],
        [start(program, n) for n, program in enumerate(["winword.exe", "excel.exe", "outlook.exe", "chrome.exe"])],
    ],
    ids=["too slow", "one program often", "different accounts", "different computers", "office programs"],
)
def test_what_is_no_burst_is_not_told(tmp_path: Path, records: list[Record]) -> None:
    assert look(tmp_path, records) == []


def test_one_burst_is_told_once(tmp_path: Path) -> None:
    assert len(look(tmp_path, [start(program, n / 10) for n, program in enumerate(LOOKING * 5)])) == 1


STEPS = [
    ("vssadmin.exe", "vssadmin create shadow /for=C:"),
    ("C:\\Tools\\rar.exe", "rar a -hpsecret out.rar C:\\x"),
    ("cmd.exe", "cmd /c del /q C:\\x\\ntds.dit"),
]


def test_copied_packed_deleted_in_this_order_is_a_chain(tmp_path: Path) -> None:
    hits = look(tmp_path, [start(program, 20 * n, command) for n, (program, command) in enumerate(STEPS)])
    assert [hit.hunt for hit in hits] == ["chain-snapshot-archive-delete"]
    assert "step 3" in hits[0].evidence


def test_another_order_is_none(tmp_path: Path) -> None:
    assert (
        look(tmp_path, [start(program, 20 * n, command) for n, (program, command) in enumerate(reversed(STEPS))]) == []
    )


def ordinary_days(days: int = 8) -> list[Record]:
    return [
        start(f"program{number}.exe", 24 * 60 * day + number, parent=f"parent{number % 7}.exe")
        for day in range(days)
        for number in range(60)
    ]


def test_a_pair_the_office_never_saw_is_told_once_a_computer(tmp_path: Path) -> None:
    built, unread = build_from([write(tmp_path / "ordinary.evtx", ordinary_days())])
    assert unread == 0 and built.is_enough
    path = tmp_path / "baseline.json"
    built.save(path)
    records = [
        start("program1.exe", 1, parent="parent1.exe"),
        *[start("odd.exe", 2 + n, parent="parent1.exe") for n in range(3)],
    ]
    hits = look(tmp_path, records, baseline=Baseline.open(path))
    assert [(hit.hunt, hit.details["child"]) for hit in hits] == [("chain-rare-pair", "odd.exe")]
    assert float(hits[0].details["bits"]) > 2


def test_a_short_baseline_calls_nothing_unusual(tmp_path: Path) -> None:
    built, _ = build_from([write(tmp_path / "ordinary.evtx", ordinary_days(days=2))])
    assert not built.is_enough
    assert look(tmp_path, [start("odd.exe", 1)], baseline=built) == []


def test_a_busy_computer_counts_once(tmp_path: Path) -> None:
    built, _ = build_from(
        [write(tmp_path / "a.evtx", [start("x.exe", n) for n in range(9)] + [start("x.exe", 9, computer="WS2")])]
    )
    assert built.pairs == {("cmd.exe", "x.exe"): 2}


@pytest.mark.parametrize(
    "content", ["", "{}", "[]", '{"format": "sohoaudit hunt baseline 1"}', '{"format": 1, "pairs": 3}']
)
def test_a_file_that_is_no_baseline_is_refused(tmp_path: Path, content: str) -> None:
    path = tmp_path / "b.json"
    path.write_text(content)
    with pytest.raises(BaselineError, match="hunt baseline build"):
        Baseline.open(path)


@given(st.dictionaries(st.tuples(st.sampled_from("abc"), st.sampled_from("xyz")), st.integers(1, 99)))
def test_the_surprise_is_never_negative_and_highest_for_what_was_never_seen(pairs: dict[tuple[str, str], int]) -> None:
    built = Baseline()
    for (parent, child), count in pairs.items():
        built.add(parent, child, count)
    never = built.surprise("a", "never")
    assert never >= 0
    assert all(0 <= built.surprise(*pair) <= built.surprise(pair[0], "never") for pair in pairs)


@pytest.mark.parametrize(
    ("program", "command", "hunt_name"),
    [
        ("reg.exe", "reg  save HKLM\\SAM C:\\x\\sam", "registry-hive-saved"),
        ("rundll32.exe", "rundll32 C:\\windows\\System32\\comsvcs.dll, MiniDump 692 C:\\x.bin full", "lsass-dumped"),
        ("vssadmin.exe", "vssadmin create shadow /for=C:", "shadow-copy-created"),
        (
            "cmd.exe",
            "cmd /c copy \\\\?\\GLOBALROOT\\Device\\HarddiskVolumeShadowCopy1\\Windows\\NTDS\\ntds.dit x",
            "shadow-copy-read",
        ),
        ("wevtutil.exe", "wevtutil qe security /rd:true /f:text /q:*[System[(EventID=4624)]]", "logons-listed"),
        ("ldifde.exe", "ldifde -f C:\\x.txt -p subtree", "directory-exported"),
        ("dnscmd.exe", "dnscmd . /enumzones", "dns-zones-listed"),
        ("netsh.exe", "netsh  interface portproxy show all", "portproxy-listed-or-removed"),
        ("wbem\\wmic.exe", "wmic /node:10.0.0.9 process call create cmd.exe", "wmic-remote-start"),
        ("net.exe", 'net  group "Domain Admins" /dom', "administrators-listed"),
        ("cmd.exe", "cmd.exe /c ew.exe -s rcsocks -l 1080 -e 8888", "tunnel-tool"),
        ("BrightmetricAgent.exe", "BrightmetricAgent", "volt-typhoon-file-name"),
    ],
)
def test_the_second_set_finds_its_techniques(tmp_path: Path, program: str, command: str, hunt_name: str) -> None:
    assert [hit.hunt for hit in look(tmp_path, [start(program, 1, command)], LOTL)] == [hunt_name]


@pytest.mark.parametrize(
    ("program", "command"),
    [
        ("reg.exe", "reg export HKLM\\SYSTEM\\CurrentControlSet\\Services\\x y.reg"),
        ("wbem\\wmic.exe", "wmic process call create C:\\shadow\\x.exe"),
        ("wevtutil.exe", "wevtutil epl Security x.evtx"),
        ("netsh.exe", "netsh trace start"),
        ("net.exe", "net localgroup administrators ana /add"),
    ],
)
def test_ordinary_administration_is_left_out(tmp_path: Path, program: str, command: str) -> None:
    assert look(tmp_path, [start(program, 1, command)], LOTL) == []


def test_dcomexec_is_told_under_its_own_name(tmp_path: Path) -> None:
    command = "cmd.exe /Q /c cd 1> \\\\127.0.0.1\\ADMIN$\\__169 2>&1"
    rules = load(["volt", "lotl"])
    assert [hit.hunt for hit in look(tmp_path, [start("cmd.exe", 1, command, parent="mmc.exe")], rules)] == [
        "impacket-dcomexec"
    ]


def test_a_cleared_log_and_a_copied_database_are_told(tmp_path: Path) -> None:
    cleared = Record("Microsoft-Windows-Eventlog", "Security", 1102, {"SubjectUserName": "ana"})
    copied = Record("ESENT", "Application", 325, {"Data": "lsass 1 C:\\Temp\\Active Directory\\ntds.dit"})
    usual = Record("ESENT", "Application", 326, {"Data": "lsass 1 C:\\Windows\\NTDS\\ntds.dit"})
    assert [hit.hunt for hit in look(tmp_path, [cleared, copied, usual], LOTL)] == [
        "log-cleared",
        "ntds-database-touched",
    ]


def test_the_management_agent_is_excused_from_the_second_set_only(tmp_path: Path) -> None:
    agent = "C:\\WindowsAzure\\GuestAgent_2.7\\CollectGuestLogs.exe"
    save = sysmon(1, Image=f"{SYSTEM}reg.exe", CommandLine="reg save HKLM\\SAM x", ParentImage=agent)
    proxy = sysmon(
        1, Image=f"{SYSTEM}netsh.exe", CommandLine="netsh interface portproxy add v4tov4 x", ParentImage=agent
    )
    assert [hit.hunt for hit in look(tmp_path, [save, proxy], load(["volt", "lotl"]))] == ["netsh-portproxy"]


def test_every_hunt_speaks_both_languages() -> None:
    from sohoaudit.knowledge.hunts import words

    rules = load(["volt", "lotl", "chains"])
    hunts = {rule.hunt for rule in rules.rules if not rule.only_in_chains} | {chain.hunt for chain in rules.chains}
    for language in ("en", "ja"):
        told = words(language)
        for name in hunts | {"chain-rare-pair", "ioc-found"}:
            assert told(f"hunts.{name}.title") and told(f"hunts.{name}.meaning") and told.steps(name)


def test_4688_events_make_chains_too(tmp_path: Path) -> None:
    records = [
        security(4688, NewProcessName=f"{SYSTEM}{program}", CommandLine=program, SubjectUserName="ana",
                 time=BEGIN + timedelta(minutes=n))
        for n, program in enumerate(LOOKING)
    ]  # fmt: skip
    assert [hit.hunt for hit in look(tmp_path, records)] == ["chain-discovery-burst"]
