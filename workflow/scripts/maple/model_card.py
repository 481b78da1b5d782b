"""The model card of an exported adapter: Hugging Face's front matter with its model-index, then the same in words."""

import json

from maple import licences
from maple.benchmarks import DECLARED

_LOADING = {
    4: "BitsAndBytesConfig(load_in_4bit=True, bnb_4bit_quant_type='nf4', bnb_4bit_use_double_quant=True,\n"
    "                                      bnb_4bit_compute_dtype=torch.bfloat16)",
    8: "BitsAndBytesConfig(load_in_8bit=True)",
    16: "None",
}
_HYPER = {"rank": "rank", "seed": "seed", "bits": "bits of the base"}
_TASKS = {True: "multiple-choice", False: "question-answering"}
_SAMPLE = "**Sample data, machine-written: these scores show that the workflow runs and measure nothing else.**"


def card(spec: dict, facts: dict, cells: dict[str, dict[str, dict]]) -> str:
    """Return the content of a README.md.

    Args:
        spec: The rule's spec.
        facts: ``base`` (hub id or folder) and ``revision``, ``adapter`` (its manifest), ``weights`` (sha256 of the
            exported weights), ``versions`` of packages, ``scores`` (benchmark -> its manifest).
        cells: Benchmark -> language -> ``tuned``, ``base`` (score, low, high, items, unparsed) and ``difference``
            (mean, low, high).
    """
    parts = [
        f"# {spec['label']}",
        _summary(spec, facts),
        "## How to load it\n\n" + _loading(facts),
        "## Base model and training data\n\n" + _origin(spec, facts),
        "## Method\n\n" + _method(spec, facts),
        "## Scores\n\n" + _scores(spec, cells),
        "## Limits\n\n" + _limits(spec, facts),
        "## Provenance\n\n" + _provenance(facts),
    ]
    return f"---\n{_front_matter(spec, facts, cells)}\n---\n\n" + "\n\n".join(parts) + "\n"


def _is_full(facts: dict) -> bool:
    return facts["adapter"]["spec"]["method"].get("kind") == "full"


def _front_matter(spec: dict, facts: dict, cells: dict) -> str:
    """Return the YAML that the hub reads; an invalid model-index is refused by the library."""
    from huggingface_hub import EvalResult, ModelCardData

    results = []
    for benchmark in spec["benchmarks"]:
        declared, hub = DECLARED[benchmark["name"]], benchmark["source"] == "hub"
        for code, language, own in benchmark["languages"]:
            results.append(
                EvalResult(
                    task_type=_TASKS[bool(declared.golds)],
                    dataset_type=declared.hub if hub else f"{benchmark['source']}-{benchmark['name']}",
                    dataset_name=f"{declared.name} ({language}){'' if hub else ', ' + benchmark['source'] + ' files'}",
                    dataset_config=own,
                    dataset_split=benchmark["split"],
                    dataset_revision=benchmark.get("revision") if hub else None,
                    metric_type=declared.metric,
                    metric_name=f"{declared.metric}, by {benchmark['scoring']}",
                    metric_value=cells[benchmark["name"]][code]["tuned"]["score"],
                )
            )
    sources = spec["data"]["sources"]
    # The hub knows languages by ISO 639: the part before a script.
    codes = {code.split("-")[0] for source in sources for code in source["languages"]}
    data = ModelCardData(
        base_model=facts["base"] if spec["model"]["source"] == "hub" else None,
        library_name="transformers" if _is_full(facts) else "peft",
        pipeline_tag="text-generation",
        language=sorted(codes),
        datasets=[source["id"] for source in sources if "id" in source] or None,
        tags=["maple", facts["adapter"]["spec"]["method"].get("kind", "lora")],
        model_name=spec["system"].replace("/", "-"),
        eval_results=results,
    )
    return data.to_yaml(line_break="\n")


def _summary(spec: dict, facts: dict) -> str:
    what = "A fully finetuned model" if _is_full(facts) else f"A PEFT adapter ({spec['method']['name']})"
    text = f'{what} of {spec["model"]["name"]}, from the study "{spec["study"]}" made with MAPLE.'
    sample = any(benchmark["source"] == "sample" for benchmark in spec["benchmarks"])
    return f"{text}\n\n{_SAMPLE}" if sample else text


def _loading(facts: dict) -> str:
    bits, revision = facts["adapter"]["spec"]["bits"], facts["revision"]
    if _is_full(facts):
        return "```python\nfrom transformers import AutoModelForCausalLM, AutoTokenizer\n\nmodel = " + (
            'AutoModelForCausalLM.from_pretrained("<this folder>")\n'
            'tokenizer = AutoTokenizer.from_pretrained("<this folder>")\n```'
        )
    at = f', revision="{revision}"' if revision else ""
    text = f"""```python
import torch
from peft import PeftModel
from transformers import AutoModelForCausalLM, AutoTokenizer, BitsAndBytesConfig

base = "{facts["base"]}"
model = AutoModelForCausalLM.from_pretrained(
    base{at}, dtype=torch.bfloat16, quantization_config={_LOADING[bits]}
)
tokenizer = AutoTokenizer.from_pretrained(base{at})
model = PeftModel.from_pretrained(model, "<this folder>")
```"""
    if not facts["published"]:
        text += (
            f"\n\nThe base lies in the study's folder `{facts['base']}`, as seen from where the workflow runs: to load "
            "it elsewhere, give its place there, and say it in `adapter_config.json` before you publish."
        )
    return text


