"""The one way to write a value down so that equal values give equal digests."""

import hashlib
import json


def canonical(value) -> str:
    """Return the one JSON string that stands for ``value``: keys sorted, no spaces, nothing rounded."""
    return json.dumps(value, sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False)


def digest(value) -> str:
    """Return the SHA-256 of the canonical form of ``value``."""
    return hashlib.sha256(canonical(value).encode()).hexdigest()
