"""Whatever stands in a file, what can be read is read and the rest is counted; nothing raises."""

import gzip
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sohoaudit.hunt import sources
from sohoaudit.hunt.rules import load
from sohoaudit.hunt.run import Coverage, Hit, Request, hunt

from .evtx_writer import security, sysmon, write
from .shapes import as_flat
from .test_hunts import CMD, MUST, NETSH, WMI, WMIEXEC

RULES = load(["volt"])
ADD = "netsh interface portproxy add v4tov4 listenport=1"


def look(*paths: Path) -> tuple[list[Hit], Coverage]:
    coverage = Coverage()
    return list(hunt(Request(paths, RULES), coverage)), coverage


def starts(count: int, **fields: object) -> list:
    return [
        sysmon(1, Image=NETSH, CommandLine=f"{ADD} connectport={n}", ParentImage=CMD, **fields) for n in range(count)
    ]


def test_a_damaged_chunk_costs_its_own_records_only(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", starts(600))
    data = bytearray(path.read_bytes())
    assert len(data) > 4_096 + 3 * 65_536
    data[4_096 + 65_536 : 4_096 + 65_536 + 200] = b"\xff" * 200
    path.write_bytes(data)
    hits, coverage = look(path)
    assert 200 < len(hits) < 600
    assert coverage.logs[0].unread == 1 and coverage.is_incomplete
    assert "damaged" in coverage.logs[0].faults[0]


def test_a_file_cut_short_is_read_up_to_the_cut(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", starts(600))
    path.write_bytes(path.read_bytes()[: 4_096 + 65_536 + 30_000])
    hits, coverage = look(path)
    assert hits
    assert coverage.is_incomplete


@pytest.mark.parametrize("content", [b"ElfFile\0", b"ElfFile\0" + b"\xff" * 5_000], ids=["head only", "nonsense"])
def test_an_evtx_file_of_nonsense_is_counted(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "a.evtx"
    path.write_bytes(content)
    hits, coverage = look(path)
    assert hits == [] and coverage.is_incomplete


def test_bad_lines_among_good_ones_are_counted_and_the_rest_is_read(tmp_path: Path) -> None:
    good = json.dumps(as_flat(MUST["wmiexec"][0]))
    path = tmp_path / "a.jsonl"
    path.write_bytes(b"\n".join([b"{broken", good.encode(), b"", b"[1]", b'"x"', b'{"a": "\xff\xfe"}', good.encode()]))
    hits, coverage = look(path)
    assert [hit.record for hit in hits] == [2, 7]
    assert coverage.logs[0].unread == 3


@pytest.mark.parametrize(
    ("encoding", "mark"),
    [("utf-8", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"), ("utf-16-le", b""),
     ("utf-8", b"\xff\xfe"), ("utf-16-le", b"\xef\xbb\xbf")],
    ids=["UTF-8 BOM", "UTF-16 LE", "UTF-16 BE", "UTF-16 without BOM", "wrong UTF-16 BOM", "wrong UTF-8 BOM"],
)  # fmt: skip
@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_any_encoding_and_a_wrong_byte_order_mark_are_read(
    tmp_path: Path, encoding: str, mark: bytes, kind: str
) -> None:
    raw = as_flat(MUST["wmiexec"][0]) or {}
    raw.pop("Message")
    if kind == "jsonl":
        text = json.dumps(raw) + "\n" + json.dumps(raw) + "\n"
    else:
        text = ",".join(raw) + "\n" + ",".join(f'"{value}"' for value in raw.values()) + "\n"
    path = tmp_path / f"a.{kind}"
    path.write_bytes(mark + text.encode(encoding))
    hits, _ = look(path)
    assert {hit.hunt for hit in hits} == {"impacket-wmiexec"}


def test_a_zip_bomb_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "a.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("bomb.json", b" " * 60_000_000)
        archive.writestr("good.jsonl", json.dumps(as_flat(MUST["wmiexec"][0])))
    hits, coverage = look(path)
    assert len(hits) == 1
    assert "zip bomb" in coverage.logs[0].faults[0] and coverage.is_incomplete


def test_a_gzip_in_a_gzip_in_a_gzip_ends(tmp_path: Path) -> None:
    data = json.dumps(as_flat(MUST["wmiexec"][0])).encode()
    for _ in range(5):
        data = gzip.compress(data)
    path = tmp_path / "a.gz"
    path.write_bytes(data)
    hits, coverage = look(path)
    assert hits == [] and "unpack it first" in coverage.logs[0].faults[0]


def test_a_damaged_gzip_is_read_up_to_the_damage(tmp_path: Path) -> None:
    lines = "\n".join(json.dumps({**(as_flat(MUST["wmiexec"][0]) or {}), "n": n * 7919 % 10_007}) for n in range(3_000))
    path = tmp_path / "a.gz"
    data = gzip.compress(lines.encode())
    path.write_bytes(data[: len(data) // 2])
    hits, coverage = look(path)
    assert len(hits) > 500
    assert "damaged" in coverage.logs[0].faults[0]


def test_a_folder_is_searched_without_following_links(tmp_path: Path) -> None:
    logs, outside = tmp_path / "logs", tmp_path / "outside"
    (logs / "deep").mkdir(parents=True)
    outside.mkdir()
    write(logs / "deep" / "a.evtx", starts(1))
    write(outside / "b.evtx", starts(1))
    (logs / "link").symlink_to(outside)
    (logs / "c.evtx").symlink_to(outside / "b.evtx")
    (logs / "notes.txt").write_text("call the provider back")
    (logs / "prices.csv").write_text("item,price\nrouter,90\n")
    (logs / "update.log").write_text("[2026-11-02] done\n[2026-11-03] done\n")
    hits, coverage = look(logs)
    assert len(hits) == 1
    assert not coverage.is_incomplete
    assert [Path(log.name).name for log in coverage.logs if log.passed_over] == [
        "notes.txt", "prices.csv", "update.log",
    ]  # fmt: skip


def test_terminal_escapes_never_come_out(tmp_path: Path) -> None:
    path = write(
        tmp_path / "a.evtx", [sysmon(1, Image=NETSH, CommandLine=f"{ADD} \x1b]0;owned\x07\u202e", computer="\x1b[2J")]
    )
    hits, _ = look(path)
    shown = json.dumps([dict(hits[0].evidence), hits[0].host], ensure_ascii=False)
    assert "\x1b" not in shown and "\u202e" not in shown and "\\x1b" in hits[0].host


def test_logs_without_command_lines_are_never_called_clean(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", [security(4688, NewProcessName=NETSH, ProcessId="0x1") for _ in range(3)])
    hits, coverage = look(path)
    blind = {gap.hunt: gap.reason for gap in coverage.blind}
    assert hits == [] and coverage.is_incomplete
    assert blind["netsh-portproxy"] == "none-command"
    assert blind["ioc-executed"] == "none-hash"
    assert blind["portproxy-registry"] == "no-registry_event"


def test_a_parent_is_found_by_its_guid_or_number_in_the_same_logs(tmp_path: Path) -> None:
    by_guid = write(tmp_path / "a.evtx", [
        sysmon(1, Image=WMI, CommandLine="wmiprvse", ProcessGuid="{1}", ParentImage="x", ParentProcessGuid="{0}"),
        sysmon(1, Image=CMD, CommandLine=WMIEXEC, ProcessGuid="{2}", ParentProcessGuid="{1}"),
    ])  # fmt: skip
    by_number = write(tmp_path / "b.evtx", [
        security(4688, NewProcessName=WMI, NewProcessId="0x10", ProcessId="0x4", CommandLine="wmiprvse"),
        security(4688, NewProcessName=CMD, NewProcessId="0x20", ProcessId="0x10", CommandLine=WMIEXEC),
    ])  # fmt: skip
    for path in (by_guid, by_number):
        hits, _ = look(path)
        assert [(hit.hunt, hit.grade, hit.reason) for hit in hits] == [("impacket-wmiexec", "exact", "parent-joined")]


def test_a_number_used_again_does_not_hide_a_hit(tmp_path: Path) -> None:
    path = write(tmp_path / "b.evtx", [
        security(4688, NewProcessName=NETSH, NewProcessId="0x10", ProcessId="0x4", CommandLine="netsh"),
        security(4688, NewProcessName=CMD, NewProcessId="0x20", ProcessId="0x10", CommandLine=WMIEXEC),
    ])  # fmt: skip
    hits, _ = look(path)
    assert [(hit.grade, hit.reason) for hit in hits] == [("behaviour", "parent-unknown")]


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    head=st.sampled_from(
        [b"", b"ElfFile\0", b"{", b"[{", b"PK\x03\x04", b"\x1f\x8b", b"EventID,CommandLine,Image\n", b"\xff\xfe"]
    ),
    rest=st.binary(max_size=3_000),
)
def test_any_bytes_at_all_are_read_or_counted(tmp_path: Path, head: bytes, rest: bytes) -> None:
    path = tmp_path / "any"
    path.write_bytes(head + rest)
    hits, coverage = look(path)
    assert len(coverage.logs) >= 1 or head.startswith(b"PK")
    assert all(isinstance(hit, Hit) for hit in hits)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=12), lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(st.sampled_from(["Event", "System", "EventData", "winlog", "event_data", "process", "event_type",
                                       "EventID", "Image", "CommandLine", "action_file_sha256", "Data", "#text"]),
                      inner, max_size=4), max_leaves=8)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(json_values, max_size=6))
def test_any_json_at_all_is_read_or_counted(tmp_path: Path, values: list[object]) -> None:
    path = tmp_path / "any.jsonl"
    path.write_text("\n".join(json.dumps({"Event": value, "x": value}) for value in values) + "\n")
    _, coverage = look(path)
    assert coverage.records <= len(values) + 1


def test_a_path_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(sources.LogError, match="there is no such file"):
        look(tmp_path / "nothing.evtx")


def test_logs_in_which_no_hunt_can_look_are_never_called_clean(tmp_path: Path) -> None:
    path = write(tmp_path / "a.evtx", [security(4624, TargetUserName="ana")])
    _, coverage = look(path)
    assert len(coverage.blind) == 8 and coverage.is_incomplete


def test_a_table_of_powershell_is_read_under_its_type_line(tmp_path: Path) -> None:
    path = tmp_path / "a.csv"
    path.write_text(f'#TYPE Selected.System\n"Id","Image","CommandLine"\n"1","{NETSH}","{ADD}"\n')
    hits, coverage = look(path)
    assert [hit.hunt for hit in hits] == ["netsh-portproxy"] and not coverage.is_incomplete
