"""FTP, SMTP, telnet and unknown services: what they say unasked."""

import asyncio
import shutil
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from sohoaudit.model import Endpoint, Observation
from sohoaudit.probe import NEVER, ONLY_LISTENED, Dialogue, ask, ftp, smtp, telnet

from .loopback import HERE, Table, dialogue, free_port

Serve = Callable[..., Awaitable[Endpoint]]


def greets(greeting: bytes, heard: list[bytes] | None = None) -> Callable[..., Awaitable[None]]:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(greeting)
        await writer.drain()
        said = await reader.read(4_096)
        if heard is not None:
            heard.append(said)

    return speak


async def heard_at(port: int, there: Endpoint, **settings: object) -> list[Observation]:
    """What `ask` yields where a well-known port of the office is that server."""
    street = Table()
    street.places[Endpoint("192.168.50.9", port)] = there.port
    return [seen async for seen in ask(Endpoint("192.168.50.9", port), dialogue(street, **settings))]


async def test_vsftpd_greets(dial: Dialogue, daemon: Callable[..., object], tmp_path: Path) -> None:
    port, conf, empty = free_port(), tmp_path / "vsftpd.conf", tmp_path / "empty"
    empty.mkdir()
    conf.write_text(
        f"listen=YES\nlisten_address={HERE}\nlisten_port={port}\nbackground=NO\nftpd_banner=NAS-7 ready\n"
        f"secure_chroot_dir={empty}\nseccomp_sandbox=NO\n"
    )
    daemon([shutil.which("vsftpd") or "/usr/sbin/vsftpd", str(conf)], port)
    seen = await ftp.ask(Endpoint(HERE, port), dial)
    assert seen and seen.fields["ftp.banner"] == "220 NAS-7 ready"


async def test_a_greeting_on_several_lines_is_read_whole_and_nothing_is_sent(dial: Dialogue, serve: Serve) -> None:
    heard: list[bytes] = []
    seen = await ftp.ask(await serve(greets(b"220-Welcome\r\n220-to the NAS\r\n220 Ready\r\n", heard)), dial)
    assert seen and seen.fields["ftp.banner"] == "220-Welcome\n220-to the NAS\n220 Ready"
    await asyncio.sleep(0.05)
    assert heard == [b""]


async def test_a_mail_server_is_told_from_a_file_server(dial: Dialogue, serve: Serve) -> None:
    seen = await smtp.ask(await serve(greets(b"220 mail.example ESMTP Postfix\r\n")), dial)
    assert seen and seen.fields["smtp.banner"] == "220 mail.example ESMTP Postfix"


async def test_busybox_telnetd_shows_its_prompt(dial: Dialogue, daemon: Callable[..., object], tmp_path: Path) -> None:
    login = tmp_path / "login"
    login.write_text("#!/bin/sh\nprintf 'DD-WRT v24-sp2 std\\nDD-WRT login: '\nread name\n")
    login.chmod(0o755)
    port = free_port()
    daemon(["busybox", "telnetd", "-F", "-b", HERE, "-p", str(port), "-l", str(login), "-f", "/dev/null"], port)
    seen = await telnet.ask(Endpoint(HERE, port), dial)
    assert seen and "DD-WRT login:" in seen.fields["telnet.banner"]
    assert seen.fields["telnet.options"] == "do 1 do 31 will 1 will 3"


async def test_every_telnet_option_is_refused_and_nothing_else_is_sent(dial: Dialogue, serve: Serve) -> None:
    heard: list[bytes] = []
    await telnet.ask(await serve(greets(b"\xff\xfd\x01\xff\xfb\x03login: ", heard)), dial)
    await asyncio.sleep(0.05)
    assert heard[0] == b"\xff\xfc\x01\xff\xfe\x03"


@pytest.mark.parametrize(
    ("greeting", "name", "field"),
    [
        (b"SSH-2.0-dropbear_2014.63\r\n", "ssh", "ssh.banner"),
        (b"220 NAS FTP server ready\r\n", "ftp", "ftp.banner"),
        (b"220 router ESMTP\r\n", "smtp", "smtp.banner"),
        (b"\xff\xfd\x01\xff\xfb\x01xlogin: ", "telnet", "telnet.banner"),
        (b"RFB 003.008\n", "banner", "tcp.banner"),
    ],
)
async def test_a_greeting_on_an_unknown_port_is_recognised(
    serve: Serve, greeting: bytes, name: str, field: str
) -> None:
    (seen,) = await heard_at(7777, await serve(greets(greeting)))
    assert seen.probe == name and seen.fields[field]


async def test_a_mute_telnet_port_is_asked_nothing_else(serve: Serve) -> None:
    visits: list[int] = []

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        visits.append(1)
        await reader.read(4_096)

    assert await heard_at(23, await serve(mute)) == []
    assert len(visits) == 1


async def test_a_greeting_that_is_no_ssh_on_its_port_is_recognised(serve: Serve) -> None:
    (seen,) = await heard_at(22, await serve(greets(b"220 NAS FTP server ready\r\n")))
    assert seen.probe == "ftp"


async def test_an_ssh_server_on_a_web_port_is_recognised(serve: Serve) -> None:
    (seen,) = await heard_at(8080, await serve(greets(b"SSH-2.0-dropbear_2014.63\r\n")))
    assert seen.probe == "ssh" and seen.fields["ssh.banner"] == "SSH-2.0-dropbear_2014.63"


async def test_a_web_page_on_an_unknown_port_is_found(serve: Serve) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\n<title>odd place</title>")
        await writer.drain()

    (seen,) = await heard_at(41_234, await serve(speak))
    assert seen.probe == "http" and seen.fields["http.title"] == "odd place"


@pytest.mark.parametrize("port", sorted(NEVER))
async def test_printer_and_fragile_ports_are_never_opened(serve: Serve, port: int) -> None:
    visits: list[bytes] = []
    assert await heard_at(port, await serve(greets(b"x\n", visits))) == []
    assert visits == []


@pytest.mark.parametrize("port", sorted(ONLY_LISTENED)[:3])
async def test_ports_that_a_text_could_hurt_are_only_listened_to(serve: Serve, port: int) -> None:
    heard: list[bytes] = []
    assert await heard_at(port, await serve(greets(b"", heard))) == []
    await asyncio.sleep(0.05)
    assert heard == [b""]


async def test_a_closed_port_is_told_to_the_caller(dial: Dialogue) -> None:
    with pytest.raises(ConnectionRefusedError):
        _ = [seen async for seen in ask(Endpoint(HERE, free_port(socket.SOCK_STREAM)), dial)]
