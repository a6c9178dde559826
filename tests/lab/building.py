"""Builds an office of namespaces and takes it away again; runs as root, or inside the keeper's user namespace.

`state.jsonl` names each thing before it is made, so that removal works from that file alone, after kill -9 too.
"""

import http.client
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from .daemons import HAS_IPV6, STARTERS, certificate
from .namespaces import NETNS, LabError, inside, ip, listening, nft, processes, start_time, sysctl
from .office import DESK_ADDRESS, ISP_ADDRESS, LAN, LAN6, OUTSIDE_ADDRESS
from .offices import OFFICES
from .parts import Device, Forward, Office, Responder, Web

READY_WITHIN_S = 10.0
_SILENCE = """
table inet silence {
  chain input {
    type filter hook input priority 0; policy drop;
  }
}
"""
QUIET_IPV6 = {"disable_ipv6": "0", "accept_dad": "0", "accept_ra": "0", "autoconf": "0"}


def hosts(office: Office) -> list[str]:
    """Every namespace of an office: the bridges' own, the two places to look from, the provider, the devices."""
    return ["hub", "desk", "outside", "isp", *(device.name for device in office.devices)]


def build(name: str, office_name: str, folder: Path) -> None:
    """Make the whole office and return when every port of its truth table listens.

    Raises:
        LabError: a program or permission is missing, or a daemon did not come up.
    """
    office = OFFICES[office_name]
    for host in hosts(office):
        note(folder, namespace=f"{name}-{host}")
    ip(f"netns add {name}-{host}" for host in hosts(office))
    _wire(name, office)
    nft(f"{name}-gw", _router_rules(office))
    nft(f"{name}-isp", _SILENCE)
    for device in office.devices:
        if device.is_silent:
            nft(f"{name}-{device.name}", _SILENCE)
    running = _start(name, office_name, office, folder)
    _wait(name, office, running, folder)
    for forward in office.forwards:
        _ask_for(forward, office, name)


def note(folder: Path, **thing: object) -> None:
    """Write one line of the state file."""
    with (folder / "state.jsonl").open("a", encoding="utf-8") as file:
        file.write(json.dumps(thing) + "\n")


def noted(folder: Path) -> list[dict]:
    """The lines of the state file; a line cut short by a crash is passed over."""
    path = folder / "state.jsonl"
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [json.loads(line) for line in lines if line.endswith("}")]


def remove(folder: Path) -> None:
    """End every process of the office and delete its namespaces, from the state file alone."""
    state = noted(folder)
    namespaces = [thing["namespace"] for thing in state if "namespace" in thing]
    for sign in (signal.SIGTERM, signal.SIGKILL):
        deadline = time.monotonic() + 1.0
        for pid in (alive := processes(namespaces)):
            _kill(pid, sign)
        while alive and time.monotonic() < deadline:
            time.sleep(0.02)
            alive = processes(namespaces)
        if not alive:
            break
    there = [namespace for namespace in namespaces if (NETNS / namespace).exists()]
    ip(f"netns del {namespace}" for namespace in there)


def _kill(pid: int, sign: int) -> None:
    try:
        os.kill(pid, sign)
    except ProcessLookupError:
        return


def _wire(name: str, office: Office) -> None:
    """Two bridges in the hub; a veth from there to each host, placed in one step."""
    for host in hosts(office):
        sysctl(
            f"{name}-{host}",
            {f"ipv6/conf/{scope}/{key}": value for scope in ("all", "default") for key, value in QUIET_IPV6.items()},
        )
    hub = f"{name}-hub"
    ip((f"link add {bridge} type bridge mcast_snooping 0 forward_delay 0" for bridge in ("br-lan", "br-wan")), hub)
    legs = [("desk", "eth0", "br-lan", "02:00:77:00:00:32"), ("outside", "eth0", "br-wan", "02:00:71:00:00:63")]
    legs += [("isp", "eth0", "br-wan", "02:00:71:00:00:01"), ("gw", "wan0", "br-wan", "02:00:71:00:00:07")]
    legs += [(device.name, "eth0", "br-lan", device.mac) for device in office.devices]
    ip(
        f"link add {_plug(host, leg)} netns {hub} type veth peer name {leg} address {mac} netns {name}-{host}"
        for host, leg, _, mac in legs
    )
    ip((f"link set {_plug(host, leg)} master {bridge} up" for host, leg, bridge, _ in legs), hub)
    ip(("link set br-lan up", "link set br-wan up"), hub)
    for device in office.devices[1:]:
        address6 = None if device.name in office.automatic else device.address6
        _address(f"{name}-{device.name}", "eth0", device.address, address6, office.router)
    sysctl(f"{name}-desk", {"ipv4/ping_group_range": "0 0"})  # as most distributions let programs ping
    _address(f"{name}-desk", "eth0", DESK_ADDRESS, "2001:db8:77::50", office.router)
    _wire_router(name, office)


