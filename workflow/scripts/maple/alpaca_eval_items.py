"""AlpacaEval's instructions with the reference outputs that a system's outputs are compared with.

An item is ``{"id", "language", "instruction", "reference"}``. Texts are kept to the letter: the order in
which the judge sees a pair is drawn from the instruction.
"""

import json
from pathlib import Path

from maple import manifests
from maple.errors import UserError
from maple.files import read_json, write_jsonl

SAMPLE = Path(__file__).resolve().parents[3] / "resources/sample/alpaca_eval"
# Whose outputs are the reference, unless the study says otherwise.
REFERENCE = {"sample": "sample", "local": "text_davinci_003", "hub": "text_davinci_003"}
_HUB = "tatsu-lab/alpaca_eval"
# Read as files: the repository has a loading script, which `datasets` no longer runs.
_HUB_FILES = {"text_davinci_003": "alpaca_eval.json", "gpt4_1106_preview": "alpaca_eval_gpt4_baseline.json"}


def local_file(settings: dict) -> Path:
    """Return the file of instructions and reference outputs, in the publisher's layout."""
    folder = SAMPLE if settings["source"] == "sample" else Path(settings["path"])
    return folder / "results" / settings["reference"] / "model_outputs.json"


def _hub_file(settings: dict) -> tuple[str, Path]:
    from maple import hub

    if settings["reference"] not in _HUB_FILES:
        raise UserError(
            f"alpaca_eval.reference is {settings['reference']!r}: the hub has {' and '.join(_HUB_FILES)}; "
            "for another model use source: local"
        )
    name = _HUB_FILES[settings["reference"]]
    return f"{_HUB}@{settings['revision']}/{name}", hub.dataset_file(_HUB, name, settings["revision"])


def read(settings: dict) -> list[dict]:
    """Return the items in the order of the file.

    Args:
        settings: ``source``, ``reference``, and ``path`` or ``revision``.

    Raises:
        UserError: There is no such file, or a record is broken; the record is named.
    """
    if settings["source"] == "hub":
        where, path = _hub_file(settings)
    else:
        path = local_file(settings)
        where = str(path)
        if not path.is_file():
            raise UserError(f"{path}: file not found: correct alpaca_eval.path or alpaca_eval.reference")
    records = read_json(path)
    if not isinstance(records, list) or not records:
        raise UserError(f"{where}: expected a list of records with instruction and output")
    items, seen = [], {}
    for number, record in enumerate(records, 1):
        row = f"{where}, record {number}"
        texts = [_text(record, name, row) for name in ("instruction", "output")]
        if not texts[0].strip():
            raise UserError(f"{row}: the instruction is empty")
        if texts[0] in seen:
            raise UserError(f"{row}: the instruction of record {seen[texts[0]]} again: delete one of them")
        seen[texts[0]] = number
        items.append({"id": f"{number:05d}", "language": "en", "instruction": texts[0], "reference": texts[1]})
    return items


def _text(record: dict, name: str, row: str) -> str:
    """Return a field's text; a reference output may be empty, as two published ones are."""
    text = record.get(name) if isinstance(record, dict) else None
    if not isinstance(text, str):
        raise UserError(f"{row}: the field {name!r} is missing or not text")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UserError(f"{row}: the field {name!r} has half a surrogate pair: correct it") from None
    return text


def prepare(spec: str, code: str, out: Path) -> None:
    """Write ``items.jsonl`` and its index."""
    settings = json.loads(spec)
    items = read(settings)[: settings.get("limit")]
    target = out.parent / "items.jsonl"
    write_jsonl(target, items)
    entry = manifests.describe(target) | {"items": len(items)}
    manifests.write(out, spec=spec, code=code, inputs={}, files={target.name: entry})
