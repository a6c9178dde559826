"""The words of every rule: complete, in step between languages, and said without jargon."""

import itertools
import re

import pytest
import typer
from typer.testing import CliRunner

from sohoaudit.assess import rules
from sohoaudit.assess.exposure import MANAGES
from sohoaudit.assess.priority import Fact, Reach
from sohoaudit.cli.explain import explain
from sohoaudit.knowledge import guidance, shipped, text_yaml
from sohoaudit.knowledge.text_yaml import KnowledgeError
from sohoaudit.model import Finding, Priority

LANGUAGES = ("en", "ja")
FAMILIES = ("exposure", "compromise")
FILES = [pytest.param(language, name, id=f"{language} {name}") for language in LANGUAGES
         for name in guidance.documented(language)]  # fmt: skip
NAMES = sorted({name for rule in rules() for name in rule.names})
# What a rule's facts become in its texts.
BECOMES = {"protocol": "door"}
# Chosen by every rule's texts, or given by every rule.
GIVEN = {"reach", "certainty"}
FACTS = {
    "kind": "router", "vendor": "ASUS", "model": "RT-AC68U", "name": "ASUS RT-AC68U", "address": "203.0.113.7",
    "port": "443", "endpoint": "203.0.113.7:443",
}  # fmt: skip


def texts(language: str, name: str):
    file = shipped("reports") / language / "rules" / f"{name}.yaml"
    return text_yaml.load(file.read_text(encoding="utf-8"), name).root


def choices(value):
    """The choices made anywhere in a text, by name."""
    if isinstance(value, list):
        for item in value:
            yield from choices(item)
    elif isinstance(value, dict):
        yield from (name for name, branches in guidance.CHOICES.items() if any(b in value for b in branches))
        for item in value.values():
            yield from choices(item)


def facts_of(name: str) -> set[str]:
    family = name.partition(".")[0]
    asked = [rule for rule in rules() if name in rule.names or f"{family}.*" in rule.names or name == family]
    return {BECOMES.get(fact, fact) for rule in asked for fact in rule.facts}


def shape(value):
    """A text's choices and placeholders without its words."""
    if isinstance(value, text_yaml.Text):
        return sorted(guidance.placeholders(value))
    if isinstance(value, list):
        return [shape(item) for item in value]
    return {key: shape(item) for key, item in value.items()}


def test_the_languages_are_english_and_japanese():
    assert guidance.languages() == LANGUAGES


def test_both_languages_know_the_same_rules():
    assert guidance.documented("en") == guidance.documented("ja")


@pytest.mark.parametrize("name", NAMES)
def test_every_rule_has_a_text(name):
    wanted = name.removesuffix(".*")
    assert wanted in guidance.documented("en")


@pytest.mark.parametrize("name", guidance.documented("en"))
def test_every_text_has_a_rule(name):
    families = {rule.removesuffix(".*") for rule in NAMES if rule.endswith(".*")}
    assert name in NAMES or name in FAMILIES or name.partition(".")[0] in families


@pytest.mark.parametrize(("language", "name"), FILES)
def test_a_text_has_known_parts_only_and_a_whole_family_has_them_all(language, name):
    parts = set(texts(language, name)) - set(guidance.OPTIONAL)
    assert parts <= set(guidance.PARTS)
    if name.partition(".")[0] not in FAMILIES or name in FAMILIES:
        assert parts == set(guidance.PARTS)


@pytest.mark.parametrize(("language", "name"), FILES)
def test_a_text_names_only_facts_its_rule_gives(language, name):
    body = {part: value for part, value in texts(language, name).items() if part != "meaning"}
    named = {found for value in body.values() for found in guidance.placeholders(value)}
    assert named <= guidance.COMMON | facts_of(name)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("rule", rules(), ids=lambda rule: rule.names[0])
def test_no_fact_is_given_that_no_text_uses(language, rule):
    names = [n for n in guidance.documented(language) if n in rule.names or f"{n}.*" in rule.names]
    bodies = [value for name in names for value in texts(language, name).values()]
    used = {found for value in bodies for found in (*guidance.placeholders(value), *choices(value))}
    assert {BECOMES.get(fact, fact) for fact in rule.facts} <= used


