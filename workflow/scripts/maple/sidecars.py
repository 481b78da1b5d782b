"""Records of provenance beside results: how each file came to be, and whether it is still what was written.

``maple.logs.run`` keeps one for every command of a rule, so a new command gets it by calling that. The record stands
beside the command's first output, as ``<output>.provenance.json``. Where the outputs have no manifest (tables, figures,
reports) it stands in for one: spec, code digest, SHA-256 of every input and output. No rule declares it.
"""

import contextlib
import json
import os
import time
from pathlib import Path

from maple import manifests
from maple.errors import UserError
from maple.files import WRITTEN, read_json, sha256_file

SUFFIX = ".provenance.json"
_OUTPUTS, _NEITHER = ("--index", "--out"), {"--index", "--out", "--log"}


def _option(argv: list[str], name: str) -> str | None:
    return argv[argv.index(name) + 1] if name in argv[:-1] else None


def _read_by(argv: list[str]) -> list[str]:
    """Return the files that a command line names, but those after an option for what is written."""
    found, option = [], ""
    for word in argv[1:]:
        option = word if word.startswith("--") else option
        # A spec is a word too, and too long for a name: isfile says no to those.
        if option not in _NEITHER and os.path.isfile(word):
            found.append(word)
    return found


def beside(path: Path) -> Path | None:
    """Return the record that lists a file, if there is one."""
    for record in sorted(path.parent.glob(f"*{SUFFIX}")):
        with contextlib.suppress(UserError, AttributeError):
            if path.name in read_json(record).get("files", {}):
                return record
    return None


def damage(path: Path) -> str | None:
    """Return what is wrong with a file that is read, as far as its own record or seal can tell."""
    record = beside(path)
    if record:
        listed = manifests.damage(path.parent, {path.name: read_json(record)["files"][path.name]})
        return listed[0] if listed else None
    if path.suffix == ".json":
        found = read_json(path)
        if isinstance(found, dict) and {"spec", "code", "files"} <= set(found) and not manifests.is_sealed(found):
            return f"{path}: damaged or edited"
    return None


@contextlib.contextmanager
def kept(argv: list[str]):
    """Check a command's inputs before it runs, and leave a record of what it wrote once it has ended well.

    Args:
        argv: The command line. Without ``--spec`` the command belongs to no rule, and nothing is done.

    Raises:
        UserError: An input is not what its record says.
    """
    if _option(argv, "--spec") is None:
        yield
        return
    from maple.provenance import Recorder

    recorder, inputs = Recorder(), {}
    for name in _read_by(argv):
        bad = damage(Path(name))
        if bad:
            raise UserError(
                f"{bad}: run `python workflow/scripts/verify.py --remove-bad`, then the same snakemake command again"
            )
        inputs[name] = sha256_file(name)
    yield
    _write(argv, recorder, inputs)
    _not_from_the_future(inputs)


def _not_from_the_future(names) -> None:
    """Bring the time stamps of inputs that lie ahead back to now, also those of the files beside them.

    After a clock was set back, or where two machines' clocks differ, Snakemake would find the new outputs older
    than their inputs, call that an error, and delete them: a whole training.
    """
    ahead = {Path(name).parent for name in names if os.stat(name).st_mtime > time.time()}
    for path in (path for folder in ahead for path in folder.iterdir()):
        with contextlib.suppress(OSError):
            if path.is_file() and path.stat().st_mtime > time.time():
                os.utime(path)


def _write(argv: list[str], recorder, inputs: dict[str, str]) -> None:
    from maple.digests import code_digest

    first = next((Path(name) for option in _OUTPUTS if (name := _option(argv, option))), None)
    # A command that knows more than its wall time has written its own.
    if first is None or not first.is_file() or (first.parent / "provenance.json").is_file():
        return
    kept_apart = [folder for option in ("--scratch", "--answers") if (folder := _option(argv, option))]
    written = {str(path) for path in WRITTEN if path.is_file() and not any(map(path.is_relative_to, kept_apart))}
    record = {"inputs": {name: value for name, value in inputs.items() if name not in written}}
    code = _option(argv, "--code")
    if code is None:
        files = {os.path.relpath(name, first.parent): manifests.describe(name) for name in sorted(written)}
        record |= {"spec": json.loads(_option(argv, "--spec")), "code": code_digest(Path(argv[0]).stem), "files": files}
    recorder.write(f"{first}{SUFFIX}", **record)
