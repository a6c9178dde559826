"""Measures matching beside a plain loop of `re`, and `identify` beside reading and writing its JSON; prints the table.

Run from the checkout: `python tests/benchmarks/bench_identify.py [ROUNDS]`. Needs no root and no network. The figures
are ratios of processor time, taken in turns in one process; the patterns and the answers are made up here.
"""

import gc
import json
import os
import random
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from sohoaudit.identify import lines
from sohoaudit.identify.index import Index
from sohoaudit.knowledge import patterns
from sohoaudit.knowledge.fingerprints import Condition, Fingerprint, Fingerprints, load, load_with_examples

ROUNDS = int(sys.argv[1]) if len(sys.argv) > 1 else 3
FIELDS = ("http.title", "http.server", "http.body", "http.www_authenticate", "ssh.banner", "ftp.banner",
          "telnet.banner", "snmp.sysdescr", "upnp.server", "sip.user_agent", "tls.subject", "smtp.banner")  # fmt: skip
GOAL_RATIO, GOAL_WORST_MS, GOAL_LOAD_MS, GOAL_BYTES, GOAL_JSON = 25.0, 5.0, 50.0, 60_000_000, 3.0
LARGE_CHARS, LINES = 65_536, 10_000

dice = random.Random(4)
Answers = list[dict[str, str]]


def main() -> None:
    """Print each figure beside its goal."""
    for count in (1_000, 5_000):
        known = made_up(count)
        observations = [answer(known) for _ in range(2_000)]
        ours, theirs = _matching(known, observations)
        print(f"{count} patterns: ours {ours:.1f} µs an answer, a loop of re {theirs:.1f} µs,"
              f" {theirs / ours:.0f} times (goal {GOAL_RATIO:g} at 5000)")  # fmt: skip
    index = Index(known, patterns.engine())
    slowest = max((_worst_ms(index, text), name) for name, text in large_texts(known))
    print(f"slowest answer of 64 KB, 5000 patterns: {slowest[0]:.1f} ms ({slowest[1]}; goal {GOAL_WORST_MS:g})")
    shipped = load_with_examples()
    index = Index(shipped, patterns.engine())
    slowest = max((_worst_ms(index, text), name) for name, text in (*large_texts(shipped), *torn(shipped)))
    print(f"slowest answer of 64 KB, {len(shipped.all)} of ours: {slowest[0]:.1f} ms ({slowest[1]})")
    load()
    times = [_cost(load) * 1e3 for _ in range(5)]
    print(f"loading {len(shipped.all)} fingerprints: {statistics.median(times):.1f} ms (goal {GOAL_LOAD_MS:g})")
    print(f"memory for the fields of one office: {_office_bytes() / 1e6:.0f} MB more (goal {GOAL_BYTES / 1e6:.0f})")
    examples = [dict(example.give) for one in shipped.all for example in one.examples if example.expect is not None]
    for name, answers in (
        ("a fleet, each answer seen some times", [dice.choice(examples) for _ in range(LINES)]),
        ("an office, no two lines alike", list(office(examples))),
        ("examples with one letter in twelve changed", [_changed(dice.choice(examples)) for _ in range(LINES)]),
    ):
        ours, theirs, fastest = _lines(shipped, answers)
        print(f"identify, {LINES} lines, {name}: {ours:.0f} µs a line, {ours / theirs:.1f} times Python's json"
              f" with {theirs:.1f} µs (goal {GOAL_JSON:g}){fastest}")  # fmt: skip


def office(examples: Answers) -> Iterable[dict[str, str]]:
    """What the endpoints of many offices say, as a scan of nmap's kind would hand it over; no two lines are alike.

    One in three is a device that is known, drawn so that a few are seen often and most seldom (Zipf), with what
    belongs to the one box beside it: a session, a serial number, a key, a date. The others are what else answers in an
    office (web, mail and file servers, Windows, Linux, television sets), with host names, versions, dates and numbers.
    """
    popular = list(examples)
    dice.shuffle(popular)
    weights = [1 / rank for rank in range(1, len(popular) + 1)]
    for _ in range(LINES):
        if dice.random() < 1 / 3:
            yield {**dice.choice(_OWN)(), **dice.choices(popular, weights)[0]}
        else:
            yield dice.choice(_OTHERS)()


