"""Scores in the JSON form of lm-evaluation-harness (its `result_schema.py`, version 0.4.13)."""

from maple.benchmarks import DECLARED

# What makes a benchmark the harness's own task: split, version of the task, and digest of the prompt set that says the
# same (`xnli/native`, `xcopa/native`, `xstorycloze/native`, `belebele/harness`; compared in docs/parity.md). Its tasks
# for XQuAD and MLQA ask and compare answers in other ways than ours.
_SAME = {
    "xnli": ("validation", 1.0, "3dda459fe37b0a4e"),
    "xcopa": ("test", 1.0, "e0ca79b7d59e83ff"),
    "xstorycloze": ("validation", 1.0, "cc87cc0020a62d82"),
    "belebele": ("test", 0.0, "c655f08a39679c30"),
}
# In Arabic XNLI the harness answers "No" with the word for "number", which ours does not repeat; it has no English
# XCOPA.
_DIFFERENT = {"xnli_ar", "xcopa_en"}
_METRICS = {"accuracy": "acc", "f1": "f1", "exact_match": "exact_match"}


def task_of(benchmark: dict, code: str) -> tuple[str, object]:
    """Return the name of a task and its version.

    It is the harness's name if and only if the task is: its items, prompts and split, by likelihood, and no
    demonstrations (the harness draws others). The version of any other is the digest of its prompts.

    Args:
        benchmark: What the spec says about it.
        code: The benchmark's own code of the language.
    """
    name = f"{benchmark['name']}_{code}"
    split, version, prompts = _SAME.get(benchmark["name"], (None, None, None))
    same = (
        benchmark["source"] != "sample"
        and benchmark["prompts"]["digest"] == prompts
        and benchmark["split"] == split
        and benchmark["scoring"] == "likelihood"
        and benchmark["shots"] == 0
        and benchmark["question_from"] == "own"
        and name not in _DIFFERENT
    )
    return (name, version) if same else (f"maple_{name}", benchmark["prompts"]["digest"])


def _metrics(part, names: dict[str, str]) -> dict:
    """Return means and standard errors of a language's credits, as the harness takes them."""
    found = {}
    for name, column in names.items():
        credits = part[column].to_numpy()
        error = credits.std(ddof=1) / len(credits) ** 0.5 if len(credits) > 1 else "N/A"
        found[f"{name},none"] = round(float(credits.mean()), 6)
        found[f"{name}_stderr,none"] = error if error == "N/A" else round(float(error), 6)
    return found


def results(spec: dict, parts: dict[str, dict], model_args: dict) -> dict:
    """Return the file's content.

    Args:
        spec: The rule's spec.
        parts: Benchmark -> language -> slice of the item table.
        model_args: What was evaluated.
    """
    keys = ("results", "group_subtasks", "configs", "versions", "n-shot", "higher_is_better", "n-samples")
    found = {key: {} for key in keys}
    for benchmark in spec["benchmarks"]:
        declared = DECLARED[benchmark["name"]]
        columns = {_METRICS[declared.metric]: "credit"} | ({} if declared.golds else {"exact_match": "exact_match"})
        for language, _, code in benchmark["languages"]:
            part = parts[benchmark["name"]][language]
            name, version = task_of(benchmark, code)
            found["results"][name] = {"alias": name, "sample_len": len(part)} | _metrics(part, columns)
            found["group_subtasks"][name] = []
            found["configs"][name] = _config(benchmark, name, code, version, list(columns))
            limit = benchmark["limits"].get(language, benchmark["limit"])
            found["configs"][name]["metadata"]["limit"] = limit
            found["versions"][name] = version
            found["n-shot"][name] = benchmark["shots"]
            found["higher_is_better"][name] = dict.fromkeys(columns, True)
            found["n-samples"][name] = {"effective": len(part)}
    # Limits differ by benchmark and language: each task's metadata has its own.
    return found | {
        "config": {"model": "maple", "model_args": model_args, "limit": None},
        "model_source": "maple",
        "model_name": spec["system"],
    }


def _config(benchmark: dict, name: str, code: str, version, metrics: list[str]) -> dict:
    """Return what the harness calls a task's config."""
    likelihood = benchmark["scoring"] == "likelihood"
    return {
        "task": name,
        "dataset_path": DECLARED[benchmark["name"]].hub if benchmark["source"] == "hub" else benchmark["source"],
        "dataset_name": code,
        "test_split": benchmark["split"],
        "output_type": "multiple_choice" if likelihood else "generate_until",
        "num_fewshot": benchmark["shots"],
        "metric_list": [{"metric": metric, "aggregation": "mean", "higher_is_better": True} for metric in metrics],
        "metadata": {"version": version, "evaluated_by": "MAPLE", "prompts": benchmark["prompts"]},
    }
