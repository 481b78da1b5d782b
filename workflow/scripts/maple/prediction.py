"""Predictions of one system on one benchmark: which languages are current, and computing the others."""

import itertools
import math
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from maple import answers, manifests, requests
from maple.canonical import digest
from maple.errors import UserError
from maple.files import read_jsonl, write_json, write_jsonl
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
    earlier = manifests.earlier(index).get("files", {})
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


def _finished(folder: Path, language: str) -> dict | None:
    """Return the index entry of a language that a killed run finished; a damaged one counts as none."""
    return manifests.earlier(folder / f"{language}.entry.json").get("entry")


def language_key(spec: dict, code: str, model: dict, adapter: dict | None, items: list[str], prompt: str) -> str:
    """Return the digest of everything that decides one language's predictions.

    Args:
        spec: The rule's spec; its digest over all prompts is replaced by this language's.
        code: Code digest.
        model: The base model's manifest.
        adapter: The adapter's manifest, if tuned.
        items: SHA-256 of the language's items and, if there are any, of its demonstrations.
        prompt: Digest of the language's prompts.
    """
    own = {key: value for key, value in spec.items() if key != "prompts"}
    payload = [part["files"] for part in (model, adapter) if part]
    if adapter:
        weights = ("adapter_model.safetensors", "adapter_config.json")
        payload[-1] = {name: adapter["files"][name] for name in weights}
    return digest([own, code, payload, items, prompt])


@dataclass(frozen=True)
class Questions:
    """One language of a benchmark, as it is put to a model.

    Attributes:
        items: Normalised items.
        shots: Demonstrations, in the order shown.
        prompts: The prompt set.
        scoring: ``likelihood`` or ``generation``.
    """

    items: list[dict]
    shots: list[dict]
    prompts: object
    scoring: str

    @classmethod
    def read(cls, folder: Path, files, language: str, prompts, scoring: str) -> "Questions":
        """Read a language's items and demonstrations.

        Args:
            folder: Where they were prepared.
            files: Names that the index lists. Others may lie there from an earlier spec, with more shots say.
            language: Our code.
            prompts: The prompt set.
            scoring: ``likelihood`` or ``generation``.
        """
        shots = f"shots/{language}.jsonl"
        shown = read_jsonl(folder / shots) if shots in files else []
        return cls(read_jsonl(folder / f"{language}.jsonl"), shown, prompts, scoring)

    @property
    def prompt_hash(self) -> str:
        """Short digest of what the prompts are made of."""
        return self.prompts.digest(*{part["language"] for part in (self.items + self.shots)})[:16]

    def fit(self, tokenizer, longest: int) -> list:
        """Return what is asked for each item (:class:`maple.requests.Fitted`)."""
        scored = self.scoring == "likelihood"
        room = longest if scored else longest - self.prompts.max_new_tokens
        return requests.fit(self.items, self.shots, self.prompts, tokenizer, room, scored)


def predict_language(questions: Questions, engine, tokenizer, progress) -> tuple[list[dict], int]:
    """Return one prediction record per item, in the order of the items, and how many tokens were run.

    A record holds the item's id, language and gold (or answers), the prediction, the demonstrations left
    and the prompt's hash. By likelihood it holds each option's log-likelihood (natural log), also per
    token and per UTF-8 byte, and the options tied for the best sum; generated, it holds the raw text.

    Raises:
        UserError: An item is longer than the model can take, or its likelihood is not a number; its id is named.
    """
    fitted = questions.fit(tokenizer, engine.longest)
    prompt = questions.prompt_hash
    records = []
    for item, asked in zip(questions.items, fitted, strict=True):
        gold = {"gold": item["gold"]} if "gold" in item else {"answers": item["answers"]}
        common = {"id": item["id"], "language": item["language"], **gold}
        records.append(common | {"shots": asked.shots, "prompt": prompt})
    tokens = 0
    # Items with fewer demonstrations begin differently; together with the others they would leave no prefix to share.
    for left in sorted({asked.shots for asked in fitted}):
        places = [place for place, asked in enumerate(fitted) if asked.shots == left]
        found, count = _answers(questions, [fitted[place] for place in places], engine, tokenizer, progress)
        for place, answer in zip(places, found, strict=True):
            records[place] |= answer
        tokens += count
    return records, tokens


def _answers(questions: Questions, fitted: list, engine, tokenizer, progress) -> tuple[list[dict], int]:
    """Return the answer to each item with the same demonstrations left, and how many tokens were run."""
    from maple import generation, likelihood

    sequences = [sequence for asked in fitted for sequence in asked.sequences]
    if questions.scoring == "likelihood":
        values, count = likelihood.score(engine, sequences, progress)
        for sequence, value in zip(sequences, values, strict=True):
            if not math.isfinite(value):
                item = questions.items[sequence.key[0]]
                raise UserError(
                    f"item {item['id']} ({item['language']}) has a likelihood that is not a number: the weights of the "
                    "model or of the adapter are no good: make it anew, at a lower learning rate"
                )
        scored = zip(sequences, values, strict=True)
        # As many as an item has options.
        own = [(asked.options, itertools.islice(scored, len(asked.options))) for asked in fitted]
        return [answers.by_likelihood(options, part) for options, part in own], count
    new, stop = questions.prompts.max_new_tokens, questions.prompts.stop
    texts, count = generation.generate(engine, sequences, tokenizer, new, stop, progress)
    return [answers.from_text(asked.options, text) for asked, text in zip(fitted, texts, strict=True)], count


def publish(index: Path, finished: Path, language: str, records: list[dict], key: str) -> dict:
    """Write a language's predictions to their place and to scratch, and return the index entry."""
    name = f"{language}.jsonl"
    write_jsonl(finished / name, records)
    entry = manifests.describe(finished / name) | {"key": key, "items": len(records)}
    write_json(finished / f"{language}.entry.json", manifests.seal({"entry": entry}))
    write_jsonl(index.parent / name, records)
    log.info("%s: %d items computed", language, len(records))
    return entry
