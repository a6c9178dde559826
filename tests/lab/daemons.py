"""The real daemons: configuration files, private copies and command lines, one function a daemon.

What works and why is Debian 12's: miniupnpd-nftables 2.3, dropbear 2022, net-snmp 5.9, lighttpd 1.4.69, busybox 1.35,
dnsmasq 2.90, vsftpd 3.0.3.
"""

import os
import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from .namespaces import LabError
from .parts import BusyboxHttpd, Device, Dnsmasq, Dropbear, Lighttpd, Miniupnpd, Snmpd, Telnetd, Vsftpd

PACKAGES = {
    "busybox": "busybox-static", "dnsmasq": "dnsmasq-base", "dropbear": "dropbear-bin", "dropbearkey": "dropbear-bin",
    "ip": "iproute2", "lighttpd": "lighttpd lighttpd-mod-openssl", "miniupnpd": "miniupnpd-nftables",
    "nft": "nftables", "openssl": "openssl", "snmpd": "snmpd", "vsftpd": "vsftpd",
}  # fmt: skip
HAS_IPV6 = Path("/proc/sys/net/ipv6").exists()
_PATH = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
_DROPBEAR = b"dropbear_2022.83"


@dataclass(frozen=True, slots=True)
class Command:
    """A daemon to start: its words and what its environment has more."""

    words: list[str]
    environment: dict[str, str] = field(default_factory=dict)


def program(name: str) -> str:
    """The whole path of a program.

    Raises:
        LabError: it is not installed; the text holds the apt line.
    """
    found = shutil.which(name, path=_PATH)
    if not found:
        raise LabError(f"{name} is missing: {apt_line([name])}")
    return found


def missing() -> list[str]:
    """The programs of the lab that are not installed here."""
    absent = [name for name in PACKAGES if not shutil.which(name, path=_PATH)]
    lacks_tls = not any(
        Path(root, "lighttpd/mod_openssl.so").exists() for root in ("/usr/lib", "/usr/lib64", "/usr/local/lib")
    )
    return absent + (["lighttpd"] if lacks_tls and "lighttpd" not in absent else [])


def apt_line(names: list[str]) -> str:
    """What to type to get these programs."""
    packages = " ".join(sorted({PACKAGES[name] for name in names}))
    return f"apt-get install -y --no-install-recommends {packages}"


def certificate(device: str, subject: str, folder: Path) -> Path:
    """A self-signed certificate with its key in one file, made anew: no two boxes share a key."""
    pem = folder / f"{device}.pem"
    key = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", str(pem)]
    made = folder / f"{device}.crt"
    subprocess.run(
        [program("openssl"), "req", "-x509", *key, "-subj", subject, "-days", "825", "-out", str(made)],
        check=True, capture_output=True,
    )  # fmt: skip
    with pem.open("a") as file:
        file.write(made.read_text())
    return pem


def dropbear(part: Dropbear, device: Device, folder: Path) -> Command:
    """Dropbear with a key of its own and, where wanted, the greeting of another release."""
    key, binary = folder / "dropbear.key", program("dropbear")
    subprocess.run([program("dropbearkey"), "-t", "ed25519", "-f", str(key)], check=True, capture_output=True)
    if part.greeting:
        image, wanted = Path(binary).read_bytes(), part.greeting.encode()
        if image.count(_DROPBEAR) == 0 or len(wanted) != len(_DROPBEAR):
            raise LabError(f"this dropbear is not {_DROPBEAR.decode()}: use Debian 12's")
        copy = folder / "dropbear"
        copy.write_bytes(image.replace(_DROPBEAR, wanted))
        copy.chmod(0o700)
        binary = str(copy)
    return Command([binary, "-F", "-E", "-w", "-p", str(part.port), "-P", str(folder / "dropbear.pid"), "-r", str(key)])


def telnetd(part: Telnetd, device: Device, folder: Path) -> Command:
    """Busybox telnetd whose login program only asks; nobody gets in, since nobody listens."""
    issue, login = folder / "issue", folder / "login"
    issue.write_text(part.issue)
    login.write_text(f"#!/bin/sh\nprintf '%s' '{part.prompt}'\nexec sleep 60\n")
    login.chmod(0o700)
    return Command([program("busybox"), "telnetd", "-F", "-p", str(part.port), "-f", str(issue), "-l", str(login)])


