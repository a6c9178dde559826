"""Runs every fingerprint's own examples against all fingerprints together."""

from collections.abc import Iterator

from ..knowledge import patterns
from ..knowledge.fingerprints import Example, Fingerprint, Fingerprints
from ..knowledge.text_yaml import KnowledgeError
from ..model import Endpoint, Identity, Observation
from . import Identifier

_ANYWHERE = Endpoint("192.0.2.1", 80)


def faults(fingerprints: Fingerprints, engine: patterns.Engine | None = None) -> Iterator[KnowledgeError]:
    """Every example that does not come out as its fingerprint says, with the file and line it stands on.

    The example must match its own fingerprint, a counter-example must not, and all fingerprints together must name the
    maker and the other attributes that are expected: a wrong vendor is somebody's too greedy pattern.
    """
    everything = Identifier(fingerprints, engine)
    for one in fingerprints.all:
        alone = Identifier(Fingerprints.of([one], fingerprints.makers, fingerprints.tables, fingerprints.needs), engine)
        for example in one.examples:
            observations = [Observation.of(_ANYWHERE, example.give)]
            is_match = any(explanation.is_match for explanation in alone.explain(observations))
            if example.expect is None:
                if is_match:
                    yield KnowledgeError(
                        one.where, example.line, f"{one.name!r} matches its counter-example: narrow its pattern"
                    )
            elif not is_match:
                what = f"{one.name!r} does not match its own example: correct its pattern or the example"
                yield KnowledgeError(one.where, example.line, what)
            else:
                yield from _differences(one, example, everything.identify(observations))


def _differences(one: Fingerprint, example: Example, identity: Identity | None) -> Iterator[KnowledgeError]:
    told = {} if identity is None else {name: getattr(identity, name) for name in _TEXTS}
    if identity is not None:
        told |= {"partial": "true" if identity.partial else "false", "traits": " ".join(sorted(identity.traits))}
    expected = dict(example.expect or {})
    if one.vendor and "vendor" not in expected:
        expected["vendor"] = one.vendor
    for attribute, value in expected.items():
        if (told.get(attribute) or "") != value:
            given = f"{attribute} {told.get(attribute)!r}{_culprit(identity, attribute)}"
            yield KnowledgeError(one.where, example.line, f"{one.name!r} gives {given}, expected is {value!r}")


def _culprit(identity: Identity | None, attribute: str) -> str:
    evidence = identity.evidence if identity else ()
    return next((f" (by {match.fingerprint!r})" for match in evidence if match.attribute == attribute), "")


_TEXTS = ("vendor", "model", "hardware_revision", "firmware", "kind", "cpe", "fork")
