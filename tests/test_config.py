"""Tests of the configuration: the order of its sources, and faults that name the place and the remedy."""

from pathlib import Path

import pytest

from sohoaudit.config import ConfigError, load

FILE = """
pace = "gentle"
language = "ja"
notify = ["mailtos://user:hunter2@example.org"]

[client.acme]
targets = ["192.168.1.0/24"]
authorized = "Ms Sato"
language = "en"

[client.other]
targets = "10.0.0.0/24"
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return path


def test_the_environment_wins_over_the_client_the_client_over_the_file_and_the_file_over_the_default(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOHOAUDIT_PACE", "lab")
    known = load(file, "acme")
    told = {name: (known[name], known.settings[name].origin) for name in ("pace", "language", "targets", "fail_on")}
    assert told == {
        "pace": ("lab", "SOHOAUDIT_PACE"),
        "language": ("en", f"{file} [client.acme]"),
        "targets": (("192.168.1.0/24",), f"{file} [client.acme]"),
        "fail_on": ("urgent", "default"),
    }
    assert known.warnings == ()


def test_without_a_file_there_are_the_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    known = load()
    assert known["pace"] == "normal"
    assert known.path is None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('pcae = "lab"', ":1: 'pcae' is not known (did you mean 'pace'?)"),
        ('[client.acme]\n\nlangauge = "en"', ":3: 'langauge' is not known (did you mean 'language'?)"),
        ("pace = 3", ":1: 'pace' must be text in quotes"),
        ("offline = 1", ":1: 'offline' must be true or false"),
        ("targets = [1]", ":1: 'targets' must be a list of texts"),
        ('pace = "lab', ":1: this is not TOML"),
        ('pace\t"lab"', ":1: this is not TOML"),
        ("client = 3", ": 'client' holds profiles"),
        ('pace = "fast"', ":1: pace is 'fast': choose from gentle, normal, lab"),
        ('[clients.acme]\npace = "lab"', ": 'clients' is not known (did you mean 'client'?)"),
    ],
    ids=["key", "key of a client", "text", "flag", "list", "quote", "tab", "client", "choice", "clients"],
)
def test_a_fault_of_the_file_names_line_and_remedy(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "config.toml"
    path.write_text(text)
    with pytest.raises(ConfigError) as fault:
        load(path)
    assert f"{path}{said}" in str(fault.value)


def test_a_client_that_is_not_there_names_those_that_are(file: Path) -> None:
    with pytest.raises(ConfigError, match=r"there is no \[client.acne\]: it has acme, other"):
        load(file, "acne")


def test_a_secret_that_others_can_read_is_warned_of(file: Path) -> None:
    file.chmod(0o644)
    (warning,) = load(file).warnings
    assert f"chmod 600 {file}" in warning
    assert "hunter2" not in warning


def test_a_variable_with_a_choice_that_there_is_not_is_named(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOHOAUDIT_FAIL_ON", "severe")
    with pytest.raises(ConfigError, match="SOHOAUDIT_FAIL_ON: fail_on is 'severe': choose from urgent, high"):
        load(file)


def test_a_misspelled_variable_is_warned_of(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOHOAUDIT_PAEC", "lab")
    assert load(file).warnings == ("SOHOAUDIT_PAEC is not known (did you mean SOHOAUDIT_PACE?)",)


def test_a_file_that_was_named_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="is not there: check the path"):
        load(tmp_path / "no.toml")
