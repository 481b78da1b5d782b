"""Are our numbers those of lm-evaluation-harness, and where they are not, why?

Without --ties or --answers: log-likelihoods and predictions in fp32, base and adapter, item by item; the
exit status is 1 if they differ. --ties: how many items bf16 leaves undecided on either side. --answers: EM and
F1 of generated answers against the plain SQuAD v1.1 metric. See docs/parity.md.
"""

import argparse
import logging
import re
import string
import sys
from collections import Counter
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import torch
from run_facts import run_facts

from maple import benchmark_sources, digests, models, prediction, spans
from maple.engine import Engine
from maple.files import read_json, write_json
from maple.prompts import PromptSet

ROOT = Path(__file__).resolve().parents[1]
OUT = ROOT / "benchmarks/results/parity_lm_eval.json"
TOLERANCE = 1e-3
# The log-softmax of torch's fp32 CPU kernel is off by 4e-5 nats a token over 262,144 words, always to the same
# side (`rounding` measures it), so in fp32 the harness is asked to take it in fp64, an option of its own.
SOFTMAX = {torch.float32: torch.float64}
# The harness keeps the logits of a whole batch, 0.3 GB for a passage of Belebele.
BATCH = 4
ANSWER_ITEMS = 40
ROUNDING_ITEMS = 4
WHY = {
    "en": "Both delete ASCII punctuation and a, an, the; ours also deletes other punctuation marks, such as dashes.",
    "th": "Thai puts no spaces between words, so SQuAD compares whole phrases; ours compares characters.",
    "zh": "Chinese puts no spaces between words, so SQuAD compares whole answers; ours compares characters, "
    "and deletes full-width punctuation too.",
}


def systems(args, dtype):
    """Yield the name, model and tokenizer of the base and, if one is given, of the base with the adapter."""
    model, tokenizer = models.load_base(args.model, 16, torch.device("cpu"))
    model.to(dtype)
    yield "base", model, tokenizer
    if args.adapter:
        # After the base's cast: attach leaves the adapter in fp32 where the base is.
        tuned = models.attach(model, args.adapter)
        if {parameter.dtype for parameter in tuned.parameters()} != {dtype}:
            raise TypeError(f"not all parameters are {dtype}")
        yield "adapter", tuned, tokenizer


def engine_of(model) -> Engine:
    """Return a model in the form the workflow asks it."""
    return Engine(models.causal_parts(model), model.config, torch.device("cpu"))


def read(data: Path, benchmark: str, language: str, split: str, count: int) -> list[dict]:
    """Return the first items of a benchmark as the workflow reads them."""
    settings = {"benchmark": benchmark, "source": "local", "path": str(data / benchmark)}
    return benchmark_sources.read(settings, language, split)[:count]


def texts_of(items: list[dict], prompts: PromptSet) -> list[list[str]]:
    """Return, for each item, the whole text of each of our options."""
    return [[context + text for text in options.values()] for context, options in map(prompts.render, items)]


def trimmed(record: dict) -> dict:
    """Return a record without blanks at the ends of its fields."""
    return {key: value.strip() if isinstance(value, str) else value for key, value in record.items()}


def harness_model(model, tokenizer, softmax=None):
    """Return a model in the form the harness asks it."""
    from lm_eval.models.huggingface import HFLM

    return HFLM(pretrained=model, tokenizer=tokenizer, batch_size=BATCH, softmax_dtype=softmax)


def ask_ours(args, case, count: int, model, tokenizer) -> tuple[list[dict], list[dict], PromptSet]:
    """Return our items of a task, our prediction of each, and the prompt set."""
    items = read(args.data, case.benchmark, case.language, case.split, count)
    prompts = PromptSet(ROOT / f"config/prompts/{case.benchmark}/{case.prompts}.yaml")
    questions = prediction.Questions(items, [], prompts, "likelihood")
    records, _ = prediction.predict_language(questions, engine_of(model), tokenizer, None)
    return items, records, prompts


def sums_of(records: list[dict]) -> list[list[float]]:
    """Return, for each of our predictions, the log-likelihood of each option."""
    return [[option["sum"] for option in record["options"].values()] for record in records]


def apart(ours: list[list[float]], theirs: list[list[float]]) -> float:
    """Return the largest difference between two sides' log-likelihoods of the same options; 0 for none."""
    pairs = zip(ours, theirs, strict=True)
    return max((abs(a - b) for own, other in pairs for a, b in zip(own, other, strict=True)), default=0.0)


