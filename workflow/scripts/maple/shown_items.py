"""The items behind a cell of the report: what was asked, what every system answered, what is right.

One file per benchmark and language, a script that hands one object to the page: a page opened from disk may load
scripts beside it, but may fetch nothing.
"""

import json
from pathlib import Path

from maple import manifests
from maple.canonical import digest
from maple.errors import UserError
from maple.files import read_jsonl, replaced


def keys(items: dict, predictions: dict[str, dict], scores: dict[str, dict], prompts, code: str) -> dict[str, str]:
    """Return, for each language, the digest of all that decides its file.

    Args:
        items: Index of the benchmark's items.
        predictions: System -> index of its predictions.
        scores: System -> its scores.
        prompts: The prompt set.
        code: Code digest.
    """
    found = {}
    for name, entry in items["files"].items():
        language = Path(name).stem
        answered = all(name in index["files"] for index in predictions.values())
        if "/" in name or not prompts.has(language) or not answered:
            continue
        shots = items["files"].get(f"shots/{language}.jsonl", {}).get("sha256")
        shown = "en" if items["spec"].get("shots_language") == "en" and shots else language
        answers = [[system, index["files"][name]["sha256"]] for system, index in predictions.items()]
        graded = sorted({part["code"] for part in scores.values()})
        prompt = prompts.digest(*sorted({language, shown}))
        found[language] = digest([code, entry["sha256"], shots, prompt, answers, graded])
    return found


def asked(folder: Path, language: str, prompts) -> tuple[list[str], list[dict]]:
    """Return the demonstrations and what was asked of one language: prompt, options, gold of each item."""
    shots = folder / f"shots/{language}.jsonl"
    shown = [prompts.demonstration(shot) for shot in (read_jsonl(shots) if shots.is_file() else [])]
    found = []
    for item in read_jsonl(folder / f"{language}.jsonl"):
        context, options = prompts.render(item)
        names = list(options)
        gold = {"gold": names.index(item["gold"])} if names else {"answers": item["answers"]}
        found.append({"id": item["id"], "prompt": context, "options": list(options.values()), **gold})
    return shown, found


def answers(records: list[dict], items: list[dict], options: list[str], credits, where) -> dict:
    """Return one system's answers: credit, and the option chosen with its scores or the text generated.

    Raises:
        UserError: The records answer other items.
    """
    if [record["id"] for record in records] != [item["id"] for item in items]:
        raise UserError(f"{where}: answers other items than the benchmark has: delete it and run again")
    found = {"credit": [round(float(credit), 3) for credit in credits]}
    if options:
        chosen = [record["prediction"] for record in records]
        found["chosen"] = [None if name is None else options.index(name) for name in chosen]
    if "raw" in records[0]:
        found["raw"] = [record["raw"] for record in records]
        found["unparsed"] = [place for place, record in enumerate(records) if record["prediction"] is None]
    else:
        found["scores"] = [round(record["options"][name]["sum"], 2) for record in records for name in options]
    return found


def write(path: Path, content: dict) -> dict:
    """Write one language's file and return its entry in the index."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"))
    with replaced(path) as stream:
        stream.write(f"mapleItems({text});\n")
    return manifests.describe(path) | {"items": len(content["items"])}
