"""`sohoaudit fingerprints`: list, validate, test, explain, new."""

import json

import pytest
from typer.testing import CliRunner

from sohoaudit.cli.fingerprints import app

FILE = """
vendor: Example
fingerprints:
  - name: title
    when: { http.title: '^Example (?P<model>\\w+)$' }
    source: made up
    examples: [{ give: { http.title: Example X1 }, expect: { model: X1 } }]
"""


def run(*arguments: str, given: str = ""):
    return CliRunner().invoke(app, list(arguments), input=given)


@pytest.fixture
def own(tmp_path):
    def write(text: str) -> str:
        (tmp_path / "x.yaml").write_text(text, encoding="utf-8")
        return str(tmp_path)

    return write


@pytest.fixture
def answers(tmp_path):
    path = tmp_path / "answers.jsonl"
    path.write_text(json.dumps({"id": 1, "observations": [{"field": "http.title", "value": "Example X1 (beta)"}]}))
    return str(path)


def test_the_list_names_each_fingerprint_and_where_it_stands(own):
    assert "Example: title  [http.title]" in run("list", "--fingerprints", own(FILE)).stdout


def test_the_summary_counts():
    shown = run("list", "--summary").stdout
    assert all(word in shown for word in ("makers", "product lines", "fingerprints", "examples"))


def test_sound_files_are_told_to_be_sound(own):
    result = run("validate", "--fingerprints", own(FILE))
    assert result.exit_code == 0
    assert "are sound" in result.stdout


def test_the_faults_of_every_kind_of_knowledge_are_told_in_one_run(own, monkeypatch):
    from sohoaudit.knowledge import KnowledgeError, lifecycle, parts

    monkeypatch.setattr(lifecycle, "validate", lambda: [KnowledgeError("fingerprints/lifecycle/x.yaml", 3, "wrong")])
    monkeypatch.setattr(parts, "validate", lambda: [KnowledgeError("fingerprints/parts.yaml", 4, "wrong too")])
    result = run("validate", "--fingerprints", own(FILE.replace("source", "sauce")))
    assert result.exit_code == 2
    for told in ("x.yaml:6: 'sauce'", "lifecycle/x.yaml:3: wrong", "parts.yaml:4: wrong too"):
        assert told in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            ("vendor: Example", "vendor: Example\nversions: doted"),
            "x.yaml:3: 'doted' is not a scheme that orders versions (did you mean",
        ),
        (("vendor: Example", "vendor: ASUS\nversions: fritz"), "x.yaml:3: fingerprints/makers.yaml orders ASUS by"),
        (
            ("expect: { model: X1 }", "expect: { model: X1, vendor: NETGEAR, firmware: Q }"),
            "cannot read the version 'Q'",
        ),
    ],
)
def test_a_version_that_could_not_be_ordered_is_a_fault(own, change, message):
    result = run("validate", "--fingerprints", own(FILE.replace(*change)))
    assert result.exit_code == 2 and message in result.stderr


def test_the_summary_counts_every_kind_of_knowledge():
    told = {line[8:]: int(line[:6]) for line in run("list", "--summary").stdout.splitlines()}
    assert told["makers"] >= 60 and told["product lines"] >= 150 and told["fingerprints"] >= 400
    exploited = [count for name, count in told.items() if "exploited" in name]
    assert len(exploited) == 4 and sum(exploited) == told["advisories"]


def test_every_fault_of_a_file_is_told_with_its_line(own):
    result = run("validate", "--fingerprints", own(FILE.replace("source", "sauce").replace("model>", "fimware>")))
    assert result.exit_code == 2
    assert "x.yaml:5: 'fimware' is not a field (did you mean 'firmware'?)" in result.stderr
    assert "x.yaml:6: 'sauce' is not a field" in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("examples: [{ give: { http.title: Example X1 }, expect: { model: X1 } }]", "examples: []"),
         "x.yaml:7: a fingerprint needs 'examples'"),
        (("  - name: title", "  - just words\n  - name: title"), "x.yaml:4: here a mapping of `key: value` is"),
        (("    source", "    partial: maybe\n    source"), "x.yaml:6: 'maybe' is not a value of `partial`: use true"),
        (("    source", "    certainty: sure\n    source"), "x.yaml:6: 'sure' is not a certainty: use hint, likely or"),
        (("fingerprints:", "fingerprints: none\nlines:"), "x.yaml:3: 'fingerprints' must be a list: begin each of"),
        (("give: { http.title", "give: { http.titel"), "x.yaml:7: 'http.titel' is not a field of an observation (did"),
    ],
    ids=["no example", "no mapping", "partial", "certainty", "no list", "no field"],
)  # fmt: skip
def test_a_fault_says_its_line_and_what_to_write(own, change, message):
    result = run("validate", "--fingerprints", own(FILE.replace(*change)))
    assert result.exit_code == 2 and message in result.stderr


