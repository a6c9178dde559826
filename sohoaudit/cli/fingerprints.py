"""`sohoaudit fingerprints`: shows, checks and extends what is known about how devices reveal themselves."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .identify import faults_told, lines_of
from .options import group

if TYPE_CHECKING:
    from ..knowledge.fingerprints import Fingerprints

app = group("List, check and extend the fingerprints.\n\nExample: sohoaudit fingerprints list --summary")

Folder = Annotated[
    Path | None, typer.Option("--fingerprints", metavar="DIR", help="Your own fingerprints; they win over ours.")
]


@app.command("list")
def list_all(
    fingerprints: Folder = None,
    summary: Annotated[bool, typer.Option("--summary", help="Only the counts.")] = False,
) -> None:
    """List every fingerprint, or count them.

    Example: sohoaudit fingerprints list --summary
    """
    from ..knowledge.fingerprints import load_with_examples

    with faults_told():
        known = load_with_examples([fingerprints] if fingerprints else [])
    if summary:
        for name, count in _counts(known).items():
            typer.echo(f"{count:>6}  {name}")
        return
    for one in known.all:
        fields = " ".join(condition.field for condition in one.when)
        typer.echo(f"{one.title}  [{fields}]  {one.where}:{one.line}")


@app.command()
def validate(fingerprints: Folder = None) -> None:
    """Check that every file of knowledge can be read: fingerprints, questions, makers, lifecycle, advisories, parts.

    Example: sohoaudit fingerprints validate --fingerprints my-devices
    """
    from ..knowledge import advisories, lifecycle, names, parts
    from ..knowledge.fingerprints import faults_of

    checks = (names.validate, lifecycle.validate, advisories.validate, parts.validate)
    known, found = faults_of([fingerprints] if fingerprints else [])
    found += [fault for check in checks for fault in check()]
    for line in dict.fromkeys(map(str, found)):
        typer.echo(f"sohoaudit: {line}", err=True)
    if found or known is None:
        raise typer.Exit(2)
    rows, known_holes = lifecycle.count(), len(advisories.every())
    typer.echo(f"{len(known.all)} fingerprints, {rows} lifecycle rows and {known_holes} advisories are sound")


@app.command()
def test(fingerprints: Folder = None) -> None:
    """Run every fingerprint's examples against all fingerprints; a wrong vendor is an error.

    Example: sohoaudit fingerprints test
    """
    from ..identify.trial import faults
    from ..knowledge.fingerprints import load_with_examples

    with faults_told():
        known = load_with_examples([fingerprints] if fingerprints else [])
    found = list(faults(known))
    for fault in found:
        typer.echo(f"sohoaudit: {fault}", err=True)
    if found:
        raise typer.Exit(2)
    typer.echo(f"{known.counts()['examples']} examples of {len(known.all)} fingerprints come out as they should")


def _counts(known: "Fingerprints") -> dict[str, int]:
    """How much is known, by its kind; an advisory counts once, under the strongest source that says it is used."""
    from ..knowledge import advisories, lifecycle
    from ..knowledge.advisories import UNNAMED
    from ..knowledge.versions import SCHEMES

    told = [one.known_exploited.source if one.known_exploited else "" for one in advisories.every()]
    kev, unnamed = told.count("KEV"), sum(source.startswith(UNNAMED) for source in told)
    named = sum(map(bool, told)) - kev - unnamed
    return {
        **known.counts(),
        "ordering schemes": len(SCHEMES),
        "lifecycle rows": lifecycle.count(),
        "advisories": len(told),
        "advisories known to be exploited by KEV": kev,
        "advisories known to be exploited by named reports": named,
        "advisories known to be exploited by reports not named": unnamed,
        "advisories not known to be exploited": told.count(""),
    }


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(help="JSON lines as for `identify`; - reads standard input.")],
    fingerprints: Folder = None,
) -> None:
    """Tell which fingerprints matched, and which almost did and what they missed.

    Example: sohoaudit fingerprints explain answers.jsonl
    """
    from ..identify.lines import explanations
    from ..knowledge.fingerprints import load

    with faults_told():
        known = load([fingerprints] if fingerprints else [])
    is_sound = True
    for text, is_fault in explanations(lines_of(file), known):
        is_sound = is_sound and not is_fault
        typer.echo(text, err=is_fault)
    if not is_sound:
        raise typer.Exit(2)


@app.command()
def new(
    file: Annotated[
        Path | None, typer.Argument(help="JSON lines as for `identify`; without it you are asked.", show_default=False)
    ] = None,
    vendor: Annotated[str, typer.Option(help="The maker, as it writes itself.", prompt="Maker")] = "",
    model: Annotated[str, typer.Option(help="The model, as it stands in the answer.", prompt="Model")] = "",
    firmware: Annotated[
        str, typer.Option(help="The firmware version, if it stands there.", prompt="Firmware (empty if not told)")
    ] = "",
) -> None:
    """Write the beginning of a fingerprint, with your observation as its example, to standard output.

    Example: sohoaudit fingerprints new answers.jsonl --vendor Zyxel --model USG40 --firmware ''
    """
    from ..identify.stub import observed, stub

    given: Mapping[str, str]
    if file is None:
        field = typer.prompt("Field, such as http.title")
        given = {str(field): str(typer.prompt("What the device said"))}
    else:
        try:
            given = observed(lines_of(file))
        except ValueError as fault:
            typer.echo(f"sohoaudit: {file}:{fault}", err=True)
            raise typer.Exit(2) from None
    for name, value in (("model", model), ("firmware", firmware)):
        if value and not any(value in text for text in given.values()):
            typer.echo(f"sohoaudit: {value!r} does not stand in the answer, so no {name} is read from it", err=True)
    typer.echo(stub(vendor, model, firmware, given), nl=False)
