"""Are a finished study's scores those of lm-evaluation-harness on the same items?

    python benchmarks/study_against_harness.py --configfile config/studies/gemma.yaml --out result.json

Asks the harness, with its own templates, about every item that a study's untuned 16-bit base was scored on. Compares
accuracy, predictions and log-likelihoods with the study's prediction files. The harness computes in bf16 as the study
does, once with its log-softmax in bf16, which is what it does unless told otherwise, and once in fp32.
"""

import argparse
import sys
from pathlib import Path
from statistics import fmean

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "workflow/scripts"))

import torch
from lm_eval_tasks import Case, ask, published
from parity_lm_eval import apart, best, facts_of_run, lead, table, trimmed

from maple import config, devices, models
from maple.files import read_json, read_jsonl, write_json
from maple.study import Study
from maple.systems import System

CASES = (
    Case("xnli_en", "xnli", "en", "validation", "xnli/dev-en.tsv"),
    Case("xnli_sw", "xnli", "sw", "validation", "xnli/dev-sw.tsv"),
    Case("xcopa_zh", "xcopa", "zh", "test", "xcopa/data/zh/test.zh.jsonl"),
    Case("xstorycloze_id", "xstorycloze", "id", "validation", "xstorycloze/spring2016.val.id.tsv.split_20_80_eval.tsv"),
)


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


def main() -> None:
    """Run the comparison."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--configfile", required=True, help="the study")
    parser.add_argument("--model", help="slug of the base model; the study's first when left out")
    parser.add_argument("--batch", type=int, default=32, help="the harness's batch size")
    parser.add_argument("--out", required=True, type=Path)
    args = parser.parse_args()
    from lm_eval.models.huggingface import HFLM

    study = Study(config.load(args.configfile))
    base = System(args.model or study.models[0], 16)
    manifest = Path(study.model_manifest(base.model))
    device = devices.setup()
    model, tokenizer = models.load_base(manifest, 16, device)
    rows = []
    for case in CASES:
        folder = Path(study.predictions_index(base.path, case.benchmark)).parent
        ours = read_jsonl(folder / f"{case.language}.jsonl")
        data = Path(study.config["benchmarks"][case.benchmark]["path"]).parent
        for name, dtype in (("bf16", None), ("fp32", torch.float32)):
            lm = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=args.batch, softmax_dtype=dtype)
            rows.append(compare(case, data, ours, lm, name))
            print(f"{case.name}, {name}: done", file=sys.stderr, flush=True)
    table([list(rows[0]), *(list(row.values()) for row in rows)])
    write_json(args.out, facts_of_run(device) | {"model": read_json(manifest)["spec"], "tasks": rows})


if __name__ == "__main__":
    main()