def rounding(args) -> dict:
    """Return how far each way to compute in fp32 is from the model run in fp64, on a few items."""
    import lm_eval_tasks as harness

    case = next(case for case in harness.CASES if case.name == "xnli_sw")
    records = harness.published(case, args.data)[:ROUNDING_ITEMS]

    def harness_sums(model, softmax):
        return [answer["sums"] for answer in harness.ask(case, records, harness_model(model, tokenizer, softmax))]

    _, model, tokenizer = next(systems(args, torch.float64))
    exact = harness_sums(model, None)
    _, model, tokenizer = next(systems(args, torch.float32))
    _, ours, _ = ask_ours(args, case, ROUNDING_ITEMS, model, tokenizer)
    return {
        "task": case.name,
        "items": ROUNDING_ITEMS,
        "ours": apart(sums_of(ours), exact),
        "lm_eval": apart(harness_sums(model, None), exact),
        "lm_eval_softmax_fp64": apart(harness_sums(model, torch.float64), exact),
    }


def compare(args, case, system: str, model, tokenizer) -> dict:
    """Return how far both sides agree on one task.

    The harness is asked twice about items whose fields end in a blank, which we drop and it keeps: the
    answer to the trimmed item is compared with ours, and that to the item as published tells what the blank does.
    """
    import lm_eval_tasks as harness

    records = harness.published(case, args.data)[: args.items]
    items, ours, prompts = ask_ours(args, case, args.items, model, tokenizer)
    lm = harness_model(model, tokenizer, SOFTMAX.get(model.dtype))
    as_published = harness.ask(case, records, lm)
    theirs = list(as_published)
    blank = [n for n, texts in enumerate(texts_of(items, prompts)) if texts != as_published[n]["texts"]]
    if blank:
        for n, answer in zip(blank, harness.ask(case, [trimmed(records[n]) for n in blank], lm), strict=True):
            theirs[n] = answer

    sums = sums_of(ours)
    chosen = [list(record["options"]).index(record["prediction"]) for record in ours]
    different = [n for n, answer in enumerate(theirs) if best(answer) != chosen[n]]
    right = [record["prediction"] == record["gold"] for record in ours]
    return {
        "task": case.name,
        "split": case.split,
        "system": system,
        "items": len(items),
        "options": sum(map(len, sums)),
        "largest_difference": apart(sums, [answer["sums"] for answer in theirs]),
        "predictions_differ": len(different),
        # The lead of the winner over the second, on the harness's side: a lead below the tolerance is a near-tie.
        "leads_where_predictions_differ": [lead(theirs[n]) for n in different],
        # The harness's own accuracy, so that the right answers are compared too.
        "correctness_differs": sum(bool(answer["acc"]) != own for answer, own in zip(theirs, right, strict=True)),
        "accuracy": fmean(right),
        "accuracy_lm_eval": fmean(answer["acc"] for answer in theirs),
        "tied": sum(len(record["tied"]) > 1 for record in ours),
        "tied_lm_eval": sum(lead(answer) == 0 for answer in theirs),
        "blanks": {
            "items": len(blank),
            "predictions_differ": sum(best(as_published[n]) != chosen[n] for n in blank),
            "largest_difference": apart([sums[n] for n in blank], [as_published[n]["sums"] for n in blank]),
            "accuracy_lm_eval": fmean(answer["acc"] for answer in as_published),
        },
    }


def best(answer: dict) -> int:
    """Return the option that the harness chooses: the first with the largest sum."""
    return answer["sums"].index(max(answer["sums"]))


def lead(answer: dict) -> float:
    """Return by how much the harness's best option leads."""
    first, second, *_ = sorted(answer["sums"], reverse=True)
    return first - second


