"""Reads `fingerprints/shared-keys.yaml`: private keys that many boxes carry, so that they tell no two apart."""

from collections.abc import Mapping
from functools import cache

from . import shipped, text_yaml


@cache
def owners() -> Mapping[str, str]:
    """Whose key it is, by the SHA-256 (lower-case hex) of the certificate or of its public key.

    Raises:
        KnowledgeError: the file is not as it should be.
    """
    where = "fingerprints/shared-keys.yaml"
    text = (shipped("fingerprints") / "shared-keys.yaml").read_text(encoding="utf-8")
    root = text_yaml.load(text, where).root
    if not isinstance(root, text_yaml.Mapping) or not isinstance(keys := root.get("keys"), text_yaml.Listing):
        raise text_yaml.KnowledgeError(where, 1, "a list under 'keys' is expected")
    return {str(key["sha256"]): str(key["owner"]) for key in keys if isinstance(key, text_yaml.Mapping)}