@pytest.mark.parametrize("name", guidance.documented("en"))
def test_both_languages_make_the_same_choices_and_name_the_same_facts(name):
    for part, value in texts("en", name).items():
        assert shape(value) == shape(texts("ja", name)[part]), part


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("reach", Reach)
@pytest.mark.parametrize("fact", Fact)
def test_every_cell_of_the_table_has_its_sentence(language, reach, fact):
    assert guidance.reason(reach.value, fact.value, language).endswith((".", "。"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_word_of_the_table_and_every_door_has_a_label(language):
    for table, keys in (("reaches", Reach), ("facts", Fact), ("priorities", Priority), ("doors", MANAGES)):
        labels = {key: guidance.label(table, str(key), language) for key in keys}
        assert all(label != key or (language, table) == ("en", "priorities") for key, label in labels.items()), labels


def test_both_languages_have_the_same_terms():
    english, japanese = texts("en", "_terms"), texts("ja", "_terms")
    assert {key: shape(value) for key, value in english.items()} == {key: shape(v) for key, v in japanese.items()}


def rendered(name: str, language: str, **more: str):
    facts = FACTS | dict.fromkeys(facts_of(name), "7") | {"protocol": name.partition(".")[2] or "ssh"} | more
    facts["door"] = facts["protocol"]
    return guidance.render(name, language, facts)


def variants(name: str):
    """Every combination of what a rule's texts choose by."""
    bodies = [*texts("en", name).values(), *texts("en", name.partition(".")[0]).values()] if name.partition(".")[
        0] in FAMILIES else list(texts("en", name).values())  # fmt: skip
    chosen = sorted({found for value in bodies for found in choices(value)})
    return [dict(zip(chosen, row, strict=True)) for row in itertools.product(*(guidance.CHOICES[c] for c in chosen))]


# Reaches that a rule never reports, so that its title says nothing for them.
NEVER = {"exposure.sip": {"inside"}}
UNSURE = {"firmware.outdated", "firmware.known-exploited", "firmware.vulnerable", "firmware.end-of-life"}


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", guidance.documented("en"))
def test_every_variant_of_every_rule_is_a_whole_text(language, name):
    for facts in variants(name):
        if facts.get("reach") in NEVER.get(name, ()):
            continue
        words = rendered(name, language, **facts)
        for text in (words.title, words.summary, words.verify, *words.remedy):
            assert text and "{" not in text and "  " not in text, facts
            assert not text[0].islower(), text
        assert words.remedy and not words.title.endswith((".", "。"))
        assert ("!" not in words.title + words.summary and words.references) or name == "decoy"


BANNED = re.compile(r"exposed|critical|hacker|vulnerabilit(?:y|ies) detected|administrative interface", re.IGNORECASE)


@pytest.mark.parametrize("name", guidance.documented("en"))
def test_a_title_says_who_can_do_what_and_not_a_category(name):
    for facts in variants(name):
        if facts.get("reach") not in NEVER.get(name, ()):
            assert not BANNED.search(rendered(name, "en", **facts).title)


def test_a_japanese_text_is_japanese_throughout():
    for name in guidance.documented("ja"):
        for facts in variants(name):
            if facts.get("reach") not in NEVER.get(name, ()):
                words = rendered(name, "ja", **facts)
                for text in (words.title, words.summary, words.verify, *words.remedy):
                    assert re.search(r"[ぁ-ん]", text), text


def test_a_sentence_that_names_what_nobody_knows_is_left_out():
    known = FACTS | {"ended": "model", "certainty": "is", "reach": "inside"}
    with_day = guidance.render("firmware.end-of-life", "en", known | {"since": "2021-03-31"})
    assert "2021-03-31" in with_day.summary
    assert "End of support" not in guidance.render("firmware.end-of-life", "en", known).summary


def test_a_title_that_cannot_be_said_is_an_error_and_not_an_empty_line():
    with pytest.raises(KnowledgeError, match="no title"):
        guidance.render("exposure.ssh", "en", FACTS)


def test_device_text_with_braces_is_printed_and_never_filled():
    words = guidance.render("auth.none", "en", FACTS | {"reach": "inside", "words": "{address} {0} {x!r}"})
    assert "{address} {0} {x!r}" in words.summary


def test_a_finding_can_be_said_again_in_another_language():
    facts = FACTS | {"reach": "internet", "certainty": "is", "protocol": "ssh", "door": "ssh", "seen": "connected"}
    words = guidance.render("exposure.ssh", "en", facts)
    texts = (words.title, words.summary, (), words.remedy, words.verify)
    finding = Finding("fin-0", "exposure.ssh", Priority.HIGH, *texts, facts=facts)
    japanese = guidance.reword(finding, "ja")
    assert japanese.title == "インターネット上の誰でも、このルーターの遠隔操作の入口（SSH）に接続できます"
    assert (japanese.id, japanese.priority) == (finding.id, finding.priority)
    assert guidance.reword(japanese, "en").title == finding.title


@pytest.mark.parametrize("rule", ["future.rule", "../../en/rules/decoy", "exposure./etc/passwd", ""])
def test_a_finding_of_a_rule_without_words_keeps_its_own(rule):
    finding = Finding("fin-0", rule, Priority.LOW, "title", "summary", (), ("step",), "check", facts={"door": "{x!r}"})
    assert guidance.reword(finding, "ja") == finding
    with pytest.raises(KnowledgeError, match="no language"):
        guidance.reword(finding, "xx")


@pytest.mark.parametrize("language", ["xx", "../en", ""])
def test_an_unknown_language_is_refused_with_those_there_are(language):
    with pytest.raises(KnowledgeError, match="use one of en, ja"):
        guidance.render("decoy", language, FACTS)


def step_files():
    return [text_yaml.load(text, name) for name, text in text_yaml.documents(shipped("reports") / "steps", "steps")]


@pytest.mark.parametrize("file", step_files(), ids=lambda file: file.where)
def test_a_makers_menus_have_known_switches_and_kinds(file):
    for interface in file.root["interfaces"]:
        assert set(interface) <= {"name", "models", "kinds", *guidance.SWITCHES}
        assert set(interface) & set(guidance.SWITCHES)
        assert set(interface.get("kinds", ())) <= set(texts("en", "_terms")["kinds"])


def test_no_maker_stands_in_two_files():
    makers = [str(vendor).lower() for file in step_files() for vendor in set(map(str.lower, file.root["vendors"]))]
    assert len(makers) == len(set(makers))


@pytest.mark.parametrize(
    ("vendor", "model", "kind", "language", "path"),
    [
        ("TP-Link", "TL-WR841N", "router", "en", "System Tools > Firmware Upgrade"),
        ("tp-link", "Archer C7", "router", "en", "Advanced > System > Firmware Upgrade"),
        ("Cisco", "RV325", "router", "en", "System Management > Firmware Upgrade"),
        ("Cisco", "RV340", "router", "en", "Administration > File Management > Firmware Upgrade"),
        ("OpenWrt", "TL-WR841N", "router", "en", "System > Attended Sysupgrade"),
        ("Buffalo", "WSR-2533DHPL2", "router", "ja", "管理 > ファームウェア更新"),
        ("D-Link", "DCS-2530L", "camera", "en", ""),
        ("NETGEAR", "GS108T", "switch", "en", ""),
        ("NETGEAR", "R7000", "", "en", ""),
        ("Cisco", "SG300", "switch", "en", ""),
        ("Nobody", "X", "router", "en", ""),
        ("", "", "", "en", ""),
    ],
)
def test_the_menu_is_that_of_the_makers_interface_for_such_a_device(vendor, model, kind, language, path):
    assert guidance.switches(vendor, model, kind, language=language)["update"] == path


def test_a_menu_is_only_ever_usually_there():
    words = rendered("firmware.vulnerable", "en", certainty="is", support="kept")
    assert "(usually under “Administration > Firmware Upgrade”)" in words.remedy[0]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", guidance.documented("en"))
def test_what_a_rule_cites_has_a_title_in_every_language(language, name):
    assert all(cited.title for cited in guidance.citations(name, language))
    own = [cited.title for cited in guidance.citations(name, language)]
    assert language == "en" or all(re.search("[ぁ-んァ-ン一-龯]", title) for title in own), own


def test_no_document_is_left_that_no_rule_cites():
    cited = {document.id for name in (*guidance.documented("en"), "exposure.winbox", "exposure.ipp", "exposure.rtsp")
             for document in guidance.citations(name, "en")}  # fmt: skip
    assert cited == set(guidance._guidance_file()["documents"])


def test_a_document_nobody_knows_is_cited_by_its_id_alone():
    assert guidance.cited(["RFC 2324"], "ja") == (guidance.Cited("RFC 2324", "", ""),)


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("name", [name for name in guidance.documented("en") if name != "firmware"])
def test_every_remedy_says_how_long_it_takes_and_who_can_do_it(language, name):
    for facts in variants(name):
        effort = guidance.effort(name, language, FACTS | facts)
        assert effort and 5 <= effort.minutes <= 240, facts
        assert guidance.label("who", effort.who, language) != effort.who
        assert "{" not in effort.effects and (not effort.effects or effort.effects.endswith((".", "。")))


def test_a_device_without_updates_needs_a_new_one_and_not_an_evening():
    facts = FACTS | {"certainty": "is", "reach": "inside"}
    assert guidance.effort("firmware.end-of-life", "en", facts | {"ended": "model"}).who == "new"
    assert guidance.effort("firmware.end-of-life", "en", facts | {"ended": "branch"}).who == "you"
    assert guidance.effort("hunt.netsh-portproxy", "en", facts) is None
    with pytest.raises(KnowledgeError, match="no language"):
        guidance.effort("decoy", "xx", facts)


@pytest.mark.parametrize(
    ("is_known_exploited", "is_reachable", "allowed"),
    [
        (True, True, ("3 forensic", "3", "14")),
        (True, False, ("3 forensic", "14")),
        (False, True, ("3", "14", "60")),
        (False, False, ("60", "upgrade")),
    ],
)
def test_bod_26_04_leaves_open_what_two_of_four_questions_leave_open(is_known_exploited, is_reachable, allowed):
    assert guidance.bands(is_known_exploited, is_reachable) == allowed


def test_bod_26_04_gives_one_time_where_all_four_questions_are_answered():
    assert guidance.bands(True, True, True, True) == ("3 forensic",)
    assert guidance.bands(True, True, True, False) == ("3",)
    assert guidance.bands(True, None, False, False) == ("14",)


def test_the_table_of_bod_26_04_has_its_sixteen_rows():
    rows = guidance._guidance_file()["bod_26_04"]
    answers = ["no", "yes"]
    assert set(rows) == {" ".join(row) for row in itertools.product(answers, answers, answers, ("partial", "total"))}


@pytest.mark.parametrize(
    ("language", "said"), [("en", "(look for “Factory defaults” or “Restore”)"), ("ja", "「初期化」")]
)
def test_where_a_makers_menu_is_not_known_the_words_to_look_for_are_told(language, said):
    words = guidance.render("compromise.lapdogs", language, FACTS | {"vendor": "Nobody", "reach": "internet"})
    assert said in words.remedy[2]


def ask(*arguments: str):
    app = typer.Typer()
    app.command()(explain)
    return CliRunner(env={"LC_ALL": "C.UTF-8"}).invoke(app, list(arguments))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["firmware.end-of-life"], "BOD 26-02"),
        (["exposure.winbox"], "administration port (Winbox)"),
        (["tls.expired", "--language", "ja"], "証明書"),
        ([], "compromise.quad7"),
    ],
)
def test_explain_tells_what_a_rule_means(arguments, expected):
    result = ask(*arguments)
    assert result.exit_code == 0 and expected in result.stdout


@pytest.mark.parametrize("arguments", [["nonsense"], ["decoy", "--language", "xx"]])
def test_explain_refuses_what_it_does_not_know_in_one_line(arguments):
    result = ask(*arguments)
    assert result.exit_code == 2
    assert "sohoaudit: " in result.stderr and "use one of" in result.stderr and result.stderr.count("\n") == 1
