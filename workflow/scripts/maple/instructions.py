"""Instruction data: one normalised record, from Alpaca-shaped files or the hub.

A normalised record is ``{"id", "language", "messages": [{"role", "content"}, ...]}`` with roles
``user`` and ``assistant`` in turn; the loss is on the assistant's words only.
"""

import json
from pathlib import Path

from maple import manifests
from maple.errors import UserError
from maple.files import read_json, read_jsonl, write_jsonl

SAMPLE = Path(__file__).resolve().parents[3] / "resources/sample/instructions"


def _text(record: dict, key: str, where: str) -> str:
    value = record.get(key)
    if not isinstance(value, str):
        raise UserError(f"{where}: the field {key!r} is missing or not text")
    return value.strip()


def normalise(record: dict, identifier: str, language: str, where: str) -> dict:
    """Return the normalised form of an Alpaca-shaped record (instruction, input, output).

    Raises:
        UserError: A field is missing, or the instruction or the output is empty; ``where`` is named.
    """
    instruction, output = _text(record, "instruction", where), _text(record, "output", where)
    extra = _text(record, "input", where) if record.get("input") is not None else ""
    if not instruction or not output:
        raise UserError(f"{where}: {'instruction' if not instruction else 'output'} is empty")
    question = f"{instruction}\n\n{extra}" if extra else instruction
    messages = [{"role": "user", "content": question}, {"role": "assistant", "content": output}]
    return {"id": identifier, "language": language, "messages": messages}


def _raw(settings: dict, language: str) -> tuple[str, list[dict]]:
    """Return where a language's records come from, and the records."""
    if settings["source"] == "hub":
        return _from_hub(settings, language)
    folder = SAMPLE if settings["source"] == "sample" else Path(settings["path"])
    for name in (f"{language}.jsonl", f"{language}.json"):
        path = folder / name
        if path.is_file():
            records = read_jsonl(path) if path.suffix == ".jsonl" else read_json(path)
            if not isinstance(records, list) or not records:
                raise UserError(f"{path}: expected a non-empty JSON list of records")
            return str(path), records
    raise UserError(f"{folder}: has no {language}.jsonl or {language}.json: add it or take {language!r} off the list")


def _from_hub(settings: dict, language: str) -> tuple[str, list[dict]]:
    from datasets import load_dataset

    name = f"{settings['id']}@{settings['revision']}"
    # Bactrian-X has one configuration per language; MultiAlpaca one file per language.
    if settings["layout"] == "bactrian-x":
        data = load_dataset(settings["id"], language, split="train", revision=settings["revision"])
    else:
        data = load_dataset(settings["id"], data_files=f"*{language}*", split="train", revision=settings["revision"])
    return f"{name} ({language})", list(data)


def prepare(spec: str, code: str, out: Path) -> None:
    """Write ``records.jsonl`` and its index.

    Raises:
        UserError: A record is broken or an id occurs twice.
    """
    settings = json.loads(spec)
    records, counts = [], {}
    for language in settings["languages"]:
        where, raw = _raw(settings, language)
        raw = raw[: settings.get("limit")]
        seen = set()
        for number, record in enumerate(raw, 1):
            if not isinstance(record, dict):
                raise UserError(f"{where}, record {number}: expected a JSON object")
            identifier = f"{language}-{record.get('id', number)}"
            if identifier in seen:
                raise UserError(f"{where}, record {number}: the id {record['id']!r} occurs twice")
            seen.add(identifier)
            records.append(normalise(record, identifier, language, f"{where}, record {number}"))
        counts[language] = len(raw)
    target = out.parent / "records.jsonl"
    write_jsonl(target, records)
    manifests.write(
        out, spec=spec, code=code, inputs={}, files={target.name: manifests.describe(target)}, records=counts
    )


def render(messages: list[dict]) -> list[tuple[str, bool]]:
    """Return the training text of a record as pieces, each with whether the model learns to write it.

    The headings follow Alpaca's format without its preamble, so that nothing but the record's own
    language surrounds the text.
    """
    headings = {"user": "### Instruction:\n", "assistant": "### Response:\n"}
    pieces = []
    for number, message in enumerate(messages):
        gap = "\n\n" if number else ""
        pieces.append((gap + headings[message["role"]], False))
        pieces.append((message["content"], message["role"] == "assistant"))
    return pieces
