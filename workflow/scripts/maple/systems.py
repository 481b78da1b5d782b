"""Systems: what gets evaluated, and the path that is its coordinates.

A system is a base model at a precision, either untuned (``gemma-3-270m/4bit/base``) or with one
adapter (``gemma-3-270m/4bit/sample/lora-r64/seed0``).
"""

import re
from dataclasses import dataclass

SLUG = r"[a-z0-9](?:[a-z0-9._-]{0,61}[a-z0-9])?"
_PATH = re.compile(
    rf"(?P<model>{SLUG})/(?P<bits>4|8|16)bit/"
    rf"(?:base|(?P<data>{SLUG})/(?P<method>{SLUG})-r(?P<rank>[1-9]\d*)/seed(?P<seed>\d+))"
)


@dataclass(frozen=True, order=True)
class System:
    """Coordinates of a system; the four training coordinates are ``None`` for an untuned base."""

    model: str
    bits: int
    data: str | None = None
    method: str | None = None
    rank: int | None = None
    seed: int | None = None

    @property
    def is_base(self) -> bool:
        """Whether this is an untuned base."""
        return self.data is None

    @property
    def base(self) -> "System":
        """The untuned base at the same precision."""
        return System(self.model, self.bits)

    @property
    def path(self) -> str:
        """The coordinates as a relative path."""
        stem = f"{self.model}/{self.bits}bit"
        if self.is_base:
            return f"{stem}/base"
        return f"{stem}/{self.data}/{self.method}-r{self.rank}/seed{self.seed}"

    @classmethod
    def parse(cls, path: str) -> "System":
        """Return the system of a path.

        Raises:
            ValueError: The path has another form.
        """
        match = _PATH.fullmatch(path)
        if not match:
            raise ValueError(f"{path!r} is not the path of a system")
        found = match.groupdict()
        numbers = {key: None if found[key] is None else int(found[key]) for key in ("bits", "rank", "seed")}
        return cls(**(found | numbers))