def snmpd(part: Snmpd, device: Device, folder: Path) -> Command:
    """Net-snmp with the community `public` and the maker's system group."""
    conf = folder / "snmpd.conf"
    system = f"sysdescr {part.sysdescr}\nsysobjectid {part.sysobjectid}\nsysname {part.sysname}\n"
    conf.write_text(f"rocommunity public default\n{system}")
    words = [program("snmpd"), "-f", "-Lf", str(folder / "snmpd.log"), "-C", "-c", str(conf)]
    words += ["-I", "-smux,mteTrigger,mteTriggerConf"]
    return Command([*words, "udp:161"], {"SNMP_PERSISTENT_DIR": str(folder), "SNMPCONFPATH": str(folder), "MIBS": ""})


def dnsmasq(part: Dnsmasq, device: Device, folder: Path) -> Command:
    """Dnsmasq that asks nobody: it gives every name the router's own address, or knows what it is told to know."""
    words = [
        program("dnsmasq"),
        "-k",
        "-C",
        "/dev/null",
        "--no-resolv",
        "--no-hosts",
        "--port=53",
        "--user=root",
        "--group=",
    ]
    if part.prefix6:
        words += ["--enable-ra", f"--dhcp-range={part.prefix6},ra-only,64", f"--dhcp-leasefile={folder / 'leases'}"]
        words += ["--interface=eth0", "--ra-param=eth0,4,600"]
    names = {"#": device.address} if part.answers is None else part.answers
    words += [f"--address=/{name}/{address}" for name, address in names.items()]
    return Command([*words, f"--pid-file={folder / 'dnsmasq.pid'}", "--log-facility=-"])


def lighttpd(part: Lighttpd, device: Device, folder: Path) -> Command:
    """Lighttpd over files, with a log that tells whether a visitor sent a password."""
    root, conf = _files(part.files, folder / "lighttpd"), folder / "lighttpd.conf"
    any_address = "[::]" if HAS_IPV6 else "0.0.0.0"
    first, *others = (*part.plain_ports, *part.tls_ports)
    lines = [
        'server.modules = ("mod_auth", "mod_authn_file", "mod_openssl", "mod_accesslog")',
        f'server.document-root = "{root}"', f'server.bind = "{any_address}"', f"server.port = {first}",
        'server.set-v6only = "disable"' if HAS_IPV6 else "", f'server.tag = "{part.server}"',
        f'server.errorlog = "{folder / "lighttpd.log"}"', f'accesslog.filename = "{folder / "access.log"}"',
        # time, port, request line, status, what was sent as Authorization ("-" for nothing)
        'accesslog.format = "%{sec}t.%{usec_frac}t %{local}p \\"%r\\" %s \\"%{Authorization}i\\""',
        'server.feature-flags = ("server.h2proto" => "disable")',  # no such box speaks HTTP/2
        'index-file.names = ("index.html")',
        'mimetype.assign = (".html" => "text/html", ".htm" => "text/html", ".xml" => "text/xml", "" => "text/plain")',
    ]  # fmt: skip
    for port in others:
        lines.append(f'$SERVER["socket"] == "{any_address}:{port}" {{ {_tls(part, port, folder)} }}')
    if part.realm:
        (folder / "users").write_text("")
        rule = f'auth.require = ("/" => ("method" => "basic", "realm" => "{part.realm}", "require" => "valid-user"))'
        opened = "|".join(path.replace(".", "\\.") for path in part.open_paths)
        lines += ['auth.backend = "plain"', f'auth.backend.plain.userfile = "{folder / "users"}"']
        lines.append(f'$HTTP["url"] !~ "^({opened})$" {{ {rule} }}' if opened else rule)
    if part.tls_ports:
        certificate("lighttpd", part.subject, folder)
    conf.write_text("\n".join(lines) + "\n")
    return Command([program("lighttpd"), "-D", "-f", str(conf)])


def _tls(part: Lighttpd, port: int, folder: Path) -> str:
    if port not in part.tls_ports:
        return ""
    return f'ssl.engine = "enable"\nssl.pemfile = "{folder / "lighttpd.pem"}"\n'