def _origin(spec: dict, facts: dict) -> str:
    model, revision = spec["model"], facts["revision"]
    named = model.get("id") or model.get("package") or facts["base"]
    lines = [
        f"- Base model: {model['name']} (`{named}`{f', revision `{revision}`' if revision else ''}). "
        f"Licence: {licences.of(model)}.",
    ]
    for source in spec["data"]["sources"]:
        name = source.get("id") or {"sample": "sample instructions", "local": "local files"}[source["source"]]
        at = f", revision `{source['revision']}`" if "revision" in source else ""
        lines.append(
            f"- Training data: {spec['data']['name']} (`{name}`{at}), languages {', '.join(source['languages'])}. "
            f"Licence: {licences.of(source)}."
        )
    lines += [
        f"- Evaluated on {DECLARED[b['name']].name}, whose data are under {DECLARED[b['name']].licence}."
        for b in spec["benchmarks"]
        if b["source"] != "sample"
    ]
    lines.append("- The licence of these weights is for their maker to choose, within the terms above.")
    return "\n".join(lines)


def _method(spec: dict, facts: dict) -> str:
    trained = facts["adapter"]
    settings = {**trained["spec"], **trained["spec"]["method"]}
    settings.pop("method")
    if not spec["method"]["ranked"]:
        settings.pop("rank")
    rows = ["| setting | value |", "|---|---|", f"| method | {spec['method']['name']} |"]
    for key in sorted(settings):
        value = settings[key] if isinstance(settings[key], str) else json.dumps(settings[key])
        rows.append(f"| {_HYPER.get(key, key)} | {value} |")
    records = ", ".join(f"{count} {key.replace('_', ' ')}" for key, count in sorted(trained["records"].items()))
    rows.append(f"| records | {records} |")
    rows.append(f"| trainable parameters | {trained['trainable_parameters']:,} ({trained['trainable_share']:.3%}) |")
    return "\n".join(rows)


def _percent(cell: dict) -> str:
    return f"{cell['score'] * 100:.1f} ({cell['low'] * 100:.1f} to {cell['high'] * 100:.1f})"


def _scores(spec: dict, cells: dict) -> str:
    """Return a table per benchmark: English first, then the other languages."""
    parts = [
        "In per cent, with 95 % intervals; the difference is paired, item by item. These intervals are not corrected "
        "for how many there are."
    ]
    for benchmark in spec["benchmarks"]:
        declared, own = DECLARED[benchmark["name"]], cells[benchmark["name"]]
        shots = f"{benchmark['shots']} demonstrations" if benchmark["shots"] else "zero-shot"
        how = f"{declared.metric}, split {benchmark['split']}, prompts {benchmark['prompts']['set']}, {shots}, "
        how += f"by {benchmark['scoring']}"
        if declared.chance:
            how += f"; chance is {declared.chance:.1%}"
        rows = [f"### {declared.name}{' (sample data)' if benchmark['source'] == 'sample' else ''}", "", how + ".", ""]
        words = benchmark["scoring"] == "generation"
        rows.append("| language | items | this model | untuned base | difference |" + (" unparsed |" if words else ""))
        rows.append("|---|---:|---:|---:|---:|" + ("---:|" if words else ""))
        for code, language, _ in sorted(benchmark["languages"], key=lambda row: row[0] != "en"):
            cell = own[code]
            mean, low, high = (value * 100 for value in cell["difference"])
            row = f"| {language} | {cell['tuned']['items']} | {_percent(cell['tuned'])} | {_percent(cell['base'])} | "
            row += f"{mean:+.1f} ({low:+.1f} to {high:+.1f}) |"
            rows.append(row + (f" {cell['tuned']['unparsed'] / cell['tuned']['items']:.1%} |" if words else ""))
        parts.append("\n".join(rows))
    return "\n\n".join(parts)


def _limits(spec: dict, facts: dict) -> str:
    bits = facts["adapter"]["spec"]["bits"]
    lines = []
    if any(benchmark["source"] == "sample" for benchmark in spec["benchmarks"]):
        lines.append(_SAMPLE)
    if any(source["source"] == "sample" for source in spec["data"]["sources"]):
        lines.append("It was trained on sample instructions, machine-written for this workflow.")
    if not _is_full(facts):
        lines.append(
            f"It was trained and evaluated unmerged on its base at {bits} bit. On a base of other bits, or merged into "
            "it, scores differ: merging in bf16 rounds a small update away. LoRA matrices were rounded to bf16 for the "
            "evaluation."
        )
    if spec["model"]["note"]:
        lines.append(spec["model"]["note"])
    lines.append("One seed: nothing here says how much another seed would differ.")
    lines.append("Scores by likelihood and by generation are two measurements and must not be compared.")
    return "\n".join(f"- {' '.join(line.split())}" for line in lines)


def _provenance(facts: dict) -> str:
    trained = facts["adapter"]
    rows = [
        ("weights, sha256", facts["weights"]),
        ("base model, digest of its files", trained["inputs"]["model"]),
        ("training data, digest", trained["inputs"]["data"]),
        ("training code, digest", trained["code"]),
        ("training spec", json.dumps(trained["spec"], sort_keys=True, ensure_ascii=False)),
    ]
    for name, scores in facts["scores"].items():
        rows.append((f"{DECLARED[name].name}: predictions, digest", scores["inputs"]["predictions"]))
        rows.append((f"{DECLARED[name].name}: scoring code, digest", scores["code"]))
    rows.append(("versions in training", ", ".join(f"{name} {found}" for name, found in facts["versions"].items())))
    return "\n".join(["| what | value |", "|---|---|", *(f"| {name} | `{value}` |" for name, value in rows)])
