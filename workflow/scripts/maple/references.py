"""Published scores of other models, from ``config/references.csv``."""

import csv
import io
from dataclasses import asdict, dataclass
from functools import lru_cache
from pathlib import Path

from maple import languages
from maple.benchmarks import DECLARED
from maple.canonical import digest
from maple.errors import UserError

TABLE = Path(__file__).resolve().parents[3] / "config/references.csv"
COLUMNS = ("benchmark", "language", "model", "parameters", "setup", "scoring", "metric", "score", "flag", "source")


@dataclass(frozen=True)
class Reference:
    """A published score.

    Attributes:
        benchmark: Name of the benchmark.
        language: Our code.
        model: Whose score it is.
        parameters: Billions of weights; ``None`` if not disclosed.
        setup: Where demonstrations came from, in the publication's words.
        scoring: How it was measured: likelihood or generation.
        score: The score as a share, not in per cent.
        flag: Why it should not be trusted; empty if nothing speaks against it.
        source: The publication.
    """

    benchmark: str
    language: str
    model: str
    parameters: float | None
    setup: str
    scoring: str
    score: float
    flag: str
    source: str


def _number(text: str, low: float, high: float) -> float | None:
    """Return a number within bounds, or ``None`` if the text is none."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if low <= value <= high else None


def _parse(row: dict, where: str) -> Reference:
    """Return the reference of a row; errors name the row, the field and the remedy."""
    for column in COLUMNS:
        if row[column] is None or (not row[column].strip() and column not in {"parameters", "flag"}):
            raise UserError(f"{where}: {column} is empty: fill it in or delete the row")
    name, code = row["benchmark"], row["language"]
    if name not in DECLARED:
        raise UserError(f"{where}: unknown benchmark {name!r}: use one of {', '.join(DECLARED)}")
    table = languages.load()
    if code not in table or name not in table[code].codes:
        having = ", ".join(other.code for other in table.values() if name in other.codes)
        raise UserError(f"{where}: {name} has no language {code!r}: use one of {having} (config/languages.csv)")
    if row["scoring"] not in {"likelihood", "generation"}:
        raise UserError(f"{where}: scoring {row['scoring']!r} must be likelihood or generation")
    if row["metric"] != DECLARED[name].metric:
        raise UserError(f"{where}: metric {row['metric']!r}: scores of {name} must be {DECLARED[name].metric}")
    score = _number(row["score"], 0, 100)
    if score is None:
        raise UserError(f"{where}: score {row['score']!r} must be a number from 0 to 100 (per cent)")
    parameters = _number(row["parameters"], 0.001, 1e6) if row["parameters"] else None
    if row["parameters"] and parameters is None:
        raise UserError(
            f"{where}: parameters {row['parameters']!r} must be billions of weights, or empty if not disclosed"
        )
    facts = {key: row[key] for key in ("benchmark", "language", "model", "setup", "scoring", "flag", "source")}
    return Reference(**facts, parameters=parameters, score=score / 100)


@lru_cache
def load(path: Path = TABLE) -> tuple[Reference, ...]:
    """Return all published scores.

    Raises:
        UserError: The file is not a table of these columns, or a row is wrong or occurs twice.
    """
    try:
        text = Path(path).read_text(encoding="utf-8")
    except (FileNotFoundError, UnicodeDecodeError):
        raise UserError(f"{path}: not there or not UTF-8 text: restore it from the repository") from None
    reader = csv.DictReader(io.StringIO(text, newline=""))
    if tuple(reader.fieldnames or ()) != COLUMNS:
        raise UserError(f"{path}, line 1: the columns must be {','.join(COLUMNS)}")
    found: dict[tuple, Reference] = {}
    for row in reader:
        where = f"{path}, line {reader.line_num}"
        if None in row:
            raise UserError(f"{where}: more than {len(COLUMNS)} fields: put text with commas in quotes")
        reference = _parse(row, where)
        key = (reference.benchmark, reference.language, reference.model, reference.setup)
        if key in found:
            raise UserError(f"{where}: {', '.join(key)} occurs twice: delete one of the rows")
        found[key] = reference
    return tuple(found.values())


def of(benchmark: str, codes: list[str], path: Path = TABLE) -> list[Reference]:
    """Return the published scores of a benchmark in some languages, in the file's order."""
    return [part for part in load(path) if part.benchmark == benchmark and part.language in codes]


def content(benchmark: str, codes: list[str]) -> str:
    """Return the digest of the published scores that a benchmark's tables use."""
    return digest([asdict(part) for part in of(benchmark, codes)])[:16]