def busybox_httpd(part: BusyboxHttpd, device: Device, folder: Path) -> Command:
    """Busybox httpd over files; a realm wants a password that nobody has."""
    words = [program("busybox"), "httpd", "-f", "-p", str(part.port), "-h", str(_files(part.files, folder / "busybox"))]
    if part.realm:
        conf = folder / "httpd.conf"
        conf.write_text("/:nobody:$1$lab$0000000000000000000000\n")
        words += ["-c", str(conf), "-r", part.realm]
    return Command(words)


def vsftpd(part: Vsftpd, device: Device, folder: Path) -> Command:
    """Vsftpd that greets; it runs as whoever starts it, since a user namespace knows no other user."""
    conf, empty = folder / "vsftpd.conf", folder / "empty"
    empty.mkdir()
    (folder / "nobody").touch()
    conf.write_text(
        "listen=YES\nbackground=NO\nanonymous_enable=NO\nlocal_enable=YES\nrun_as_launching_user=YES\nnopriv_user=root\n"
        f"ftp_username=root\nseccomp_sandbox=NO\nisolate=NO\nisolate_network=NO\nsecure_chroot_dir={empty}\n"
        f"ftpd_banner={part.greeting}\nxferlog_enable=NO\nuserlist_enable=YES\nuserlist_deny=NO\n"
        f"userlist_file={folder / 'nobody'}\n"
    )
    return Command([program("vsftpd"), str(conf)])


def miniupnpd(part: Miniupnpd, device: Device, folder: Path) -> Command:
    """Miniupnpd for the router's nftables; its tables must stand before it starts.

    It refuses to forward while the WAN address is a documentation address, a private or a carrier's one. Newer releases
    have an option for that; of 2.3.1 a private copy is made whose table of reserved blocks lacks their entries.
    """
    binary = program("miniupnpd")
    image, allowance = Path(binary).read_bytes(), ""
    if b"ext_allow_private_ipv4" in image:
        allowance = "ext_allow_private_ipv4=yes\n"
    else:
        binary = str(_without_blocks(image, folder / "miniupnpd"))
    conf = folder / "miniupnpd.conf"
    conf.write_text(
        "ext_ifname=wan0\nlistening_ip=eth0\nhttp_port=5000\nenable_upnp=yes\nenable_natpmp=yes\nsecure_mode=no\n"
        f"{allowance}uuid=3ddcd1d3-2380-45f5-b069-020077000001\nfriendly_name={part.friendly_name}\n"
        f"manufacturer_name={part.manufacturer}\nmodel_name={part.model}\nmodel_number={part.number}\n"
        f"model_description={part.model}\nmodel_url=http://{device.address}/\nmanufacturer_url=http://{device.address}/\n"
        "upnp_table_name=filter\nupnp_nat_table_name=nat\nupnp_forward_chain=miniupnpd\n"
        "upnp_nat_chain=prerouting_miniupnpd\nupnp_nat_postrouting_chain=postrouting_miniupnpd\n"
        "allow 1-65535 192.168.77.0/24 1-65535\ndeny 0-65535 0.0.0.0/0 0-65535\n"
    )
    return Command([binary, "-d", "-f", str(conf), "-P", str(folder / "miniupnpd.pid")])


_RESERVED = (((203, 0, 113, 0), 8), ((10, 0, 0, 0), 24), ((100, 64, 0, 0), 22))


def _without_blocks(image: bytes, copy: Path) -> Path:
    # An entry is the network, little-endian, and how many bits to shift away: 8 for a /24.
    for block, shift in _RESERVED:
        tail = bytes((shift, 0, 0, 0))
        entry = bytes(reversed(block)) + tail
        if image.count(entry) != 1:
            raise LabError("this miniupnpd cannot be made to forward from such an address: use Debian 12's 2.3.1")
        image = image.replace(entry, bytes((0, 0, 0, 240)) + tail)
    copy.write_bytes(image)
    copy.chmod(0o700)
    return copy


def _files(files: Mapping[str, str], root: Path) -> Path:
    for name, text in files.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, newline="")
    return root


STARTERS = {
    BusyboxHttpd: busybox_httpd, Dnsmasq: dnsmasq, Dropbear: dropbear, Lighttpd: lighttpd, Miniupnpd: miniupnpd,
    Snmpd: snmpd, Telnetd: telnetd, Vsftpd: vsftpd,
}  # fmt: skip