def table(rows: list[list]) -> None:
    """Print rows in columns; the first row is the heading."""
    cells = [[f"{cell:.2g}" if isinstance(cell, float) else str(cell) for cell in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    for row in cells:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def compare_all(args, dtype) -> list[dict]:
    """Return the comparison of every task and system."""
    import lm_eval_tasks as harness

    found = []
    for system, model, tokenizer in systems(args, dtype):
        for case in harness.CASES:
            found.append(compare(args, case, system, model, tokenizer))
            print(f"{system} {case.name}: done", file=sys.stderr, flush=True)
    return found


def parity(args) -> tuple[dict, bool]:
    """Compare in fp32; return the results and whether the sides agree."""
    found = compare_all(args, torch.float32)
    heading = ["task", "system", "items", "largest |difference|", "predictions that differ", "with blanks", "of them"]
    names = ("task", "system", "items", "largest_difference", "predictions_differ")
    rows = [[row[name] for name in names] for row in found]
    blanks = [[row["blanks"]["items"], row["blanks"]["predictions_differ"]] for row in found]
    table([heading, *(row + extra for row, extra in zip(rows, blanks, strict=True))])
    largest = max(row["largest_difference"] for row in found)
    wrong = sum(row["predictions_differ"] + row["correctness_differs"] for row in found)
    print(f"largest difference overall: {largest:.2g} nats; allowed: {TOLERANCE:g}")
    for row in found:
        for value in row["leads_where_predictions_differ"]:
            print(f"{row['task']}, {row['system']}: a prediction differs where the best option leads by {value:.2g}")
    off = rounding(args)
    distances = ", ".join(f"{name} {off[name]:.2g}" for name in ("ours", "lm_eval", "lm_eval_softmax_fp64"))
    print(f"distance from fp64 on {off['items']} items of {off['task']}: {distances}")
    result = {"dtype": "fp32", "softmax_lm_eval": "fp64", "largest_difference": largest, "rounding": off}
    return result | {"tasks": found}, largest <= TOLERANCE and not wrong


def ties(args) -> tuple[dict, bool]:
    """Count the items that bf16 leaves undecided."""
    found = compare_all(args, torch.bfloat16)
    names = ("task", "system", "items", "tied_lm_eval", "tied", "predictions_differ", "accuracy_lm_eval", "accuracy")
    table([list(names), *([row[name] for name in names] for row in found)])
    return {"dtype": "bf16", "tasks": found}, True


def squad_tokens(text: str) -> list[str]:
    """Return the words of an answer as SQuAD v1.1 compares them, whatever the language."""
    text = "".join(character for character in text.lower() if character not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


def squad_exact(prediction_text: str, answer: str) -> float:
    """Return SQuAD v1.1's exact match."""
    return float(squad_tokens(prediction_text) == squad_tokens(answer))


def squad_f1(prediction_text: str, answer: str) -> float:
    """Return SQuAD v1.1's F1 of words."""
    found, wanted = squad_tokens(prediction_text), squad_tokens(answer)
    shared = sum((Counter(found) & Counter(wanted)).values())
    if not shared:
        return 0.0
    precision, recall = shared / len(found), shared / len(wanted)
    return 2 * precision * recall / (precision + recall)


def answers(args) -> tuple[dict, bool]:
    """Compare our EM and F1 of generated answers with plain SQuAD v1.1's."""
    _, model, tokenizer = next(systems(args, torch.bfloat16))
    prompts = PromptSet(ROOT / "config/prompts/xquad/native.yaml")
    rows = []
    for language, why in WHY.items():
        items = read(args.data, "xquad", language, "validation", ANSWER_ITEMS)
        questions = prediction.Questions(items, [], prompts, "generation")
        records, _ = prediction.predict_language(questions, engine_of(model), tokenizer, None)
        said = [(record["prediction"] or "", record["answers"]) for record in records]
        row = {"language": language, "items": len(items), "why": why}
        for name, own, plain in (("em", spans.exact, squad_exact), ("f1", spans.f1, squad_f1)):
            ours = [spans.best(own, text, golds, language) for text, golds in said]
            squad = [max(plain(text, gold) for gold in golds) for text, golds in said]
            row |= {name: fmean(ours), f"{name}_squad": fmean(squad)}
            row[f"{name}_differs"] = sum(abs(a - b) > 1e-9 for a, b in zip(ours, squad, strict=True))
        rows.append(row)
    names = ("language", "items", "em", "em_squad", "em_differs", "f1", "f1_squad", "f1_differs")
    table([list(names), *([row[name] for name in names] for row in rows)])
    for row in rows:
        print(f"{row['language']}: {row['why']}")
    return {"dtype": "bf16", "prompts": "xquad/native", "adapter": None, "languages": rows}, True


def facts(args) -> dict:
    """Return what a result depends on."""
    return run_facts(torch.device("cpu"), "lm_eval") | {
        # That of the prediction job: the same digest, the same numbers.
        "code": digests.raw_code_digest("predict"),
        "model": read_json(args.model)["spec"],
        "adapter": read_json(args.adapter)["spec"] if args.adapter else None,
    }


def main() -> int:
    """Run the parts asked for and store each one's results."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path, help="manifest.json of a model the workflow prepared")
    parser.add_argument("--adapter", type=Path, help="adapter.json of an adapter the workflow trained on it")
    parser.add_argument("--data", required=True, type=Path, help="folder of the publishers' files")
    parser.add_argument("--items", type=int, default=100, help="items per task")
    parser.add_argument("--ties", action="store_true", help="count ties in bf16 instead")
    parser.add_argument("--answers", action="store_true", help="compare EM and F1 with SQuAD v1.1's instead")
    parser.add_argument("--out", type=Path, default=OUT, help="results, one section a part")
    args = parser.parse_args()
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    parts = [part for part, wanted in ((ties, args.ties), (answers, args.answers)) if wanted] or [parity]
    basis, agree = facts(args), True
    for part in parts:
        result, fine = part(args)
        stored = read_json(args.out) if args.out.is_file() else {}
        write_json(args.out, stored | {part.__name__: basis | result})
        agree = agree and fine
    return 0 if agree else 1


if __name__ == "__main__":
    raise SystemExit(main())
