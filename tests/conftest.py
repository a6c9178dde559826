"""What every test sees: folders of its own session, so that no history of a person is touched."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

# How fast a machine is shows in the benchmarks, never in a test.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")


@pytest.fixture(scope="session", autouse=True)
def _own_folders(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    home: Path = tmp_path_factory.mktemp("xdg")
    with pytest.MonkeyPatch.context() as patch:
        for name in [name for name in os.environ if name.startswith("SOHOAUDIT_")]:
            patch.delenv(name)
        for kind in ("STATE", "CONFIG", "CACHE"):
            patch.setenv(f"XDG_{kind}_HOME", str(home / kind.lower()))
        yield
