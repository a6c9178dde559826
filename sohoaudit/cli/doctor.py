"""`sohoaudit doctor`: says what works on this machine, and how to get what does not; sends nothing."""

import typer

_NEEDED = {"network", "place"}


def doctor() -> None:
    """Say what works here: network, rights, engines; nothing is sent.

    Example: sohoaudit doctor

    Leaves with 3 where an audit of this machine's own network would find nothing.
    """
    from ..doctor import checks
    from ..here import Here

    found = list(checks(Here()))
    for check in found:
        print(f"{'works' if check.works else 'lacks'}  {check.name}: {check.seen}")
        if not check.works and check.remedy:
            print(f"       {check.remedy}")
    raise typer.Exit(3 if any(check.name in _NEEDED and not check.works for check in found) else 0)
