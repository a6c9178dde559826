"""The SSH probe against dropbear, OpenSSH with old settings, and servers that break off."""

import asyncio
import subprocess
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sohoaudit.model import Endpoint
from sohoaudit.probe import Dialogue, ssh

from .loopback import HERE, free_port

Serve = Callable[..., Awaitable[Endpoint]]


def fingerprint(public: str) -> str:
    return subprocess.run(["ssh-keygen", "-lf", public], capture_output=True, text=True, check=True).stdout.split()[1]


async def test_dropbear_tells_banner_and_host_key(
    dial: Dialogue, daemon: Callable[..., object], tmp_path: Path
) -> None:
    key, port = tmp_path / "key", free_port()
    made = subprocess.run(["dropbearkey", "-t", "rsa", "-s", "1024", "-f", key], capture_output=True, text=True)
    (tmp_path / "key.pub").write_text(next(line for line in made.stdout.split("\n") if line.startswith("ssh-rsa")))
    daemon(["/usr/sbin/dropbear", "-F", "-E", "-w", "-p", f"{HERE}:{port}", "-P", tmp_path / "pid", "-r", key], port)
    seen = await ssh.ask(Endpoint(HERE, port), dial)
    assert seen and seen.fields["ssh.banner"].startswith("SSH-2.0-dropbear")
    assert seen.fields["ssh.hostkey"] == f"ssh-rsa {fingerprint(str(tmp_path / 'key.pub'))}"


@pytest.mark.parametrize(
    ("kex", "kind"),
    [
        ("diffie-hellman-group1-sha1", "rsa"),
        ("diffie-hellman-group14-sha1", "ecdsa"),
        ("diffie-hellman-group-exchange-sha256", "rsa"),
        ("curve25519-sha256", "ed25519"),
    ],
)
async def test_openssh_tells_its_key_by_every_exchange(
    dial: Dialogue, daemon: Callable[..., object], tmp_path: Path, kex: str, kind: str
) -> None:
    Path("/run/sshd").mkdir(exist_ok=True)
    key, port = tmp_path / "key", free_port()
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", key], check=True)
    conf = tmp_path / "sshd.conf"
    conf.write_text(
        f"Port {port}\nListenAddress {HERE}\nHostKey {key}\nPidFile none\nUsePAM no\nAllowUsers nobody-such\n"
        f"KexAlgorithms {kex}\nHostKeyAlgorithms +ssh-rsa\n"
    )
    daemon(["/usr/sbin/sshd", "-D", "-e", "-f", str(conf)], port)
    seen = await ssh.ask(Endpoint(HERE, port), dial)
    assert seen and seen.fields["ssh.banner"].startswith("SSH-2.0-OpenSSH")
    assert seen.fields["ssh.hostkey"].split()[1] == fingerprint(f"{key}.pub")


async def test_the_identification_may_follow_other_lines(dial: Dialogue, serve: Serve) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"Welcome\r\nSSH-1.99-Cisco-1.25\r\n")
        await writer.drain()
        await reader.readline()

    seen = await ssh.ask(await serve(speak), dial)
    assert seen and seen.fields["ssh.banner"] == "SSH-1.99-Cisco-1.25" and seen.fields["ssh.fault"]


async def test_what_is_no_ssh_gives_nothing(dial: Dialogue, serve: Serve) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 FTP\r\n")
        await writer.drain()

    assert await ssh.ask(await serve(speak), dial) is None
