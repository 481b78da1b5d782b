"""Benchmarks: one normalised item per kind, whatever the source.

A choice item is ``{"id", "language", "fields": {...}, "options": [...], "gold": "..."}``.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path

from maple import languages, manifests
from maple.errors import UserError
from maple.files import read_jsonl, write_jsonl

SAMPLE = Path(__file__).resolve().parents[3] / "resources/sample"


@dataclass(frozen=True)
class Benchmark:
    """What is fixed about a benchmark.

    Attributes:
        name: In words.
        hub: Repository on the hub.
        fields: Text fields of an item.
        options: The labels, in the publisher's order.
        licence: Of the published data.
    """

    name: str
    hub: str
    fields: tuple[str, ...]
    options: tuple[str, ...]
    licence: str

    @property
    def chance(self) -> float:
        """Accuracy of guessing."""
        return 1 / len(self.options)


DECLARED = {
    "xnli": Benchmark(
        name="XNLI",
        hub="facebook/xnli",
        fields=("premise", "hypothesis"),
        options=("entailment", "neutral", "contradiction"),
        licence="CC BY-NC 4.0",
    ),
}


def declared(benchmark: str) -> Benchmark:
    """Return a benchmark's declaration.

    Raises:
        UserError: This version cannot run it yet.
    """
    if benchmark not in DECLARED:
        raise UserError(f"benchmarks.{benchmark}: this version evaluates {', '.join(DECLARED)} only")
    return DECLARED[benchmark]


def _local(folder: Path, benchmark: Benchmark, code: str, split: str) -> tuple[Path, list[dict]]:
    """Return records of a local folder: ``<code>.jsonl``, or the publisher's (XTREME's) TSV layout."""
    jsonl = folder / f"{code}.jsonl"
    if jsonl.is_file():
        return jsonl, read_jsonl(jsonl)
    tsv = folder / f"{'dev' if split == 'validation' else split}-{code}.tsv"
    if not tsv.is_file():
        raise UserError(f"{folder}: has neither {jsonl.name} nor {tsv.name}: correct path, split or languages")
    with open(tsv, encoding="utf-8", newline="") as stream:
        rows = list(csv.reader(stream, delimiter="\t", quoting=csv.QUOTE_NONE))
    if not rows:
        raise UserError(f"{tsv}: the file is empty")
    columns = (*benchmark.fields, "label")
    for number, row in enumerate(rows, 1):
        if len(row) != len(columns):
            raise UserError(f"{tsv}, line {number}: {len(row)} columns, expected {', '.join(columns)}")
    return tsv, [dict(zip(columns, row, strict=True)) for row in rows]


def _hub(benchmark: Benchmark, code: str, split: str, revision: str) -> tuple[str, list[dict]]:
    from datasets import load_dataset

    data = load_dataset(benchmark.hub, code, split=split, revision=revision)
    names = data.features["label"].names
    records = [{**{f: row[f] for f in benchmark.fields}, "label": names[row["label"]]} for row in data]
    return f"{benchmark.hub}@{revision} ({code})", records


def normalise(raw: list[dict], benchmark: Benchmark, language: str, where: str) -> list[dict]:
    """Return the normalised items of one language.

    Raises:
        UserError: A field is missing or empty, a label is unknown, or an id occurs twice; the row is named.
    """
    items, seen = [], set()
    for number, record in enumerate(raw, 1):
        row = f"{where}, line {number}"
        for field in benchmark.fields:
            if not isinstance(record.get(field), str) or not record[field].strip():
                raise UserError(f"{row}: the field {field!r} is missing or empty")
        if record.get("label") not in benchmark.options:
            raise UserError(f"{row}: label {record.get('label')!r} is not one of {', '.join(benchmark.options)}")
        identifier = str(record.get("id", f"{number:05d}"))
        if identifier in seen:
            raise UserError(f"{row}: the id {identifier!r} occurs twice")
        seen.add(identifier)
        items.append(
            {
                "id": identifier,
                "language": language,
                "fields": {field: record[field].strip() for field in benchmark.fields},
                "options": list(benchmark.options),
                "gold": record["label"],
            }
        )
    return items


def prepare(spec: str, code: str, out: Path, wanted: list[str]) -> None:
    """Write one file of items per language, and the index.

    The index keeps languages prepared earlier under the same spec, so that dropping a language from the
    config and taking it back changes nothing.

    Args:
        spec: Canonical spec of the benchmark.
        code: Code digest.
        out: The index.
        wanted: Language codes.
    """
    settings = json.loads(spec)
    benchmark = declared(settings["benchmark"])
    table = languages.load()
    files = _kept(spec, code, out, wanted)
    for language in wanted:
        own = table[language].codes[settings["benchmark"]]
        if settings["source"] == "hub":
            where, raw = _hub(benchmark, own, settings["split"], settings["revision"])
        else:
            folder = SAMPLE / settings["benchmark"] if settings["source"] == "sample" else Path(settings["path"])
            where, raw = _local(folder, benchmark, own, settings["split"])
        limit = settings.get("limits", {}).get(language, settings.get("limit"))
        items = normalise(raw, benchmark, language, str(where))[:limit]
        target = out.parent / f"{language}.jsonl"
        write_jsonl(target, items)
        files[target.name] = manifests.describe(target) | {"items": len(items)}
    manifests.write(out, spec=spec, code=code, inputs={}, files=files)


def _kept(spec: str, code: str, out: Path, wanted: list[str]) -> dict:
    """Return the undamaged entries of an earlier index with the same spec and code, other languages only."""
    if not out.is_file():
        return {}
    earlier = json.loads(out.read_text(encoding="utf-8"))
    if earlier["spec"] != json.loads(spec) or earlier["code"] != code:
        return {}
    others = {name: entry for name, entry in earlier["files"].items() if Path(name).stem not in wanted}
    return {name: entry for name, entry in others.items() if not manifests.damage(out.parent, {name: entry})}
