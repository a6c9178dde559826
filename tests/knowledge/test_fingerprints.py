"""Reading fingerprints: every fault with its line, the index kept between runs, questions and the deny list."""

import json
import sys
from unittest import mock

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from sohoaudit.knowledge import fingerprints, patterns
from sohoaudit.knowledge.fingerprint_yaml import FaultyKnowledge, read_questions
from sohoaudit.knowledge.text_yaml import KnowledgeError
from sohoaudit.model import Certainty

GOOD = """
vendor: Example
fingerprints:
  - name: title
    when: { http.title: '^Example (?P<model>\\w+)$' }
    source: made up
    examples: [{ give: { http.title: Example X1 }, expect: { model: X1 } }]
"""


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    mine = tmp_path / "mine"
    mine.mkdir()
    return mine


def told(folder, text: str) -> list[str]:
    (folder / "x.yaml").write_text(text, encoding="utf-8")
    with pytest.raises(FaultyKnowledge) as caught:
        fingerprints.load([folder])
    return str(caught.value).replace(f"{folder}/", "").splitlines()


def test_the_shipped_files_are_sound_and_many():
    counts = fingerprints.load_with_examples().counts()
    assert counts["makers"] >= 60
    assert counts["product lines"] >= 150
    assert counts["fingerprints"] >= 400
    assert counts["examples"] >= counts["fingerprints"]


def test_what_nobody_confirmed_is_never_certain():
    unconfirmed = [one for one in fingerprints.load().all if "unverified" in one.source]
    certain = [one.where for one in unconfirmed if Certainty.CERTAIN in (one.certainty, *one.certainties.values())]
    assert unconfirmed and not certain


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("(?P<model>", "(?P<modle>"), "x.yaml:5: 'modle' is not a field (did you mean 'model'?)"),
        (("http.title: '", "http.titel: '"), "x.yaml:5: 'http.titel' is not a field of an observation (did you mean"),
        (("source:", "sorce:"), "x.yaml:6: 'sorce' is not a field (did you mean 'source'?)"),
        (("    source: made up\n", ""), "x.yaml:4: a fingerprint needs 'source'"),
        (("^Example", "(?=x)Example"), "x.yaml:5: a linear engine has no lookaround"),
        (("^Example", "(a)\\1"), "x.yaml:5: a linear engine has no backreferences"),
        (("^Example", "x{0,400}"), "x.yaml:5: a counted gap above 100"),
        (("^Example", "(unclosed"), "x.yaml:5: the pattern does not compile in re"),
        (("^Example", "(a+)+x"), "x.yaml:5: a repeat of a repeat"),
        (("expect: { model", "expect: { mdel"), "x.yaml:7: 'mdel' is not a field (did you mean 'model'?)"),
        (("    source", "    kindd: x\n    source"), "x.yaml:6: 'kindd' is not a field"),
        (("    source", "    certainty: sure\n    source"), "x.yaml:6: 'sure' is not a certainty"),
        (("    source", "    set: { kind: rooter }\n    source"), "'rooter' is not a kind (did you mean 'router'?)"),
        (("    source", "    then_ask: [/EXCU_SHELL]\n    source"), "x.yaml:6: '/EXCU_SHELL' may never be asked"),
        (("    source", "    then_ask: [jnap-device]\n    source"), "(did you mean 'jnap-device-info'?)"),
        (("    source", "    transform: { model: lookup t }\n    source"), "x.yaml:6: the file has no table 't'"),
        (("    source", "    set: { model: '{x}' }\n    source"), "x.yaml:6: no pattern names a group 'x'"),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_line_and_its_remedy(folder, change, message):
    assert change[0] in GOOD
    assert any(message in line for line in told(folder, GOOD.replace(*change, 1)))


def test_all_faults_of_a_run_are_told_together(folder):
    (folder / "a.yaml").write_text("vendor: [", encoding="utf-8")
    lines = told(folder, GOOD.replace("(?P<model>", "(?P<modle>").replace("source:", "sorce:"))
    assert any(line.startswith("a.yaml:") and "not YAML" in line for line in lines)
    assert sum(line.startswith("x.yaml:") for line in lines) >= 3


def test_a_name_may_not_stand_twice(folder):
    twice = GOOD + GOOD.split("fingerprints:\n")[1]
    assert "x.yaml:8: the name 'title' stands twice: names tell fingerprints apart" in told(folder, twice)


def test_a_maker_may_not_take_anothers_name(folder):
    lines = told(folder, GOOD.replace("vendor: Example", "vendor: Example\nalso_known_as: [NETGEAR]"))
    assert any("'netgear' is both" in line for line in lines)


