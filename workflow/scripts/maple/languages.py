"""Languages: one code each, mapped to every benchmark's own codes in ``config/languages.csv``."""

import csv
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from maple.errors import UserError

TABLE = Path(__file__).resolve().parents[3] / "config/languages.csv"
_FACTS = ("code", "name", "script", "joshi_class", "family")


@dataclass(frozen=True)
class Language:
    """A row of the table.

    Attributes:
        code: Our code, BCP 47 style.
        name: English name.
        script: ISO 15924 code.
        joshi_class: Resource class 0 (least) to 5 (most) of Joshi et al. 2020, ``None`` if not classified.
        family: Language family.
        codes: Benchmark or data set -> the code it uses, for those that have the language.
    """

    code: str
    name: str
    script: str
    joshi_class: int | None
    family: str
    codes: dict[str, str]


@lru_cache
def load(path=TABLE) -> dict[str, Language]:
    """Return the table, by code.

    Raises:
        UserError: A code occurs twice or a class is not 0 to 5.
    """
    table = {}
    with open(Path(path), encoding="utf-8", newline="") as stream:
        for number, row in enumerate(csv.DictReader(stream), 2):
            if row["code"] in table:
                raise UserError(f"{path}, line {number}: language code {row['code']!r} occurs twice")
            if row["joshi_class"] not in {"", "0", "1", "2", "3", "4", "5"}:
                raise UserError(f"{path}, line {number}: joshi_class {row['joshi_class']!r} is not 0 to 5 or empty")
            facts = {key: row[key] for key in _FACTS} | {
                "joshi_class": int(row["joshi_class"]) if row["joshi_class"] else None
            }
            codes = {key: value for key, value in row.items() if key not in _FACTS and value}
            table[row["code"]] = Language(**facts, codes=codes)
    return table
