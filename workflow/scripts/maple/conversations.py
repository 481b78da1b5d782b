"""One form for instruction records, whatever shape they come in.

A conversation is a list of ``{"role", "content"}`` with roles ``user`` and ``assistant`` in turn. The shapes
are told apart by their fields, so that a folder may hold files of several kinds.
"""

import gzip
import json
import zlib
from pathlib import Path

from maple.errors import UserError
from maple.files import read_jsonl

_ROLES = {"user": "user", "human": "user", "prompter": "user", "assistant": "assistant", "agent": "assistant",
          "gpt": "assistant", "bot": "assistant", "model": "assistant"}  # fmt: skip

# The field that holds the turns, and of a turn those that say whose it is and what was said.
_CHATS = (("messages", "role", "content"), ("conversations", "from", "value"), ("utterances", "name", "text"))


def _text(record: dict, name: str, where: str) -> str:
    """Return a field's text: empty if it is null, and of a list the first entry, as some dumps have it.

    Raises:
        UserError: There is no such field, or it holds something else.
    """
    value = record.get(name, 0)
    if isinstance(value, list) and value:
        # Super-NaturalInstructions lists several right outputs.
        value = value[0]
    if value is not None and not isinstance(value, str):
        raise UserError(f"{where}: the field {name!r} is missing or not text")
    return (value or "").strip()


def _objects(value, name: str, where: str) -> list[dict]:
    """Return a field's value if it is a list of objects.

    Raises:
        UserError: It is not.
    """
    if not isinstance(value, list) or not all(isinstance(part, dict) for part in value):
        raise UserError(f"{where}: the field {name!r} is not a list of objects")
    return value


def _exchange(instruction: str, record: dict, output: str, where: str) -> list[dict]:
    """Return the conversation of an instruction, the record's input if it has one, and its output."""
    addition = _text(record, "input", where) if "input" in record else ""
    question = f"{instruction}\n\n{addition}" if instruction and addition else instruction or addition
    return [
        {"role": "user", "content": question},
        {"role": "assistant", "content": _text(record, output, where)},
    ]


def _turns(turns: list[dict], role: str, content: str, where: str) -> list[dict]:
    """Return the conversation of a list of turns whose fields are named ``role`` and ``content``."""
    found = []
    for turn in turns:
        name = turn.get(role)
        if not isinstance(name, str) or name not in _ROLES:
            raise UserError(f"{where}: a turn of {name!r}: known are {', '.join(_ROLES)}")
        found.append({"role": _ROLES[name], "content": _text(turn, content, where)})
    # A last question without an answer teaches nothing.
    while found and found[-1]["role"] == "user":
        found.pop()
    if not found or any(turn["role"] != ("user", "assistant")[n % 2] for n, turn in enumerate(found)):
        raise UserError(f"{where}: turns must be the user's and the assistant's in turn, beginning with the user's")
    return found


def conversations(record: dict, where: str) -> list[list[dict]]:
    """Return the conversations of a raw record.

    Known shapes: Alpaca (``instruction, input, output``), self-instruct seeds (``instruction, instances``),
    Super-NaturalInstructions (``Definition, Instances``), pairs (``prompt, response``) and chats
    (``messages``, ``conversations`` or ``utterances``).

    Args:
        record: As read.
        where: File and record, for messages.

    Raises:
        UserError: The shape is not known, or a field is missing.
    """
    for name, role, content in _CHATS:
        if name in record:
            return [_turns(_objects(record[name], name, where), role, content, where)]
    if "Instances" in record:
        lines = record.get("Definition")
        lines = [lines] if isinstance(lines, str) else lines
        if not isinstance(lines, list) or not all(isinstance(line, str) for line in lines):
            raise UserError(f"{where}: the field 'Definition' is missing or not text")
        parts = _objects(record["Instances"], "Instances", where)
        return [_exchange(" ".join(lines), part, "output", where) for part in parts]
    if "instances" in record:
        instruction = _text(record, "instruction", where)
        parts = _objects(record["instances"], "instances", where)
        return [_exchange(instruction, part, "output", where) for part in parts]
    if "response" in record:
        return [_exchange(_text(record, "prompt", where), {"response": record["response"]}, "response", where)]
    if "output" in record:
        return [_exchange(_text(record, "instruction", where), record, "output", where)]
    raise UserError(
        f"{where}: the fields {', '.join(sorted(record))} are of no known shape: "
        "Alpaca's has instruction and output, a chat has messages"
    )


def read(path: Path) -> list[dict]:
    """Return the raw records of a file: a JSON list, one JSON object, or JSON lines whatever the suffix.

    Raises:
        UserError: It is none of these, damaged, or empty.
    """
    if path.suffix == ".gz":
        try:
            with gzip.open(path, "rt", encoding="utf-8") as stream:
                content = json.load(stream)
        except (gzip.BadGzipFile, zlib.error, EOFError, ValueError) as error:
            raise UserError(f"{path}: not gzipped JSON ({error}): delete it and run again") from None
    else:
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
        except (json.JSONDecodeError, UnicodeDecodeError):
            return read_jsonl(path)
    records = content if isinstance(content, list) else [content]
    if not records:
        raise UserError(f"{path}: the file is empty")
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            raise UserError(f"{path}, record {number}: expected a JSON object, found {type(record).__name__}")
    return records
