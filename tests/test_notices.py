"""Tests of notices by a webhook and a mail server on loopback: once a change, and again when the network is back."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller

from sohoaudit import notices
from sohoaudit.history.accepted import Accepted
from sohoaudit.history.store import History
from sohoaudit.keeping import Keeper
from sohoaudit.model import Audit
from tests.history.box import free_ports
from tests.history.offices import OFFICE, audit, camera, router


class Hook:
    """A webhook on loopback that can be made to fail."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.status = 200
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                if hook.status == 200:
                    hook.heard.append(json.loads(body))
                self.send_response(hook.status)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"json://user:hunter2@127.0.0.1:{self.server.server_port}/"


@pytest.fixture
def hook() -> Iterator[Hook]:
    hook = Hook()
    yield hook
    hook.server.shutdown()


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    with History(tmp_path / "history.db") as opened:
        yield opened


def night(history: History, seen: Audit, hook: Hook, on: str = "change", accepted: tuple[Accepted, ...] = ()) -> Keeper:
    keeper = Keeper("", "", OFFICE, history, accepted)
    keeper.kept(seen)
    keeper.post([hook.url], on)
    return keeper


def test_a_change_is_told_once_and_no_change_is_not(history: History, hook: Hook) -> None:
    night(history, audit(router(), camera()), hook)
    night(history, audit(router(), camera(), day=1), hook)
    assert hook.heard == []
    keeper = night(history, audit(router(), camera(is_mapped=True), day=2), hook)
    keeper.post([hook.url], "change")
    (told,) = hook.heard
    assert told["title"].startswith("sohoaudit: 1 change in 192.168.1.0/24")
    assert "fin-map" in told["message"]


def test_a_notice_waits_while_the_network_is_away_and_comes_with_the_next_run(history: History, hook: Hook) -> None:
    night(history, audit(router(), camera()), hook)
    hook.status = 503
    kept = night(history, audit(router(), camera(is_mapped=True), day=1), hook)
    (note,) = kept.notes
    assert "it is kept, and the next run tries again" in note
    assert "hunter2" not in note
    hook.status = 200
    assert night(history, audit(router(), camera(is_mapped=True), day=2), hook).notes == []
    assert len(hook.heard) == 1
    night(history, audit(router(), camera(is_mapped=True), day=3), hook)
    assert len(hook.heard) == 1


def test_on_a_priority_lesser_changes_are_silent(history: History, hook: Hook) -> None:
    night(history, audit(router(findings=()), camera()), hook, "high")
    night(history, audit(router(), camera(), day=1), hook, "high")
    assert hook.heard == []
    night(history, audit(router(), camera(is_mapped=True), day=2), hook, "high")
    assert len(hook.heard) == 1


def test_an_accepted_risk_is_told_to_nobody(history: History, hook: Hook) -> None:
    taken = (Accepted("fin-map", date(2099, 1, 1), "because", "me"),)
    night(history, audit(router(), camera()), hook, accepted=taken)
    mapped = camera(is_mapped=True, exposures=())
    night(history, audit(router(), mapped, day=1), hook, accepted=taken)
    assert hook.heard == []


def test_no_password_is_kept_in_the_history(history: History, hook: Hook, tmp_path: Path) -> None:
    night(history, audit(router(), camera()), hook)
    night(history, audit(router(), camera(is_mapped=True), day=1), hook)
    assert not any(b"hunter2" in path.read_bytes() for path in tmp_path.iterdir())


def test_a_mail_arrives_as_text(history: History) -> None:
    mails: list[Any] = []

    class Box:
        async def handle_DATA(self, server: object, session: object, envelope: Any) -> str:
            mails.append(envelope)
            return "250 taken"

    (port,) = free_ports(1)
    controller = Controller(Box(), hostname="127.0.0.1", port=port)
    controller.start()
    url = f"mailto://127.0.0.1:{port}?from=audit@example.org&to=owner@example.org&format=text"
    assert notices.send(url, "sohoaudit: 1 change", "fixed   urgent  fin-map")
    controller.stop()
    (mail,) = mails
    assert mail.rcpt_tos == ["owner@example.org"]
    assert b"fixed   urgent  fin-map" in mail.content


def test_the_configuration_is_tried_without_showing_its_secrets(hook: Hook, tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text(f'notify = ["{hook.url}", "json://127.0.0.1:9/nobody"]\n')
    file.chmod(0o600)
    done = subprocess.run(
        [sys.executable, "-m", "sohoaudit", "config", "test-notices", "--config", str(file)],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip
    assert done.returncode == 3
    assert done.stdout.splitlines()[0] == "json://… took it"
    assert "did not take it" in done.stdout.splitlines()[1]
    assert "hunter2" not in done.stdout + done.stderr
    assert len(hook.heard) == 1


def test_what_is_no_address_is_refused_without_being_shown() -> None:
    with pytest.raises(notices.NoticeError, match="is no address that apprise understands") as fault:
        notices.check(["carrierpigeon://me:hunter2@loft"])
    assert "hunter2" not in str(fault.value)