def made_up(count: int) -> Fingerprints:
    """Fingerprints of makers that do not exist: a name, a model and often a version, one in ten in a page."""
    found = []
    for number in range(count):
        maker, field = _word(), "http.body" if number % 10 == 0 else dice.choice(FIELDS)
        shape = dice.choice((
            rf"{maker} (?P<model>{_word(3).upper()}-\d+\w*)",
            rf"^{maker}[ /-]v?(?P<firmware>\d+\.\d+[\w.]*)",
            rf"(?i){maker}(?: Router| Gateway)? (?P<model>[A-Z]{{2,4}}\d{{2,5}}).*?(?P<firmware>\d+\.\d+)",
            rf'"{maker}Version"\s*:\s*"(?P<firmware>[^"]+)"',
        ))  # fmt: skip
        found.append(Fingerprint(f"{maker} {number}", None, None, (Condition(field, (shape,)),)))
    needs = {pattern: patterns.needed(pattern) for one in found for c in one.when for pattern in c.patterns}
    return Fingerprints.of(found, {}, {}, needs)


def answer(known: Fingerprints) -> dict[str, str]:
    """What one endpoint might say: a hit in four of ten, near misses, and one page of 6 KB in ten."""
    one = dice.choice(known.all)
    field, maker = one.when[0].field, one.name.split()[0]
    text = f"{maker} {_word(3).upper()}-{dice.randrange(100, 9999)} v{dice.randrange(9)}.{dice.randrange(99)}"
    if dice.random() < 0.6:
        text = _noisy(text, 0.12)
    if field == "http.body" or dice.random() < 0.1:
        filler = " ".join(f"<td class='{_word()}'>{_word()}</td>" for _ in range(200))
        return {"http.body": f"<html><body>{filler}<b>{text}</b></body></html>"}
    return {field: text}


