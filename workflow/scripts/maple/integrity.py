"""Is what lies on disk what the present config and code would make? Asked of digests, never of time stamps."""

import shutil
from dataclasses import dataclass
from pathlib import Path

from maple import manifests
from maple.alpaca_eval_study import AlpacaEval
from maple.errors import UserError
from maple.files import read_json
from maple.model_sources import folder_of


@dataclass(frozen=True)
class Node:
    """A manifest the study may have.

    Attributes:
        path: Where it is.
        rule: The rule that makes it.
        spec: What its spec must be, canonical JSON.
        code: What its code digest must be.
        inputs: Name -> path of each input manifest.
    """

    path: str
    rule: str
    spec: str
    code: str
    inputs: dict[str, str]


def nodes(study) -> list[Node]:
    """Return every manifest of a study, makers before users."""
    found = []
    for model in study.config["models"]:
        found.append(
            Node(study.model_manifest(model), "prepare_model", study.model_spec(model), study.code("prepare_model"), {})
        )
    for data in study.config["instructions"]:
        path = study.instructions_index(data)
        found.append(
            Node(path, "prepare_instructions", study.instructions_spec(data), study.code("prepare_instructions"), {})
        )
    for name in study.benchmarks:
        found.append(
            Node(
                study.items_index(name), f"prepare_{name}", study.items_spec(name), study.code("prepare_benchmark"), {}
            )
        )
    for system in study.adapters:
        inputs = {"model": study.model_manifest(system.model), "data": study.instructions_index(system.data)}
        spec = study.finetune_spec(system.path)
        found.append(Node(study.adapter(system.path), "finetune", spec, study.code("finetune"), inputs))
    for system in study.systems:
        for name in study.benchmarks:
            inputs = {"model": study.model_manifest(system.model)}
            if not system.is_base:
                inputs["adapter"] = study.adapter(system.path)
            spec = study.predict_spec(system.path, name)
            path = study.predictions_index(system.path, name)
            found.append(Node(path, f"predict_{name}", spec, study.code("predict"), inputs))
            inputs = {"predictions": path}
            spec = study.score_spec(name)
            found.append(Node(study.scores(system.path, name), f"score_{name}", spec, study.code("score"), inputs))
    for name in study.benchmarks:
        inputs = {"items": study.items_index(name)}
        for system in study.systems:
            inputs[f"predictions of {system.path}"] = study.predictions_index(system.path, name)
        path, spec = study.shown_items_index(name), study.shown_items_spec(name)
        found.append(Node(path, f"report_items_{name}", spec, study.code("report_items"), inputs))
    return found + [Node(*part) for part in AlpacaEval(study).manifests()]


def problem(node: Node) -> str | None:
    """Return what is wrong with an existing manifest and its payload, or ``None``."""
    path = Path(node.path)
    try:
        found = read_json(path)
        folder = folder_of(path, found) if node.rule == "prepare_model" else path.parent
        bad = manifests.damage(folder, found["files"])
    except (UserError, KeyError, TypeError, AttributeError) as error:
        return f"unreadable ({error})"
    if bad:
        return bad[0]
    if found["code"] != node.code:
        return "made by other code"
    if manifests.canonical_spec(found) != node.spec:
        return "made with other settings"
    for name, source in node.inputs.items():
        if not Path(source).is_file():
            return f"its input {source} is missing"
        if found["inputs"].get(name) != manifests.identity(read_json(source)):
            return f"made from another {source}"
    return None


def check(study) -> tuple[list[Node], list[tuple[Node, str]]]:
    """Return the manifests that are right, and those that are not with the reason.

    What was made from something wrong is wrong too.
    """
    good, bad, wrong = [], [], set()
    for node in nodes(study):
        if not Path(node.path).exists():
            continue
        reason = problem(node)
        if not reason:
            tainted = [source for source in node.inputs.values() if source in wrong]
            reason = f"made from {tainted[0]}, which is not right" if tainted else None
        if reason:
            wrong.add(node.path)
            bad.append((node, reason))
        else:
            good.append(node)
    return good, bad


def remove(study, bad: list[tuple[Node, str]]) -> list[Path]:
    """Delete manifests with their payload, and the tables, figures and reports that rest on them."""
    gone = []
    for node, _ in bad:
        path = Path(node.path)
        try:
            names = list(read_json(path)["files"])
        except (UserError, KeyError, TypeError):
            names = [file.name for file in path.parent.iterdir() if file.is_file()]
        if node.rule.startswith("score_"):
            names = [path.with_suffix(".parquet").name]
        for file in [path, *(path.parent / name for name in names)]:
            if file.is_file() and file.resolve().is_relative_to(Path(study.results).resolve()):
                file.unlink()
                gone.append(file)
    if bad:
        for folder in ("tables", "figures"):
            shutil.rmtree(Path(study.results) / folder, ignore_errors=True)
        Path(study.results, "report.html").unlink(missing_ok=True)
    return gone
