"""`sohoaudit explain`: what a rule means, what it asks for, and whose guidance it follows."""

import sys
from typing import Annotated

import typer

from ..knowledge import guidance
from ..knowledge.text_yaml import KnowledgeError
from .options import language_of


def explain(
    rule: Annotated[str, typer.Argument(help="A rule's name, such as exposure.ssh; none lists them all.")] = "",
    language: Annotated[str | None, typer.Option(help="en or ja; default: this machine's.")] = None,
) -> None:
    """Say what a rule means and what to do about it.

    Example: sohoaudit explain firmware.end-of-life
    """
    language = language or language_of(None)
    try:
        known = guidance.documented(language)
        if not rule:
            print("\n".join(known))
        elif rule not in known and f"{rule.partition('.')[0]}" not in known:
            print(f"sohoaudit: {rule!r} is no rule: use one of {', '.join(known)}", file=sys.stderr)
            raise typer.Exit(2)
        else:
            cited = [f"  {each.id}: {each.title}" for each in guidance.citations(rule, language)]
            print("\n".join((rule, *guidance.meaning(rule, language), *cited)))
    except KnowledgeError as fault:
        print(f"sohoaudit: {fault.what}", file=sys.stderr)
        raise typer.Exit(2) from None
