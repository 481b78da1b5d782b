"""Count tokens per word, or per character where a script has no spaces, of each model, benchmark and language."""

import argparse
import csv
import json
from pathlib import Path

from maple import manifests
from maple.benchmarks import DECLARED
from maple.files import read_jsonl, replaced
from maple.logs import add_log_argument, log, run, setup_logging


def rows_of(spec: dict, tokenizers: dict, indexes: list[Path]) -> list[dict]:
    """Return one row per model, benchmark and language."""
    from maple import fertility

    rows = []
    for (benchmark, languages), index in zip(spec["benchmarks"], indexes, strict=True):
        manifests.read(index, only=[f"{code}.jsonl" for code, *_ in languages])
        for code, name, script, joshi in languages:
            items = read_jsonl(index.parent / f"{code}.jsonl")
            texts = fertility.texts_of(items, DECLARED[benchmark].values)
            for model, tokenizer in tokenizers.items():
                counts, unit = fertility.count(texts, tokenizer), fertility.unit(script)
                row = {"model": model, "benchmark": benchmark, "language": code, "language_name": name}
                row |= {"script": script, "joshi_class": joshi, "texts": counts.texts, "characters": counts.characters}
                row |= {"words": counts.words, "tokens": counts.tokens, "unit": unit}
                per = counts.words if unit == "word" else counts.characters
                rows.append(row | {"fertility": f"{counts.tokens / per:.6g}"})
        log.info("%s: %d languages", benchmark, len(languages))
    return rows


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: models, benchmarks and their languages")
    parser.add_argument("--models", required=True, nargs="+", type=Path, help="manifests, in the order of the spec")
    parser.add_argument("--items", required=True, nargs="+", type=Path, help="indexes, in the order of the spec")
    parser.add_argument("--out", required=True, type=Path, help="table, CSV")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)
    from maple import models

    spec = json.loads(args.spec)
    loaded = {model: models.load_tokenizer(path) for model, path in zip(spec["models"], args.models, strict=True)}
    rows = rows_of(spec, loaded, args.items)
    with replaced(args.out) as stream:
        writer = csv.DictWriter(stream, rows[0], lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return 0


if __name__ == "__main__":
    run(main)
