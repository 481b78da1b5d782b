"""Predictions of one system on one benchmark: which languages are current, and computing the others."""

import os
import shutil
from pathlib import Path

from maple import likelihood, manifests
from maple.canonical import digest
from maple.files import read_json, read_jsonl, write_json, write_jsonl
from maple.logs import log


def plan(index: Path, languages: list[str], keys: dict[str, str], finished: Path) -> tuple[dict, list[str]]:
    """Decide what must be computed.

    Args:
        index: The index of predictions, perhaps of an earlier run.
        languages: Languages wanted.
        keys: Language -> digest of everything that decides its predictions, for all prepared languages.
        finished: Scratch folder with files that a killed run of the same predictions completed.

    Returns:
        Entries that can be kept (file name -> entry) and the languages to compute. Entries of languages
        that are not wanted now are kept too if they are current.
    """
    earlier = read_json(index)["files"] if index.is_file() else {}
    kept = {}
    for language, key in keys.items():
        name = f"{language}.jsonl"
        for folder, entry in ((index.parent, earlier.get(name)), (finished, _finished(finished, language))):
            if entry and entry["key"] == key and not manifests.damage(folder, {name: entry}):
                if folder != index.parent:
                    shutil.copyfile(folder / name, index.parent / name)
                os.utime(index.parent / name)
                kept[name] = entry
                break
    return kept, [language for language in languages if f"{language}.jsonl" not in kept]


def _finished(folder: Path, language: str):
    entry = folder / f"{language}.entry.json"
    return read_json(entry) if entry.is_file() else None


def language_key(spec: dict, code: str, model: dict, adapter: dict | None, items: str, prompt: str) -> str:
    """Return the digest of everything that decides one language's predictions.

    Args:
        spec: The rule's spec; its digest over all prompts is replaced by this language's.
        code: Code digest.
        model: The base model's manifest.
        adapter: The adapter's manifest, if tuned.
        items: SHA-256 of the language's items.
        prompt: Digest of the language's prompts.
    """
    own = {key: value for key, value in spec.items() if key != "prompts"}
    payload = [part["files"] for part in (model, adapter) if part]
    if adapter:
        weights = ("adapter_model.safetensors", "adapter_config.json")
        payload[-1] = {name: adapter["files"][name] for name in weights}
    return digest([own, code, payload, items, prompt])


def predict_language(items_file: Path, prompts, tokenizer, parts, config, device, budget: int, progress):
    """Return one prediction record per item, in the order of the items.

    A record holds the item's id and gold, the prediction, how many options tie for it, and of each
    option the log-likelihood of the tokens that are its own and their number.
    """
    items = read_jsonl(items_file)
    trees = []
    for place, item in enumerate(items):
        context, options = prompts.render(item)
        trees.append(likelihood.tree(place, tokenizer, context, list(options.values())))
    prompt_hash = prompts.digest(items[0]["language"])[:16]
    records = [None] * len(items)
    for group in likelihood.batches(trees, budget):
        for tree, scores in zip(group, likelihood.score(parts, config, group, device), strict=True):
            item = items[tree.key]
            scores = [round(value, 6) for value in scores]
            best = [name for name, value in zip(item["options"], scores, strict=True) if value == max(scores)]
            records[tree.key] = {
                "id": item["id"],
                "language": item["language"],
                "gold": item["gold"],
                "prediction": best[0],
                "tied": best,
                "options": {
                    name: {"logprob": value, "tokens": len(tail)}
                    for name, value, tail in zip(item["options"], scores, tree.tails, strict=True)
                },
                "prompt": prompt_hash,
            }
        progress.update(len(group))
    return records, sum(map(len, trees))


def publish(index: Path, finished: Path, language: str, records: list[dict], key: str) -> dict:
    """Write a language's predictions to their place and to scratch, and return the index entry."""
    name = f"{language}.jsonl"
    write_jsonl(finished / name, records)
    entry = manifests.describe(finished / name) | {"key": key, "items": len(records)}
    write_json(finished / f"{language}.entry.json", entry)
    write_jsonl(index.parent / name, records)
    log.info("%s: %d items computed", language, len(records))
    return entry
