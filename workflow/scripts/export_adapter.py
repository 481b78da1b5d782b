"""Export one finetuned system for others: weights and config as PEFT (or transformers) reads them, and a model card."""

import argparse
import json
import os
import shutil
from pathlib import Path

from maple import item_tables, manifests, model_card, statistics
from maple.files import WRITTEN, read_json, replaced, writer
from maple.logs import add_log_argument, log, run, setup_logging
from maple.model_sources import folder_of


def link(source: Path, target: Path) -> None:
    """Put a payload file in place as a hard link, which takes no room; as a copy on another file system."""
    temporary = target.with_name(f".{target.name}.{writer()}")
    temporary.unlink(missing_ok=True)
    try:
        os.link(source, temporary)
        log.info("%s: hard link", target)
    except OSError:
        shutil.copyfile(source, temporary)
        log.info("%s: copy", target)
    os.replace(temporary, target)
    WRITTEN.append(target)
    # Snakemake takes an output that is older than its inputs for a stale one.
    os.utime(target)


def base_of(manifest_path: Path, manifest: dict) -> tuple[str, str | None]:
    """Return where others find the base model, and its revision if it is on the hub."""
    if "hub" in manifest:
        return manifest["hub"], manifest["commit"]
    return manifest.get("folder", str(manifest_path.parent)), None


def write_peft(adapter: Path, base: str, revision: str | None, out: Path) -> None:
    """Write the adapter's folder; its config names the base as others find it."""
    config = read_json(adapter.parent / "adapter_config.json")
    config |= {"base_model_name_or_path": base, "revision": revision}
    with replaced(out / "adapter_config.json") as stream:
        stream.write(json.dumps(config, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    link(adapter.parent / "adapter_model.safetensors", out / "adapter_model.safetensors")


def write_model(adapter: Path, model: Path, manifest: dict, out: Path) -> None:
    """Write the folder of a fully finetuned model: its weights, and config and tokenizer of the base."""
    folder = folder_of(model, manifest)
    for name in manifest["files"]:
        if name != "config.json" and ".safetensors" not in name and "/" not in name:
            with replaced(out / name, "wb") as stream:
                stream.write((folder / name).read_bytes())
    # The weights are bf16 whatever the base's were.
    config = {key: value for key, value in read_json(folder / "config.json").items() if key != "torch_dtype"}
    with replaced(out / "config.json") as stream:
        stream.write(json.dumps(config | {"dtype": "bfloat16"}, indent=1, sort_keys=True, ensure_ascii=False) + "\n")
    link(adapter.parent / "adapter_model.safetensors", out / "model.safetensors")


def read_cells(spec: dict, tuned: list[Path], base: list[Path]) -> tuple[dict, dict]:
    """Return what the card says about each benchmark and language, and the manifests of the system's scores."""
    cells, found = {}, {}
    for benchmark, paths in zip(spec["benchmarks"], zip(tuned, base, strict=True), strict=True):
        codes = [code for code, *_ in benchmark["languages"]]
        manifest, before = (manifests.read(path) for path in paths)
        tables = [item_tables.slices(path, codes, ["id", "credit"]) for path in paths]
        own = {}
        for code in codes:
            after, untuned = (table[code] for table in tables)
            item_tables.same_items(after["id"].chunk(0), untuned["id"].chunk(0), code, *paths)
            difference = item_tables.credits(after) - item_tables.credits(untuned)
            low, high = statistics.difference_interval(difference)
            own[code] = {
                "tuned": manifest["scores"][code],
                "base": before["scores"][code],
                "difference": (float(difference.mean()), float(low), float(high)),
            }
        cells[benchmark["name"]], found[benchmark["name"]] = own, manifest
    return cells, found


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--spec", required=True, help="canonical JSON: what the card says besides scores")
    parser.add_argument("--adapter", required=True, type=Path, help="manifest of the adapter")
    parser.add_argument("--model", required=True, type=Path, help="manifest of the base model")
    parser.add_argument("--scores", required=True, nargs="+", type=Path, help="its scores, in the spec's order")
    parser.add_argument("--base-scores", required=True, nargs="+", type=Path, help="the untuned base's, likewise")
    parser.add_argument("--out", required=True, type=Path, help="README.md to write; the weights go beside it")
    add_log_argument(parser)
    args = parser.parse_args(argv)
    setup_logging(args.log)

    spec, adapter, model = json.loads(args.spec), manifests.read(args.adapter), read_json(args.model)
    cells, scores = read_cells(spec, args.scores, args.base_scores)
    base, revision = base_of(args.model, model)
    out = args.out.parent
    out.mkdir(parents=True, exist_ok=True)
    if adapter["spec"]["method"].get("kind") == "full":
        write_model(args.adapter, args.model, model, out)
    else:
        write_peft(args.adapter, base, revision, out)
    provenance = manifests.provenance(args.adapter) or {}
    facts = {
        "base": base,
        "revision": revision,
        "published": "hub" in model,
        "adapter": adapter,
        "weights": adapter["files"]["adapter_model.safetensors"]["sha256"],
        "versions": provenance.get("versions", {}),
        "scores": scores,
    }
    with replaced(args.out) as stream:
        stream.write(model_card.card(spec, facts, cells))
    return 0


if __name__ == "__main__":
    run(main)