def test_a_folder_that_is_not_there_is_told(tmp_path):
    with pytest.raises(KnowledgeError, match=r"nowhere.*cannot be read"):
        fingerprints.load([tmp_path / "nowhere"])


def test_scalars_are_text(folder):
    (folder / "x.yaml").write_text(GOOD.replace("Example X1", "7.10").replace("Example (", "(").replace("X1", "no"))
    loaded = fingerprints.load_with_examples([folder])
    mine = next(one for one in loaded.all if one.is_users_own)
    assert mine.examples[0].give == {"http.title": "7.10"}
    assert mine.examples[0].expect == {"model": "no"}


def test_a_second_start_reads_the_index_and_says_the_same(folder):
    (folder / "x.yaml").write_text(GOOD, encoding="utf-8")
    first, second = fingerprints.load([folder]), fingerprints.load([folder])
    assert [one.title for one in first.all] == [one.title for one in second.all]
    assert first.makers == second.makers
    assert first.tables == second.tables
    kept = next((folder.parent / "cache").rglob("*.json"))
    assert json.loads(kept.read_text())


@pytest.mark.parametrize("spoilt", ["", "{", "[]", '{"makers": [[1]], "all": [], "tables": {}}', '{"all": 5}'])
def test_a_spoilt_index_is_made_anew(folder, spoilt):
    (folder / "x.yaml").write_text(GOOD, encoding="utf-8")
    expected = len(fingerprints.load([folder]).all)
    next((folder.parent / "cache").rglob("*.json")).write_text(spoilt)
    assert len(fingerprints.load([folder]).all) == expected


def test_a_cache_that_cannot_be_written_is_done_without(folder, monkeypatch):
    (folder.parent / "cache").write_text("a file where a folder should be")
    (folder / "x.yaml").write_text(GOOD, encoding="utf-8")
    assert fingerprints.load([folder]).all


@pytest.mark.parametrize(
    ("text", "maker"),
    [
        ("TP-LINK Technologies Co., Ltd.", "TP-Link"),
        ("ASUSTeK Computer Inc.", "ASUS"),
        ("D-Link Corporation", "D-Link"),
        ("NETGEAR, Inc.", "NETGEAR"),
        ("Cisco-Linksys, LLC", "Linksys"),
        ("Hewlett-Packard", "HP"),
        ("Linux Foundation", None),
        ("", None),
    ],
)
def test_a_makers_name_is_known_however_it_is_written(text, maker):
    assert fingerprints.load().maker(text) == maker


@pytest.mark.parametrize(
    "path",
    [
        "/setup.cgi?next_file=x",
        "/a?x=currentsetting.htm",
        "/a%3Fx=currentsetting.htm",
        "/currentsetting.htm?x=1",
        "/EXCU%5FSHELL",
        "/cgi-bin/;reboot",
        "/cgi-bin/mainfunction.cgi?action=login",
        "/GponForm/diag_Form?images/",
        "/../etc/passwd",
        "/login.cgi?user=a",
        "/x?password=a",
        "relative",
        "/with blank",
        "/x\r\nHost: y",
        "/" + "a" * 200,
    ],
)
def test_a_harmful_path_is_denied_however_it_is_spelled(path):
    assert fingerprints.why_denied(path)


@pytest.mark.parametrize("path", ["/currentsetting.htm", "/cgi-bin/mainfunction.cgi?action=get_ui_model", "/HNAP1/"])
def test_a_harmless_path_is_not_denied(path):
    assert fingerprints.why_denied(path) is None


def test_what_a_shipped_fingerprint_asks_is_never_denied():
    for one in fingerprints.load().all:
        assert [path for path in one.then_ask if path.startswith("/") and fingerprints.why_denied(path)] == []


def test_a_named_question_tells_how_to_ask_and_why_it_is_harmless():
    asked = fingerprints.question("jnap-device-info")
    assert (asked.method, asked.path, asked.body, asked.answer, asked.format) == (
        "POST",
        "/JNAP/",
        "{}",
        "jnap.",
        "json",
    )
    assert asked.headers["X-JNAP-Action"].endswith("GetDeviceInfo")
    assert asked.why
    assert asked.source
    assert fingerprints.question("axis-basic-device-info").answer == "http.body@/axis-cgi/basicdeviceinfo.cgi"


def test_a_question_to_a_denied_path_is_refused():
    with pytest.raises(FaultyKnowledge, match=r"q\.yaml:4: '/setup\.cgi' may never be asked"):
        read_questions(
            "questions:\n  - name: x\n"
            "    method: GET\n    path: /setup.cgi\n    answer: body\n    why: y\n    source: z\n",
            "q.yaml",
        )