def test_a_file_that_is_no_text_is_told_by_name_and_the_others_are_checked(own, tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"vendor: Example\n# \xff\n")
    result = run("validate", "--fingerprints", own(FILE.replace("source", "sauce")))
    assert result.exit_code == 2
    assert "a.yaml:2: it is not UTF-8 text: save it as UTF-8" in result.stderr
    assert "x.yaml:6: 'sauce' is not a field" in result.stderr


@pytest.mark.parametrize(
    ("folder", "message"),
    [("nowhere", "nowhere:1: cannot be read: no such file"), ("", "the folder holds no .yaml file: add one")],
)
def test_a_folder_without_fingerprints_is_told(tmp_path, folder, message):
    result = run("validate", "--fingerprints", str(tmp_path / folder))
    assert result.exit_code == 2 and message in result.stderr


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (("Example X1 }", "Other X1 }"), "x.yaml:7: 'title' does not match its own example"),
        (("model: X1", "model: X2"), "x.yaml:7: 'title' gives model 'X1'"),
        (("Example (?P", "NETGEAR (?P"), "does not match its own example"),
        (
            ("    examples", "    counter_examples: [{ give: { http.title: Example Y } }]\n    examples"),
            "x.yaml:7: 'title' matches its counter-example",
        ),
    ],
)
def test_an_example_that_does_not_come_out_is_told(own, change, message):
    result = run("test", "--fingerprints", own(FILE.replace(*change, 1)))
    assert result.exit_code == 2
    assert message in result.stderr


def test_a_pattern_that_takes_anothers_device_is_told(own):
    greedy = FILE.replace("^Example (?P<model>\\w+)$", "(?i)synology|Example").replace(
        ", expect: { model: X1 }", ", expect: {}"
    )
    result = run("test", "--fingerprints", own(greedy.replace("    source", "    certainty: certain\n    source")))
    assert result.exit_code == 2
    assert "expected is 'Synology'" in result.stderr


def test_the_explanation_tells_what_matched_and_what_almost_did(own, answers):
    both = FILE.replace("http.title: '", "http.server: '^tiny', http.title: '").replace(r"\w+)$'", r"\w+)'")
    both = both.replace("give: { ", "give: { http.server: tiny, ")
    result = run("explain", answers, "--fingerprints", own(both))
    assert result.exit_code == 0
    assert "almost" in result.stdout
    assert "http.server has no ^tiny" in result.stdout


def test_the_explanation_tells_of_a_field_that_nothing_reads_and_shows_no_escapes(tmp_path):
    line = {"id": "\x1b[2J\ud800", "observations": [{"field": "http.titel", "value": "x"}]}
    (tmp_path / "a.jsonl").write_text(json.dumps(line))
    result = run("explain", str(tmp_path / "a.jsonl"))
    assert result.exit_code == 0 and "\x1b" not in result.stdout
    assert "unread   'http.titel' is not a field of an observation (did you mean 'http.title'?)" in result.stdout


def test_what_a_new_fingerprint_cannot_read_is_told(answers, tmp_path):
    made = run("new", answers, "--vendor", "Example", "--model", "Z9", "--firmware", "")
    assert made.exit_code == 0 and "'Z9' does not stand in the answer, so no model is read from it" in made.stderr
    (tmp_path / "bad.jsonl").write_text("\n{")
    made = run("new", str(tmp_path / "bad.jsonl"), "--vendor", "Example", "--model", "X1", "--firmware", "")
    assert made.exit_code == 2 and "bad.jsonl:2: this is not JSON" in made.stderr


def test_a_new_fingerprint_matches_what_it_was_made_from(own, answers, tmp_path):
    made = run("new", answers, "--vendor", "Example", "--model", "X1", "--firmware", "")
    assert made.exit_code == 0
    tested = run("test", "--fingerprints", own(made.stdout))
    assert tested.exit_code == 0, tested.stderr


def test_a_new_fingerprint_can_be_asked_for(own):
    given = "Example\nX-1\n2.0\nhttp.title\nExample X-1 (v2.0)\n"
    made = run("new", given=given)
    assert made.exit_code == 0
    text = made.stdout[made.stdout.index("vendor:") :]
    tested = run("test", "--fingerprints", own(text))
    assert tested.exit_code == 0, tested.stderr
