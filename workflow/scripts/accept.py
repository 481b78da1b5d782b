"""State that a code change does not alter results, so that what was made before it stays current."""

import argparse

from maple.errors import UserError
from maple.logs import run, setup_logging

SCRIPTS = {
    "prepare_alpaca_eval": "prepare_alpaca_eval",
    "predict_alpaca_eval": "predict_alpaca_eval",
    "judge": "judge",
    "score_alpaca_eval": "score_alpaca_eval",
    "prepare_model": "prepare_model",
    "prepare_instructions": "prepare_instructions",
    "prepare": "prepare_benchmark",
    "finetune": "finetune",
    "predict": "predict",
    "score": "score",
    "report_items": "report_items",
}


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--why", required=True, help="the reason, for whoever reads the record")
    parser.add_argument("--configfile", default="config/config.yaml", help="a study with results from before")
    args = parser.parse_args(argv)
    setup_logging()
    from pathlib import Path

    from maple import config, digests, integrity
    from maple.files import read_json, write_json
    from maple.study import Study

    if not args.why.strip():
        raise UserError("--why needs a reason")
    statements, before = digests.accepted(), {}
    for node in integrity.nodes(Study(config.load(args.configfile))):
        if Path(node.path).is_file():
            script = SCRIPTS.get(node.rule) or SCRIPTS[node.rule.rpartition("_")[0]]
            before.setdefault(script, {}).setdefault(read_json(node.path)["code"], node)
    changed = 0
    for script, found in sorted(before.items()):
        current = next(iter(found.values())).code
        others = sorted(set(found) - {current})
        if len(others) > 1:
            raise UserError(f"results of {script} stem from several versions ({', '.join(others)}): remake them first")
        if others:
            now = digests.raw_code_digest(script)
            statements.append({"script": script, "was": others[0], "now": now, "why": args.why})
            changed += 1
            print(f"{script}: results of {others[0]} stay current under {now}")
    if not changed:
        print("no result was made by other code: nothing to accept")
        return 0
    write_json(digests.ACCEPTED, statements)
    return 0


if __name__ == "__main__":
    run(main)