def _plug(host: str, leg: str) -> str:
    return f"{leg[0]}-{host}"[:15]


def _address(namespace: str, leg: str, address: str, address6: str | None, router: Device) -> None:
    if not address6:
        listens = {"accept_ra": "2", "autoconf": "1", "use_tempaddr": "2"}
        sysctl(namespace, {f"ipv6/conf/{leg}/{key}": value for key, value in listens.items()})
    lines = ["link set lo up", f"link set {leg} up", f"addr add {address}/24 dev {leg}"]
    lines.append(f"route add default via {router.address}")
    if HAS_IPV6 and address6:
        lines += [f"addr add {address6}/64 dev {leg} nodad", f"route add default via {router.address6}"]
    ip(lines, namespace)


def _wire_router(name: str, office: Office) -> None:
    router = office.router
    sysctl(f"{name}-gw", {"ipv4/ip_forward": "1", "ipv6/conf/all/forwarding": "1", "ipv4/conf/all/send_redirects": "0"})
    lines = ["link set lo up", "link set eth0 up", "link set wan0 up", f"addr add {router.address}/24 dev eth0"]
    lines += [f"addr add {office.wan_address}/24 dev wan0", f"route add default via {office.isp_address}"]
    outside = ["link set lo up", "link set eth0 up", f"addr add {OUTSIDE_ADDRESS}/24 dev eth0"]
    outside += [f"route add default via {ISP_ADDRESS}"]
    if HAS_IPV6:
        lines += [f"addr add {router.address6}/64 dev eth0 nodad", "addr add 2001:db8:71::7/64 dev wan0 nodad"]
        outside += ["addr add 2001:db8:71::99/64 dev eth0 nodad", f"route add {LAN6} via 2001:db8:71::7"]
    ip(lines, f"{name}-gw")
    ip(outside, f"{name}-outside")
    provider = [f"addr add {address}/24 dev eth0" for address in {ISP_ADDRESS, office.isp_address}]
    ip(["link set lo up", "link set eth0 up", *provider], f"{name}-isp")


def _router_rules(office: Office) -> str:
    opened = ", ".join(str(port) for port in sorted(office.wan_ports))
    accept = f"tcp dport {{ {opened} }} accept" if opened else ""
    holes = "".join(
        f'    iifname "wan0" ip6 daddr {office.made_address6(device)} tcp dport {port} accept\n'
        for device, port in sorted(office.opened6)
    )
    holes += '    iifname "wan0" meta nfproto ipv6 accept\n' if office.is_open6 else ""
    forwarded = "".join(
        f"    ip daddr {office.wan_address} tcp dport {each.outer} dnat ip to {_inner(each, office)}\n"
        for each in office.own_forwards
    )
    return f"""
table inet filter {{
  chain input {{
    type filter hook input priority 0; policy accept;
    iifname != "wan0" accept
    ct state established,related accept
    icmp type echo-request accept
    meta l4proto ipv6-icmp accept
    {accept}
    drop
  }}
  chain forward {{
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "eth0" accept
    jump miniupnpd
    iifname "wan0" ct status dnat accept
{holes}  }}
  chain miniupnpd {{
  }}
}}
table inet nat {{
  chain prerouting {{
    type nat hook prerouting priority -100; policy accept;
    jump prerouting_miniupnpd
{forwarded}  }}
  chain postrouting {{
    type nat hook postrouting priority 100; policy accept;
    oifname "wan0" meta nfproto ipv4 ip saddr {LAN} masquerade
    ip saddr {LAN} ip daddr {LAN} ct status dnat masquerade
    jump postrouting_miniupnpd
  }}
  chain prerouting_miniupnpd {{
  }}
  chain postrouting_miniupnpd {{
  }}
}}
"""


