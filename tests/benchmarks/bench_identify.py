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
LARGE_CHARS = 65_536

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
    slowest = max((_worst_ms(index, text), name) for name, text in large_texts(shipped))
    print(f"slowest answer of 64 KB, {len(shipped.all)} of ours: {slowest[0]:.1f} ms ({slowest[1]})")
    load()
    times = [_cost(load) * 1e3 for _ in range(5)]
    print(f"loading {len(shipped.all)} fingerprints: {statistics.median(times):.1f} ms (goal {GOAL_LOAD_MS:g})")
    print(f"memory for the fields of one office: {_office_bytes() / 1e6:.0f} MB more (goal {GOAL_BYTES / 1e6:.0f})")
    examples = [dict(example.give) for one in shipped.all for example in one.examples if example.expect is not None]
    for name, changed in (("a fleet (each answer seen some times)", 0.0), ("every answer differs", 0.08)):
        ours, theirs = _lines(shipped, [_changed(dice.choice(examples), changed) for _ in range(10_000)])
        print(f"identify, 10000 lines, {name}: {ours:.0f} µs a line, its JSON {theirs:.0f} µs,"
              f" {ours / theirs:.1f} times (goal {GOAL_JSON:g})")  # fmt: skip


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


def _lines(known: Fingerprints, answers: Answers) -> tuple[float, float]:
    """Microseconds a line: `identify`, cold, and reading the same lines and writing the same answers as JSON."""
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
    ours, theirs = (statistics.median(column) for column in zip(*costs, strict=True))
    return ours * 1e6 / len(asked), theirs * 1e6 / len(asked)


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


def _changed(fields: dict[str, str], share: float) -> dict[str, str]:
    return {name: _noisy(value, share) for name, value in fields.items()} if share else fields


def _noisy(text: str, share: float) -> str:
    return "".join(dice.choice("abcdefgh0123456789") if dice.random() < share else one for one in text)


def _word(length: int = 0) -> str:
    return "".join(dice.choice("bcdfghklmnprstvz") + dice.choice("aeiou") for _ in range((length or 8) // 2))


if __name__ == "__main__":
    main()
