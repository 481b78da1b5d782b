"""Have an OpenAI-compatible endpoint judge a system's AlpacaEval outputs against the reference outputs.

The endpoint's key is read from OPENAI_API_KEY. Answers are kept one by one; what was answered is never asked again.
"""

import argparse
import json
from pathlib import Path

from maple import judge_answers, manifests
from maple.files import read_jsonl, write_jsonl
from maple.logs import add_log_argument, log, run, setup_logging


def parse_args(argv=None):
    """Return the command's arguments."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: annotator, model")
    parser.add_argument("--code", required=True, help="code digest to record")
    parser.add_argument("--items", required=True, type=Path, help="index of instructions and reference outputs")
    parser.add_argument("--predictions", required=True, type=Path, help="index of the system's outputs")
    parser.add_argument("--out", required=True, type=Path, help="index to write; annotations.jsonl goes beside it")
    parser.add_argument("--answers", required=True, type=Path, help="folder in which answers are kept")
    parser.add_argument("--scratch", required=True, type=Path, help="folder for the lock of this job")
    parser.add_argument("--base-url", required=True, help="address of the endpoint, ending in /v1 as a rule")
    parser.add_argument("--parallel", type=int, default=4, help="requests under way at once")
    add_log_argument(parser)
    return parser.parse_args(argv)


def pairs_of(items: list[dict], outputs: list[dict]) -> list[dict]:
    """Return instruction, reference and output of each item."""
    by_id = {record["id"]: record["output"] for record in outputs}
    return [item | {"output": by_id[item["id"]]} for item in items]


def annotate(args, spec: dict, pairs: list[dict]) -> tuple[list[dict], int]:
    """Return one annotation per pair, and how many answers had to be asked for."""
    from maple import judging

    asked = 0

    def connect():
        key = judge_answers.key_from_environment()
        log.info("asking %s at %s, %d requests at once", spec["model"], args.base_url, args.parallel)
        return judge_answers.Endpoint(args.base_url, key).ask

    def answers(requests):
        nonlocal asked
        found, count = judge_answers.collect(requests, args.answers, connect, args.parallel)
        asked += count
        return found

    judging.check(spec["annotator"])
    return judging.judge(pairs, spec["annotator"], spec["model"], answers), asked


def main(argv=None) -> int:
    """Run the command."""
    args = parse_args(argv)
    setup_logging(args.log)
    from maple import judge_environment
    from maple.provenance import Recorder
    from maple.scratch import scratch

    judge_environment.enter()
    judge_environment.quiet()
    recorder = Recorder()
    spec = json.loads(args.spec)
    parts = {"items": manifests.read(args.items), "predictions": manifests.read(args.predictions)}
    inputs = {name: manifests.identity(part) for name, part in parts.items()}
    pairs = pairs_of(read_jsonl(args.items.parent / "items.jsonl"), read_jsonl(args.predictions.parent / "en.jsonl"))
    with scratch(args.scratch, ["judge", str(args.out), args.spec, args.code, inputs]):
        records, asked = annotate(args, spec, pairs)
        target = args.out.parent / "annotations.jsonl"
        write_jsonl(target, records)
        malformed = sum(record["preference"] is None for record in records)
        manifests.write(
            args.out,
            spec=args.spec,
            code=args.code,
            inputs=inputs,
            files={target.name: manifests.describe(target) | {"items": len(records)}},
            malformed=malformed,
            judges=sorted({record["judge"] for record in records if record["judge"]}),
        )
        recorder.write(args.out.parent / "provenance.json", endpoint=args.base_url, asked=asked)
    log.info("%d pairs, %d answers asked for, %d answers could not be read", len(records), asked, malformed)
    return 0


if __name__ == "__main__":
    run(main)