def _inner(forward: Forward, office: Office) -> str:
    return f"{office.device(forward.device).address}:{forward.inner}"


def _start(name: str, office_name: str, office: Office, folder: Path) -> dict[str, subprocess.Popen]:
    running: dict[str, subprocess.Popen] = {}
    for device in office.devices:
        own = folder / device.name
        own.mkdir()
        for part in device.parts:
            if isinstance(part, Web) and part.subject:
                certificate(device.name, part.subject, folder)
            if isinstance(part, Responder):
                continue
            what = type(part).__name__.lower()
            command = STARTERS[type(part)](part, device, own)
            running[f"{device.name}/{what}"] = _launch(
                f"{name}-{device.name}", command.words, command.environment, own / f"{what}.out"
            )
    words = [sys.executable, "-m", f"{__package__}.responders", name, office_name, str(folder)]
    running["hub/responders"] = _launch(f"{name}-hub", words, {}, folder / "responders.out")
    for what, process in running.items():
        note(folder, process=what, pid=process.pid, start=start_time(process.pid))
    return running


def _launch(namespace: str, words: list[str], more: dict[str, str], output: Path) -> subprocess.Popen:
    with output.open("wb") as file:
        return subprocess.Popen(
            ["ip", "netns", "exec", namespace, *words],
            stdin=subprocess.DEVNULL, stdout=file, stderr=file, env=os.environ | more, start_new_session=True, cwd="/",
        )  # fmt: skip


def _wait(name: str, office: Office, running: dict[str, subprocess.Popen], folder: Path) -> None:
    """Until the kernel's own tables show every port: a connection would count as a visit in the device's log."""
    deadline = time.monotonic() + READY_WITHIN_S
    waiting = list(office.devices)
    while waiting:
        waiting = [device for device in waiting if not device.ports <= listening(f"{name}-{device.name}")]
        for what, process in running.items():
            if process.poll() is not None:
                raise LabError(f"{what} ended at once with {process.returncode}: {_last_word(folder, what)}")
        if waiting and time.monotonic() > deadline:
            absent = waiting[0].ports - listening(f"{name}-{waiting[0].name}")
            raise LabError(f"{waiting[0].name} does not listen on {sorted(absent)} after {READY_WITHIN_S:.0f} s")
        time.sleep(0.03)


def _last_word(folder: Path, what: str) -> str:
    output = folder / (f"{what}.out" if (folder / f"{what}.out").exists() else "responders.out")
    return (output.read_text(errors="replace").strip().splitlines() or ["it said nothing"])[-1]


def _ask_for(forward: Forward, office: Office, name: str) -> None:
    """The device itself asks the router for its port mapping, as such boxes do (WANIPConnection:1 AddPortMapping)."""
    service = "urn:schemas-upnp-org:service:WANIPConnection:1"
    device = office.device(forward.device)
    arguments = {
        "NewRemoteHost": "", "NewExternalPort": forward.outer, "NewProtocol": "TCP", "NewInternalPort": forward.inner,
        "NewInternalClient": device.address, "NewEnabled": 1, "NewPortMappingDescription": forward.description,
        "NewLeaseDuration": 0,
    }  # fmt: skip
    body = (
        '<?xml version="1.0"?><s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/" '
        's:encodingStyle="http://schemas.xmlsoap.org/soap/encoding/"><s:Body>'
        f'<u:AddPortMapping xmlns:u="{service}">'
        + "".join(f"<{key}>{value}</{key}>" for key, value in arguments.items())
        + "</u:AddPortMapping></s:Body></s:Envelope>"
    )
    headers = {"Content-Type": "text/xml", "SOAPAction": f'"{service}#AddPortMapping"'}
    with inside(f"{name}-{device.name}"):
        connection = http.client.HTTPConnection(office.router.address, 5000, timeout=5)
        connection.request("POST", "/ctl/IPConn", body, headers)
        answer = connection.getresponse()
        text = answer.read().decode("utf-8", "replace")
        connection.close()
    if answer.status != 200:
        raise LabError(f"miniupnpd refused to forward {forward.outer}: {answer.status} {text[:300]}")
