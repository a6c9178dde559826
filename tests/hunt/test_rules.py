"""Sigma's modifiers mean here what they mean in its specification, and folding takes out only what means nothing."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sigma.collection import SigmaCollection

from sohoaudit.hunt.event import Event, fold, fold_literal, moment
from sohoaudit.hunt.matcher import RuleError
from sohoaudit.hunt.rules import Index, compiled


def rule(detection: str, category: str = "process_creation"):
    text = f"title: t\nname: t\nlogsource: {{product: windows, category: {category}}}\ndetection:\n{detection}\n"
    return compiled(SigmaCollection.from_yaml(text).rules[0], "here", "own")  # type: ignore[arg-type]


def holds(detection: str, **fields: object) -> bool:
    event = Event("process_creation", dict(fields))
    asked = rule(detection)
    found = bool(Index([asked]).hits(event))
    assert found == asked.test(event) or asked.images or asked.hashes, "the index must not change the answer"
    return found


ONE = "  a: {{{0}}}\n  condition: a"


@pytest.mark.parametrize(
    ("item", "yes", "no"),
    [
        ("X: abc", "ABC", "abcd"),
        ("X|contains: b", "aBc", "ac"),
        ("X|startswith: ab", "ABc", "cab"),
        ("X|endswith: bc", "aBC", "bca"),
        ("X: 'a*c'", "abbc", "abcd"),
        ("X: 'a?c'", "abc", "abbc"),
        ("X|contains: 'b*d'", "abcde", "adcb"),
        ("X|contains|all: [a, b]", "b a", "a"),
        ("X|contains: [a, b]", "xb", "xc"),
        ("X|re: 'a+b'", "caab", "cb"),
        ("X|re|i: 'A+B'", "caab", "cb"),
        ("X|cidr: '10.0.0.0/8'", "10.1.2.3", "11.1.2.3"),
        ("X|gt: 5", "6", "5"),
        ("X|lte: 5", "5", "x"),
        ("X|cased: Abc", "Abc", "abc"),
        ("X|contains|cased: B", "aBc", "abc"),
        ("X|windash|contains: ' -p'", "a /p", "a p"),
        ("X|exists: true", "1", ""),
        ("X: null", "", "1"),
        ("X: ''", "", "1"),
        ("X: 5", "5", "6"),
        (r"X: 'a\*c'", "a*c", "abc"),
        (r"X: 'C:\\x'", r"C:\x", r"C:\\y"),
        (r"X: '\\\\h\s'", r"\\h\s", r"\h\s"),
        ("X|fieldref: Y", "yy", "zz"),
    ],
)
def test_a_modifier_means_what_sigma_says(item: str, yes: str, no: str) -> None:
    assert holds(ONE.format(item), X=yes, Y="yy")
    assert not holds(ONE.format(item), X=no, Y="yy")


@pytest.mark.parametrize(
    ("condition", "expected"),
    [("a and b", False), ("a or b", True), ("a and not b", True), ("1 of *", True), ("all of them", False),
     ("not a", False), ("not (a and b)", True)],
)  # fmt: skip
def test_conditions_combine(condition: str, expected: bool) -> None:
    assert holds(f"  a: {{X: 1}}\n  b: {{X: 2}}\n  condition: {condition}", X="1") is expected


def test_keywords_look_at_every_field() -> None:
    detection = "  a: ['evil*word', other]\n  condition: a"
    assert holds(detection, Y="an evil big WORD")
    assert not holds(detection, Y="word evil")


def test_what_windows_keeps_beside_the_data_can_be_asked() -> None:
    asked = rule("  a: {Provider_Name: ESENT, Channel: Application, Computer|startswith: ws}\n  condition: a")
    assert asked.test(Event("process_creation", {}, host="WS1", channel="Application", provider="ESENT"))
    assert not asked.test(Event("process_creation", {}, host="WS1", channel="System", provider="ESENT"))


def test_a_missing_field_is_no_match_and_its_negation_is() -> None:
    assert not holds(ONE.format("X|contains: a"))
    assert holds("  a: {X|contains: a}\n  condition: not a")


@pytest.mark.parametrize(
    ("detection", "category", "message"),
    [
        ("  a: {X|sounds_like: b}\n  condition: a", "process_creation", "sounds_like"),
        (r"  a: {X|re: '(?=a)b'}" + "\n  condition: a", "process_creation", "linear engine"),
        ("  a: {X: b}\n  condition: a", "proxy", "log source"),
    ],
)
def test_what_cannot_be_evaluated_is_named(detection: str, category: str, message: str) -> None:
    with pytest.raises(Exception, match=message) as raised:
        rule(detection, category)
    assert "sounds_like" in message or isinstance(raised.value, RuleError)


def test_a_renamed_program_is_found_by_the_name_it_was_built_with() -> None:
    detection = "  a:\n    - Image|endswith: '\\netsh.exe'\n    - OriginalFileName: netsh.exe\n  condition: a"
    assert holds(detection, Image="C:\\x\\renamed.exe", OriginalFileName="Netsh.exe")
    assert holds(detection, Image="netsh.exe")
    assert not holds(detection, Image="C:\\x\\other.exe", OriginalFileName="other.exe")


@pytest.mark.parametrize(
    ("name", "raw", "folded"),
    [
        ("CommandLine", 'netsh  "interface"\tportproxy ', "netsh interface portproxy"),
        ("CommandLine", "“ac i ntds”", "ac i ntds"),
        ("CommandLine", "n^et", "net"),
        ("CommandLine", "\\\\\\\\h\\\\s", "\\h\\s"),
        ("CommandLine", "¥¥127.0.0.1¥ADMIN$", "\\127.0.0.1\\admin$"),
        (
            "TargetObject",
            "HKEY_LOCAL_MACHINE\\SYSTEM\\ControlSet002\\Services\\X",
            "hklm\\system\\currentcontrolset\\services\\x",
        ),
        ("TargetObject", "\\REGISTRY\\MACHINE\\SYSTEM\\CurrentControlSet\\X", "hklm\\system\\currentcontrolset\\x"),
        ("TargetObject", "HKLM\\SYSTEM\\ControlSetting\\X", "hklm\\system\\controlsetting\\x"),
        ("Image", "CMD.EXE", "\\cmd.exe"),
        ("Image", '"C:\\Windows\\cmd.exe"', "c:\\windows\\cmd.exe"),
        ("User", 'A"B', 'a"b'),
    ],
)
def test_folding_takes_out_what_means_nothing(name: str, raw: str, folded: str) -> None:
    assert fold(name, raw) == folded


@given(st.text(max_size=60), st.text(max_size=20), st.text(max_size=60))
def test_a_part_of_a_command_line_is_still_a_part_after_folding(before: str, part: str, after: str) -> None:
    folded = fold("CommandLine", f"{before} {part} {after}")
    assert fold_literal("CommandLine", part).strip() in folded or not part.isascii()


@given(st.text(max_size=80))
def test_folding_twice_is_folding_once(text: str) -> None:
    for name in ("CommandLine", "User"):
        once = fold(name, text)
        assert fold(name, once) == once


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2026-11-02T09:30:00Z", "2026-11-02T09:30:00+00:00"),
        ("2026-11-02T18:30:00+09:00", "2026-11-02T09:30:00+00:00"),
        ("2026-11-02 09:30:00.1234567", "2026-11-02T09:30:00.123456+00:00"),
        ("1793611800000", "2026-11-02T09:30:00+00:00"),
        ("1793611800", "2026-11-02T09:30:00+00:00"),
        ("Nov 2nd 2026 09:30:00", "2026-11-02T09:30:00+00:00"),
        ("2026-11-02 09:30:00 UTC", "2026-11-02T09:30:00+00:00"),
        ("Nov 2, 2026 @ 09:30:00.000", "2026-11-02T09:30:00+00:00"),
        ("/Date(1793611800000)/", "2026-11-02T09:30:00+00:00"),
        ("11/2/2026 9:30:00 AM", "2026-11-02T09:30:00+00:00"),
        ("yesterday", None),
        ("", None),
    ],
)
def test_a_time_is_read_as_logs_write_it(text: str, expected: str | None) -> None:
    read = moment(text)
    assert (read.isoformat() if read else None) == expected