def large_texts(known: Fingerprints) -> Iterable[tuple[str, dict[str, str]]]:
    """Answers of 64 KB: what makes backtracking slow, and pages full of the words that patterns wait for."""
    literals = sorted({literal for needed in known.needs.values() for literal in needed})
    texts = {
        "one letter": "a" * LARGE_CHARS,
        "digits and dots": "1.2." * (LARGE_CHARS // 4),
        "blanks": " " * LARGE_CHARS,
        "quotes": '="' * (LARGE_CHARS // 2),
        "open tags": "<td>" * (LARGE_CHARS // 4),
        "lines": "v1\n" * (LARGE_CHARS // 3),
        "literals": " ".join(dice.choices(literals, k=LARGE_CHARS // 8))[:LARGE_CHARS],
        "noise": "".join(dice.choices("abcdefgh0123456789<>/=\"' -.", k=LARGE_CHARS)),
    }
    for name, text in texts.items():
        for field in ("http.body", "http.title", "snmp.sysdescr", "tls.subject"):
            yield f"{name} in {field}", {field: text}


def torn(known: Fingerprints) -> Iterable[tuple[str, dict[str, str]]]:
    """Pages of 64 KB with an example around them, so that a pattern that reaches far has far to reach."""
    for one in known.all:
        for example in one.examples:
            for field, value in example.give.items():
                if field.startswith("http.body"):
                    filler = ("1.2 " * (LARGE_CHARS // 4))[: LARGE_CHARS - len(value)]
                    half = len(value) // 2
                    yield f"{one.title}, torn apart", {field: value[:half] + filler + value[half:]}


def _matching(known: Fingerprints, observations: Answers) -> tuple[float, float]:
    """Microseconds an answer, ours and a loop of `re`, both warm and without any memory of what was asked before."""
    by_field: dict[str, list[re.Pattern[str]]] = {}
    for one in known.all:
        for condition in one.when:
            by_field.setdefault(condition.field, []).extend(map(re.compile, condition.patterns))
    index = Index(known, patterns.engine())
    fresh = [[{name: f"{value} {number}" for name, value in one.items()} for one in observations]
             for number in range(ROUNDS + 1)]  # fmt: skip

    def loop(batch: Answers) -> int:
        return sum(1 for one in batch for name, value in one.items() for p in by_field.get(name, ()) if p.search(value))

    def indexed(batch: Answers) -> int:
        return sum(len(index.hits(one)) for one in batch)

    if loop(fresh[0]) != indexed(fresh[0]):
        sys.exit("bench_identify: the two ways to match differ in their answers")
    theirs = [_cost(lambda batch=batch: loop(batch)) for batch in fresh[1:]]
    ours = [_cost(lambda batch=batch: indexed(batch)) for batch in fresh[1:]]
    each = 1e6 / len(observations)
    return statistics.median(ours) * each, statistics.median(theirs) * each


def _worst_ms(index: Index, fields: dict[str, str]) -> float:
    """Once warm, the best of three: what is measured is the text, and not who else uses the machine."""
    index.hits(fields)
    return min(_cost(lambda: index.hits(fields)) for _ in range(3)) * 1e3


def _lines(known: Fingerprints, answers: Answers) -> tuple[float, float, str]:
    """Microseconds a line: `identify`, cold, and reading the same lines and writing the same answers as JSON.

    What `identify` uses itself is Python's json; a line says what orjson would take, where that is installed.
    """
    asked = [
        json.dumps({"id": number, "observations": [{"field": name, "value": value} for name, value in one.items()]})
        for number, one in enumerate(answers)
    ]
    told = [json.loads(text) for text, _ in lines.answers(asked, known)]
    with Path(os.devnull).open("w", encoding="utf-8") as sink:

        def identify() -> None:
            for text, _ in lines.answers(asked, known):
                sink.write(text + "\n")

        def copy() -> None:
            for line, one in zip(asked, told, strict=True):
                json.loads(line)
                sink.write(json.dumps(one) + "\n")

        gc.collect()
        gc.freeze()
        costs = [(_cost(identify), _cost(copy)) for _ in range(ROUNDS)]
    ours, theirs = (statistics.median(column) * 1e6 / len(asked) for column in zip(*costs, strict=True))
    try:
        import orjson
    except ImportError:
        return ours, theirs, ""
    fastest = _cost(lambda: [(orjson.loads(line), orjson.dumps(one)) for line, one in zip(asked, told, strict=True)])
    return ours, theirs, f", {ours / (fastest * 1e6 / len(asked)):.0f} times orjson"


def _office_bytes() -> int:
    """What the memory of a process grows by from loading our fingerprints and asking the ten fields of an office."""
    script = """
import os, sys
from sohoaudit.identify import Identifier
from sohoaudit.knowledge.fingerprints import load
grown = lambda: int(open("/proc/self/statm").read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = grown()
identifier = Identifier(load())
for field in sys.argv[1:]:
    for value in ("NETGEAR R7000 V1.0.9", "Linux DS220 4.4.59", "lighttpd/1.4.35 mini_httpd", "x" * 3000):
        identifier.identify_fields({field: value})
print(grown() - before)
"""
    words = [sys.executable, "-c", script, *FIELDS]
    return int(subprocess.run(words, check=True, capture_output=True, text=True).stdout)


def _cost(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started


def _changed(fields: dict[str, str]) -> dict[str, str]:
    return {name: _noisy(value, 0.08) for name, value in fields.items()}


def _noisy(text: str, share: float) -> str:
    return "".join(dice.choice("abcdefgh0123456789") if dice.random() < share else one for one in text)


def _word(length: int = 0) -> str:
    return "".join(dice.choice("bcdfghklmnprstvz") + dice.choice("aeiou") for _ in range((length or 8) // 2))


def _hex(digits: int) -> str:
    return f"{dice.getrandbits(4 * digits):0{digits}x}"


def _serial() -> str:
    return "".join(dice.choices("ABCDEFGHJKLMNPRSTUVWXYZ", k=3)) + str(dice.randrange(10**8, 10**9))


def _host() -> str:
    return f"{dice.choice(('pc', 'srv', 'nb', 'print', 'tv'))}-{dice.choice(('front', 'stock', 'boss'))}-{_number()}"


def _number() -> int:
    return dice.randrange(1000)


def _date() -> str:
    day = f"{dice.randrange(1, 29):02} {dice.choice(('Jan', 'Mar', 'Jul', 'Oct'))} 20{dice.randrange(10, 27)}"
    return f"Mon, {day} {dice.randrange(24):02}:{dice.randrange(60):02}:{dice.randrange(60):02} GMT"


def _listing() -> str:
    return "".join(f'<a href="{_host()}.txt">{_host()}.txt</a> {_date()} {_number()}\n' for _ in range(8))


_OWN = (
    lambda: {"http.set_cookie": f"SESSION={_hex(32)}; path=/; HttpOnly"},
    lambda: {"http.last_modified": _date()},
    lambda: {"tls.subject": f"CN={_host()}.lan, serialNumber={_serial()}", "tls.sha256": _hex(64)},
    lambda: {"ssh.hostkey": f"SHA256:{_hex(43)}"},
    lambda: {"snmp.sysname": f"{_host()}-{_serial()}"},
    lambda: {"upnp.udn": f"uuid:{_hex(8)}-{_hex(4)}-{_hex(4)}-{_hex(12)}", "upnp.serial_number": _serial()},
)
_OTHERS = (
    lambda: {"http.server": f"Apache/2.4.{_number()} (Ubuntu)", "http.title": f"Tickets of {_host()} {_serial()}"},
    lambda: {"http.server": f"nginx/1.{dice.randrange(10, 27)}.{dice.randrange(4)}", "http.title": "Welcome to nginx!",
             "http.set_cookie": f"PHPSESSID={_hex(26)}; path=/"},
    lambda: {"http.server": "Microsoft-IIS/10.0", "http.title": "IIS Windows Server",
             "http.last_modified": _date(), "http.header.etag": _hex(16)},
    lambda: {"ssh.banner": f"SSH-2.0-OpenSSH_{dice.randrange(7, 10)}.{_number()}p1 Ubuntu-3ubuntu0.{_number()}",
             "ssh.hostkey": f"SHA256:{_hex(43)}"},
    lambda: {"tls.subject": f"CN={_host()}.example.com", "tls.issuer": "CN=R3, O=Let's Encrypt, C=US",
             "tls.sha256": _hex(64)},
    lambda: {"snmp.sysdescr": f"Linux {_host()} 5.4.0-{_number()}-generic #{_number()}-Ubuntu SMP {_date()} x86_64"},
    lambda: {"snmp.sysdescr": f"Hardware: Intel64 Family 6 Model {_number()} Stepping {_number()} AT/AT COMPATIBLE -"
             f" Software: Windows Version 6.3 (Build {_number()}{_number()} Multiprocessor Free)"},
    lambda: {"smtp.banner": f"220 {_host()}.example.com ESMTP Postfix; {_date()}"},
    lambda: {"ftp.banner": f"220 {_host()} FTP server (Version {_number()}.{_number()}) ready. {_date()}"},
    lambda: {"telnet.banner": f"{_host()} login: \nlast login {_date()}"},
    lambda: {"upnp.friendly_name": f"Living room {_number()}", "upnp.udn": f"uuid:{_hex(32)}",
             "upnp.serial_number": _serial()},
    lambda: {"http.title": f"Index of /{_serial()}", "http.body": f"<html><body><pre>{_listing()}</pre></body></html>"},
)  # fmt: skip


if __name__ == "__main__":
    main()