def test_a_warm_start_needs_no_yaml(folder):
    import subprocess

    script = (
        "import sys; from sohoaudit.knowledge.fingerprints import load; load(); load();"
        "print('yaml' in sys.modules, 're2' in sys.modules)"
    )
    run = [sys.executable, "-c", script]
    subprocess.run(run, check=True, capture_output=True)
    assert subprocess.run(run, check=True, capture_output=True, text=True).stdout.strip() == "False False"


PATTERNS = st.text(alphabet="abK1.(|)*+?[]\\\\d^$-", max_size=12)


@given(PATTERNS, st.text(alphabet="abkK1. -\n", max_size=30))
@settings(max_examples=400, deadline=None)
def test_a_pattern_the_lint_lets_through_means_the_same_in_both_engines(pattern, text):
    assume(not any(True for _ in patterns.lint(pattern)))
    linear, plain = patterns.LinearEngine(), patterns.PlainEngine()
    ours, theirs = (engine.compile(pattern).find(engine.prepare(text)) for engine in (linear, plain))
    assert (ours is None) == (theirs is None)


@given(PATTERNS, st.text(alphabet="abkK1. -\n", max_size=30))
@settings(max_examples=400, deadline=None)
def test_a_pattern_reads_the_same_in_a_line_and_in_a_page(pattern, text):
    assume(not any(True for _ in patterns.lint(pattern)))
    engine = patterns.LinearEngine()
    compiled, prepared = engine.compile(pattern), engine.prepare(text)
    of_line = compiled.find(prepared)
    with mock.patch.object(patterns, "_LINE_LIMIT", -1):
        assert compiled.find(prepared) == of_line


def test_every_shipped_pattern_reads_the_same_in_a_line_and_in_a_page():
    known = fingerprints.load_with_examples()
    engine = patterns.LinearEngine()
    texts = {text for one in known.all for example in one.examples for text in example.give.values()}
    prepared = {text: engine.prepare(text) for text in texts if len(text) < 180}
    needs = {pattern: patterns.needed(pattern) for one in known.all for c in one.when for pattern in c.patterns}
    for pattern, needed in needs.items():
        compiled, in_page = engine.compile(pattern), engine.compile(pattern)
        fitting = [text for text in prepared if any(literal in text.lower() for literal in needed)]
        of_line = [compiled.find(prepared[text]) for text in fitting]
        with mock.patch.object(patterns, "_LINE_LIMIT", -1):
            assert [in_page.find(prepared[text]) for text in fitting] == of_line, pattern


@given(st.lists(st.text("ab1é", min_size=1, max_size=4), max_size=8, unique=True), st.text("ab1é \n", max_size=40))
@settings(deadline=None)
def test_a_set_of_literals_finds_the_same_in_a_line_in_a_page_and_without_a_library(literals, text):
    sets = [engine.literals(literals) for engine in (patterns.LinearEngine(), patterns.PlainEngine())]
    found = [set(one.matching(text)) for one in sets]
    with mock.patch.multiple(patterns, _LINE_LIMIT=-1, _LARGE_PAGE_CHARS=-1):
        found.append(set(sets[0].matching(text)))
    assert found[0] == found[1] == found[2] == {n for n, literal in enumerate(literals) if literal in text}


@given(PATTERNS, st.text(alphabet="abkK1. -\n", max_size=30))
@settings(max_examples=400, deadline=None)
def test_a_match_holds_one_of_the_literals_its_pattern_needs(pattern, text):
    assume(not any(True for _ in patterns.lint(pattern)))
    engine = patterns.LinearEngine()
    needed = patterns.needed(pattern)
    if engine.compile(pattern).find(engine.prepare(text)) and needed:
        assert any(literal in text.lower() for literal in needed)


@pytest.mark.parametrize(
    ("pattern", "literals"),
    [
        ("^NETGEAR (?P<model>R\\d+)", ("netgear ",)),
        ("D(?:IR|AP)-\\d+", ("dap-", "dir-")),
        ("(?i)realm=(?:Foo|Bar)", ("realm=bar", "realm=foo")),
        ("F[5-7]D\\w", ("f5d", "f6d", "f7d")),
        ("(?i)\\bCH\\d{2,4}[EV]", tuple(f"ch{number}" for number in range(10))),
        ("\\d+", ()),
        ("a|bcd", ()),
    ],
)
def test_what_a_pattern_needs(pattern, literals):
    assert patterns.needed(pattern) == literals
