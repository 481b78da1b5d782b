"""Are a finished study's scores those of lm-evaluation-harness on the same items?

    python benchmarks/study_against_harness.py --configfile config/studies/gemma.yaml --out result.json

Asks the harness about every item that a study's untuned 16-bit base was scored on, and compares with the study's
prediction files. It runs the model as transformers loads it, without the fused kernels that the study had. Choices:
with the harness's own templates, accuracy, predictions and log-likelihoods; in bf16 as the study, once with its
log-softmax in bf16, which is what it does unless told otherwise, and once in fp32. Answers in words: to the study's
prompts, texts and their F1; in bf16 a near tie between two tokens can go either way, and the texts part there.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import torch
from eval_throughput import ask_harness
from lm_eval_tasks import Case, ask, published
from parity_lm_eval import apart, best, lead, table, trimmed
from run_facts import run_facts

from maple import config, devices, digests, models, prediction, spans
from maple.files import read_json, read_jsonl, write_json
from maple.prompts import PromptSet
from maple.study import Study
from maple.systems import System

CASES = (
    Case("xnli_en", "xnli", "en", "validation", "xnli/dev-en.tsv"),
    Case("xnli_sw", "xnli", "sw", "validation", "xnli/dev-sw.tsv"),
    Case("xcopa_zh", "xcopa", "zh", "test", "xcopa/data/zh/test.zh.jsonl"),
    Case("xstorycloze_id", "xstorycloze", "id", "validation", "xstorycloze/spring2016.val.id.tsv.split_20_80_eval.tsv"),
)
# Of these our prompts are put to the harness: its own have other headings.
IN_WORDS = (("xquad", "en"), ("xquad", "ar"), ("mlqa", "zh"))


def compare(case: Case, data: Path, ours: list[dict], lm, softmax: str) -> dict:
    """Return how far the harness agrees with a study's predictions on one task."""
    theirs = ask(case, [trimmed(record) for record in published(case, data)[: len(ours)]], lm)
    chosen = [list(record["options"]).index(record["prediction"]) for record in ours]
    sums = [[option["sum"] for option in record["options"].values()] for record in ours]
    return {
        "task": case.name,
        "softmax_lm_eval": softmax,
        "items": len(ours),
        "accuracy": fmean(record["prediction"] == record["gold"] for record in ours),
        "accuracy_lm_eval": fmean(answer["acc"] for answer in theirs),
        "predictions_differ": sum(best(answer) != own for answer, own in zip(theirs, chosen, strict=True)),
        "tied": sum(len(record["tied"]) > 1 for record in ours),
        "tied_lm_eval": sum(lead(answer) == 0 for answer in theirs),
        "largest_difference": apart(sums, [answer["sums"] for answer in theirs]),
    }


def predicted(study: Study, base: System, benchmark: str, language: str) -> list[dict]:
    """Return a study's predictions."""
    return read_jsonl(Path(study.predictions_index(base.path, benchmark)).parent / f"{language}.jsonl")


def compare_words(study: Study, benchmark: str, language: str, ours: list[dict], model, tokenizer, batch: int) -> dict:
    """Return how far the harness's answers in words agree with a study's."""
    prompts, index = PromptSet(Path(study.prompts(benchmark))), Path(study.items_index(benchmark))
    files = read_json(index)["files"]
    asked = prediction.Questions.read(index.parent, files, language, prompts, "generation")
    _, call = ask_harness(model, tokenizer, asked, batch)
    texts = [record["raw"].strip() for record in ours], [text.strip() for text in call()]

    def f1(answers):
        pairs = zip(answers, ours, strict=True)
        return fmean(spans.best(spans.f1, text, record["answers"], language) for text, record in pairs)

    return {
        "task": f"{benchmark}_{language}",
        "items": len(ours),
        "f1": f1(texts[0]),
        "f1_lm_eval": f1(texts[1]),
        "texts_equal": sum(own == other for own, other in zip(*texts, strict=True)),
    }


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", required=True, help="the study")
    parser.add_argument("--model", help="slug of the base model; the study's first when left out")
    parser.add_argument("--batch", type=int, default=32, help="the harness's batch size")
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    from lm_eval.models.huggingface import HFLM
    from transformers import AutoModelForCausalLM

    study = Study(config.load(args.configfile))
    base = System(args.model or study.models[0], 16)
    manifest = Path(study.model_manifest(base.model))
    device = devices.setup()
    opened = models.open_base(manifest)
    model = AutoModelForCausalLM.from_pretrained(opened.folder, dtype=torch.bfloat16, attn_implementation="sdpa")
    model, rows, words = model.to(device).eval(), [], []

    def harness(softmax):
        return HFLM(pretrained=model, tokenizer=opened.tokenizer, batch_size=args.batch, softmax_dtype=softmax)

    for case in CASES:
        ours = predicted(study, base, case.benchmark, case.language)
        data = Path(study.config["benchmarks"][case.benchmark]["path"]).parent
        for name, dtype in (("bf16", None), ("fp32", torch.float32)):
            rows.append(compare(case, data, ours, harness(dtype), name))
            print(f"{case.name}, {name}: done", file=sys.stderr, flush=True)
    for benchmark, language in IN_WORDS:
        ours = predicted(study, base, benchmark, language)
        words.append(compare_words(study, benchmark, language, ours, model, opened.tokenizer, args.batch))
        print(f"{benchmark}_{language}: done", file=sys.stderr, flush=True)
    for found in (rows, words):
        table([list(found[0]), *(list(row.values()) for row in found)])
    spec = read_json(manifest)["spec"]
    found = {"code": digests.raw_code_digest("predict"), "model": spec, "tasks": rows, "in_words": words}
    write_json(args.out, run_facts(device, "lm_eval") | found)


if __name__ == "__main__":
    main()
