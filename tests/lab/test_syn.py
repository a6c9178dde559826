"""A whole audit by raw packets says what one by ordinary connections says, and how it was made."""

import pytest

from .capture import busiest_second, questions
from .lab import Lab
from .office import DESK_ADDRESS, EXPOSED
from .scanning import INSIDE, Scan, scan

pytestmark = pytest.mark.lab


@pytest.fixture(scope="module")
def run(office: Lab, tmp_path_factory: pytest.TempPathFactory) -> Scan:
    """The exposed office, swept by SYN."""
    return scan(office, "desk", (*INSIDE, "--sweep", "syn"), tmp_path_factory.mktemp("syn"))


def test_the_way_is_told(run: Scan) -> None:
    assert run.document["settings"]["sweep"] == "syn"
    assert [gap for gap in run.document["coverage"] if gap["subject"] == "raw packets"] == []


@pytest.mark.parametrize("device", [d for d in EXPOSED.devices if d.ports], ids=lambda device: device.name)
def test_the_open_ports_are_the_true_ones(run: Scan, device: object) -> None:
    services = (run.device(device.address) or {"services": []})["services"]  # type: ignore[attr-defined]
    found = {service["port"] for service in services if service["transport"] == "tcp"}
    assert found == {port for transport, port in device.ports if transport == "tcp" and port != 9_100}  # type: ignore[attr-defined]


def test_the_budget_of_every_host_holds_over_sweep_and_questions_together(run: Scan) -> None:
    busiest = busiest_second(questions(run.packets, DESK_ADDRESS))
    assert {host: most for host, most in busiest.items() if most > 21 and host.startswith("192.")} == {}
