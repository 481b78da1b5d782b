"""Reading and writing files so that nothing half-written is ever seen."""

import contextlib
import hashlib
import json
import os
import platform
from pathlib import Path

from maple.errors import UserError

# What this process has put in place, in order; its record of provenance lists them.
WRITTEN: list[Path] = []


def sha256_file(path) -> str:
    """Return the hexadecimal SHA-256 of a file's content."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def writer() -> str:
    """Return how the name of what is being written ends: with this process and its machine."""
    return f"{os.getpid()}@{platform.node()}.tmp"


@contextlib.contextmanager
def replaced(path, mode: str = "w"):
    """Open a temporary neighbour of ``path`` and put it in place only if the block succeeds.

    The data is flushed to disk before the rename, so after a crash the path holds either the old
    content or the new one.
    """
    path = Path(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{writer()}")
    options = {} if "b" in mode else {"encoding": "utf-8", "newline": "\n"}
    try:
        with open(temporary, mode, **options) as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
        WRITTEN.append(path)
    except OSError as error:
        raise UserError(f"{path}: cannot be written ({error.strerror}): free space or check the permissions") from error
    finally:
        temporary.unlink(missing_ok=True)


def put(file: Path, place: Path) -> None:
    """Put a finished file in its place, with the permissions that new files have.

    Libraries that write through a temporary file, as safetensors does, leave theirs readable by its owner alone.
    """
    mask = os.umask(0)
    os.umask(mask)
    file.chmod(0o666 & ~mask)
    os.replace(file, place)


def json_text(value) -> str:
    """Return ``value`` as the readable JSON that this workflow writes."""
    return json.dumps(value, ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def write_json(path, value) -> bool:
    """Write ``value`` as readable JSON, but leave a file that already says the same.

    An unchanged file only gets a new time stamp, so that Snakemake sees it was dealt with while its
    checksum tells consumers that nothing happened.

    Returns:
        Whether the content changed.
    """
    text, path = json_text(value), Path(path)
    # Bytes: an earlier file that was damaged need not be text any more.
    if path.is_file() and path.read_bytes() == text.encode("utf-8"):
        os.utime(path)
        WRITTEN.append(path)
        return False
    with replaced(path) as stream:
        stream.write(text)
    return True


def read_json(path):
    """Return the content of a JSON file.

    Raises:
        UserError: The file is missing or is not JSON.
    """
    try:
        return json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{path}: file not found") from None
    except (json.JSONDecodeError, UnicodeDecodeError) as error:
        raise UserError(f"{path}: not valid JSON ({error}): delete the file and run again") from None


def write_jsonl(path, records) -> None:
    """Write one JSON object a line."""
    with replaced(path) as stream:
        for record in records:
            stream.write(json.dumps(record, ensure_ascii=False) + "\n")


def read_jsonl(path) -> list[dict]:
    """Return the objects of a JSON-lines file.

    Raises:
        UserError: The file is missing or empty, or a line is not a JSON object; the line is named.
    """
    records = []
    try:
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, 1):
                try:
                    record = json.loads(line)
                except json.JSONDecodeError as error:
                    raise UserError(
                        f"{path}, line {number}: not valid JSON ({error.msg}): the file may be truncated"
                    ) from None
                if not isinstance(record, dict):
                    raise UserError(f"{path}, line {number}: expected a JSON object, found {type(record).__name__}")
                records.append(record)
    except FileNotFoundError:
        raise UserError(f"{path}: file not found") from None
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 text (byte {error.start})") from None
    if not records:
        raise UserError(f"{path}: the file is empty")
    return records
