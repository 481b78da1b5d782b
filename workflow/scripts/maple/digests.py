"""Digests that decide what reruns: canonical specs and normalised source code.

Snakemake compares params as an unordered set of values and never looks at imported modules. So each
rule carries two params: ``spec``, one canonical JSON string of everything that can change its result,
and ``code``, a digest over the source it executes.
"""

import ast
import json
from functools import lru_cache
from pathlib import Path

from maple.canonical import digest

SCRIPTS = Path(__file__).resolve().parents[1]
ACCEPTED = SCRIPTS.parent / "accepted.json"
METRICS = SCRIPTS.parent / "metrics"
# What these do never reaches a payload: messages, and volatile facts in files of their own.
_SILENT = {"errors.py", "logs.py", "provenance.py", "sidecars.py"}
_HOLD_STATEMENTS = (ast.stmt, ast.excepthandler, ast.match_case)
_PROSE = {"help", "description", "epilog", "metavar"}


def _is_prose(node) -> bool:
    """Whether a statement only speaks: a docstring (any bare constant) or a call on the logger."""
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):
        return True
    call = node.value
    return (
        isinstance(call, ast.Call)
        and isinstance(call.func, ast.Attribute)
        and isinstance(call.func.value, ast.Name)
        and call.func.value.id == "log"
    )


def _tree(node):
    """Return a syntax tree as nested lists that Python 3.11, 3.12 and 3.13 agree on.

    ``ast.dump`` differs between these versions (new, empty fields), so empty fields are left out here.
    """
    if isinstance(node, list):
        return [_tree(item) for item in node if not _is_prose(item)]
    if not isinstance(node, ast.AST):
        return [type(node).__name__, repr(node)]
    fields = []
    for name, value in ast.iter_fields(node):
        # The constant None is a value; elsewhere None means that a field is absent.
        is_constant = isinstance(node, ast.Constant) and name == "value"
        empty = value is None or value == []
        if name in {"ctx", "kind", "type_comment", "type_ignores"} or (empty and not is_constant):
            continue
        if name == "keywords" and isinstance(node, ast.Call):
            value = [keyword for keyword in value if keyword.arg not in _PROSE]
        fields.append([name, _tree(value)])
    return [type(node).__name__, fields]


@lru_cache
def _facts(path: Path) -> tuple[str, frozenset[Path]]:
    """Return a Python file's digest and what it imports of this library, functions included; parsed once for both."""
    module = ast.parse(path.read_text(encoding="utf-8"))
    found, pending = set(), [module]
    while pending:
        node = pending.pop()
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names = [node.module] + [f"{node.module}.{alias.name}" for alias in node.names]
        for name in names:
            if name.split(".")[0] == "maple":
                candidate = SCRIPTS.joinpath(*name.split("."))
                for file in (candidate.with_suffix(".py"), candidate / "__init__.py"):
                    if file.is_file() and file.name not in _SILENT:
                        found.add(file)
        # No expression holds a statement, so expressions need no look.
        pending += [child for child in ast.iter_child_nodes(node) if isinstance(child, _HOLD_STATEMENTS)]
    return digest(_tree(module)), frozenset(found)


def source_digest(path: Path) -> str:
    """Return the digest of a Python file without comments, layout, docstrings, help and log texts."""
    return _facts(path)[0]


def closure(script: str) -> list[Path]:
    """Return the source files that a command executes: its script, what it loads by path, and all these import."""
    pending, seen = [SCRIPTS / f"{script}.py", *sorted(METRICS.rglob("*.py") if script == "score" else [])], set()
    while pending:
        file = pending.pop()
        if file not in seen:
            seen.add(file)
            pending.extend(_facts(file)[1])
    return sorted(seen)


@lru_cache
def raw_code_digest(script: str) -> str:
    """Return the digest of a command's closure."""
    return digest([[file.name, source_digest(file)] for file in closure(script)])[:16]


def accepted() -> list[dict]:
    """Return the recorded statements that a code change does not alter results."""
    return json.loads(ACCEPTED.read_text(encoding="utf-8")) if ACCEPTED.is_file() else []


def code_digest(script: str) -> str:
    """Return the digest under which a command's results are current.

    This is :func:`raw_code_digest`, unless somebody has stated (``accept.py``) that this version gives
    the same results as an earlier one: then it is the earlier one's, and nothing reruns.
    """
    found = raw_code_digest(script)
    for statement in reversed(accepted()):
        if statement["script"] == script and statement["now"] == found:
            found = statement["was"]
    return found
