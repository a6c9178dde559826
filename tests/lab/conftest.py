"""The offices the lab's tests stand in; where none can be built CI fails and a developer reads what to install."""

import os
from collections.abc import Iterator

import pytest

from .lab import Lab, remove_orphans
from .namespaces import LabError


@pytest.fixture(scope="session")
def office() -> Iterator[Lab]:
    """The exposed office, up for the whole session."""
    yield from _standing("exposed")


@pytest.fixture(scope="session")
def clean_office() -> Iterator[Lab]:
    """The office after the remedies, up for the whole session."""
    yield from _standing("clean")


@pytest.fixture(scope="session")
def hostile_office() -> Iterator[Lab]:
    """The office whose devices mean harm."""
    yield from _standing("hostile")


def _standing(kind: str) -> Iterator[Lab]:
    remove_orphans()
    try:
        lab = Lab.up(kind, f"lab{os.getpid()}-{kind}", owner=os.getpid())
    except LabError as fault:
        say = pytest.fail if os.environ.get("CI") else pytest.skip
        say(f"no lab here: {fault}")
    yield lab
    lab.down()
