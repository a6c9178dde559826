"""`sohoaudit schema`: prints the JSON Schema of what sohoaudit writes."""

from typing import Annotated

import typer


def schema(name: Annotated[str, typer.Argument(help="What to print the schema of: audit.")] = "audit") -> None:
    """Print the JSON Schema of the audit's JSON. Example: sohoaudit schema audit > audit.schema.json."""
    import json

    from .. import document

    if name != "audit":
        typer.echo(f"sohoaudit: there is no schema {name!r}: choose audit", err=True)
        raise typer.Exit(2)
    typer.echo(json.dumps(document.schema(), indent=2, ensure_ascii=False))
