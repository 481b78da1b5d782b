"""What an edit costs. Exact job sets, with the shipped default profile."""

import json
import os
import shutil

import yaml

# Figures over the whole study. The forest rests on effects.csv alone, the others on comparisons too.
SUMMARY = {f"plot_{name}": 1 for name in ("tradeoff", "forest", "heatmap", "tokenizer_fertility", "cost")}
OF_COMPARISONS = {"plot_by_rank": 1, "plot_english_forgetting": 1, "plot_by_resource_class": 1}
AFTER_SCORES = {"gather": 1, "compare": 1, "plot_by_lang": 1, "analyse": 1, "report": 1} | OF_COMPARISONS | SUMMARY
NEW_ITEMS = {"prepare_xnli": 1, "tokenize_benchmarks": 1}
NEW_PREDICTIONS = {"report_items_xnli": 1} | AFTER_SCORES
TRAINED = NEW_PREDICTIONS | {"plot_training": 1}
AFTER_ONE_ADAPTER = {"finetune": 1, "predict_xnli": 1, "score_xnli": 1} | TRAINED
ALL_PREDICTIONS = {"predict_xnli": 3, "score_xnli": 3} | NEW_PREDICTIONS
LIBRARY = "workflow/scripts/maple"
BASE = "results/predictions/tiny/16bit/base/xnli"


def grid(**changes):
    return lambda config: config["grid"][0].update(changes)


def test_nothing(study):
    assert study.pending() == {}


def test_touching_every_file(study):
    for folder, _, names in os.walk(study.folder):
        if ".snakemake" not in folder:
            for name in names:
                os.utime(os.path.join(folder, name))
    assert study.pending() == {}


def test_touching_a_large_adapter(study):
    weights = study.folder / "results/adapters/tiny/16bit/sample/lora-r4/seed0/adapter_model.safetensors"
    with open(weights, "ab") as stream:
        stream.truncate(1_500_000)
    assert study.pending() == {}


# Each by itself must change nothing, so all of them together must not either.
NEUTRAL = {
    "layout": (f"{LIBRARY}/response_loss.py", '"cpu": 64', '"cpu": (64)'),
    "docstring": (
        f"{LIBRARY}/examples.py",
        '"""Return the examples of a step (from 0)."""',
        '"""Give the examples of a step."""',
    ),
    "log text": (f"{LIBRARY}/training.py", "resuming after step %d of %d", "going on after step %d of %d"),
    "help text": (
        "workflow/scripts/finetune.py",
        "time between checkpoints",
        "seconds from one checkpoint to the next",
    ),
    "comment in smk": ("rules/finetune.smk", "rule finetune:", "# one adapter a job\nrule finetune:"),
    "memory": (f"{LIBRARY}/budget.py", "2000 + 2.0", "3000 + 2.0"),
    "comment in a prompt file": (
        "config/prompts/xnli/native.yaml",
        'context: ""',
        'context: ""  # nothing goes before',
    ),
    # Sample data are not the published benchmark, so nothing here depends on published scores.
    "published scores": ("config/references.csv", "xnli,ar,gpt-4,", "xnli,ar,gpt-four,"),
    "new schema key at its default": (
        "workflow/schemas/config.schema.json",
        '"max_grad_norm":',
        '"use_dora": {"type": "boolean", "default": false, "x-neutral": false}, "max_grad_norm":',
    ),
}


def test_edits_that_change_no_result_and_other_threads(study):
    for name, old, new in NEUTRAL.values():
        study.edit(name, old, new)
    assert study.pending("--cores", "8") == {}
    asked = ("--set-resources", "finetune:gpu=2", "finetune:gpu_percent=50", "finetune:mem_mb=9000")
    assert study.pending(*asked, "--set-threads", "finetune=2") == {}


def test_new_rank_trains_only_that_rank(study):
    study.edit_config(grid(ranks=[4, 8, 16]))
    assert study.pending() == AFTER_ONE_ADAPTER


def test_new_seed(study):
    study.edit_config(grid(seeds=[0, 1]))
    assert study.pending() == AFTER_ONE_ADAPTER | {"finetune": 2, "predict_xnli": 2, "score_xnli": 2}


def test_new_bits(study):
    study.edit_config(grid(bits=[16, 8]))
    assert study.pending() == {"finetune": 2, "predict_xnli": 3, "score_xnli": 3, "plot_by_bits": 1} | TRAINED


def test_removing_a_rank_and_taking_it_back(study):
    study.edit_config(grid(ranks=[4]))
    assert study.pending() == TRAINED
    study.run()
    study.edit_config(grid(ranks=[4, 8]))
    assert study.pending() == TRAINED


def test_removing_a_language_and_taking_it_back(study):
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(languages=["en"]))
    assert study.pending() == AFTER_SCORES | {"tokenize_benchmarks": 1}
    study.run()
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(languages=["en", "sw"]))
    assert study.pending() == AFTER_SCORES | {"tokenize_benchmarks": 1}


def test_new_language_computes_only_that_language(study):
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(languages=["en", "sw", "zh"]))
    assert study.pending() == NEW_ITEMS | ALL_PREDICTIONS
    study.run()
    log = study.folder / "results/logs/predict/tiny/16bit/base/xnli.log"
    assert "computing zh; keeping en.jsonl, sw.jsonl" in log.read_text(encoding="utf-8")
    assert study.pending() == {}


def test_prompt_of_one_language(study):
    study.edit("config/prompts/xnli/native.yaml", "question: sahihi", "question: kweli")
    assert study.pending() == ALL_PREDICTIONS
    study.run(f"{BASE}/index.json")
    log = study.folder / "results/logs/predict/tiny/16bit/base/xnli.log"
    assert "computing sw; keeping en.jsonl" in log.read_text(encoding="utf-8")


def test_limit_of_one_language(study):
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(limits={"sw": 3}))
    assert study.pending() == NEW_ITEMS | ALL_PREDICTIONS
    study.run(f"{BASE}/index.json")
    log = study.folder / "results/logs/predict/tiny/16bit/base/xnli.log"
    assert "computing sw; keeping en.jsonl" in log.read_text(encoding="utf-8")


def test_shots(study, tmp_path):
    data = tmp_path / "data"
    data.mkdir()
    for split in ("dev", "test"):
        for code in ("en", "sw"):
            rows = [(f"{split} {code} {n}", "h", label) for n, label in enumerate(["entailment", "neutral"] * 3)]
            (data / f"{split}-{code}.tsv").write_text("".join("\t".join(row) + "\n" for row in rows))
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(source="local", path=str(data)))
    study.run()
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(shots=2))
    assert study.pending() == {"plot_gap_to_references": 1} | NEW_ITEMS | ALL_PREDICTIONS
    study.run(f"{BASE}/index.json")
    predictions = study.folder / BASE
    records = [json.loads(line) for line in (predictions / "sw.jsonl").read_text().splitlines()]
    assert {record["shots"] for record in records} == {2}
    shown = study.command(
        "workflow/scripts/predict.py", "--show-prompts", "--model", "results/models/tiny/manifest.json",
        "--items", "results/benchmarks/xnli/index.json", "--prompts", "config/prompts/xnli/native.yaml",
    )  # fmt: skip
    assert shown.returncode == 0, shown.stderr
    assert shown.stdout.count("dev sw ") == 2 and shown.stdout.count("test sw 0, sahihi?") == 3
    assert "context of" in shown.stdout and "tokens]" in shown.stdout


def test_a_changed_file_of_local_benchmark_data_keeps_adapters_that_repeat_none_of_it(study, tmp_path):
    for code in ("en", "sw"):
        shutil.copy(study.folder / f"resources/sample/xnli/{code}.jsonl", tmp_path)
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(source="local", path=str(tmp_path)))
    study.run()
    weights = study.folder / "results/adapters/tiny/16bit/sample/lora-r4/seed0/adapter_model.safetensors"
    before = weights.stat().st_ino
    lines = (tmp_path / "sw.jsonl").read_text(encoding="utf-8").splitlines(keepends=True)
    (tmp_path / "sw.jsonl").write_text("".join(lines[1:]), encoding="utf-8")
    asked = {"prepare_instructions": 1, "finetune": 2, "prepare_xnli": 1, "predict_xnli": 3, "score_xnli": 3}
    assert asked.items() <= study.pending().items()
    study.run(f"{BASE}/index.json", "results/adapters/tiny/16bit/sample/lora-r4/seed0/adapter.json")
    assert weights.stat().st_ino == before
    log = study.folder / "results/logs/predict/tiny/16bit/base/xnli.log"
    assert "computing sw; keeping en.jsonl" in log.read_text(encoding="utf-8")


def test_more_instructions(study):
    study.edit_config(lambda c: c["instructions"]["sample"].update(limit=7))
    assert study.pending() == {"prepare_instructions": 1, "finetune": 2, "predict_xnli": 2, "score_xnli": 2} | TRAINED


def test_new_data_set(study):
    def add(config):
        config["instructions"]["other"] = config["instructions"]["sample"] | {"name": "other", "limit": 2}
        config["grid"][0]["data"] = ["sample", "other"]

    study.edit_config(add)
    more = {"prepare_instructions": 1, "finetune": 2, "predict_xnli": 2, "score_xnli": 2}
    assert study.pending() == more | TRAINED


def test_new_method(study):
    def add(config):
        config["methods"]["lora-qv"] = config["methods"]["lora"] | {"target_modules": ["q_proj", "v_proj"]}
        config["grid"][0]["methods"] = ["lora", "lora-qv"]

    study.edit_config(add)
    assert study.pending() == {"finetune": 2, "predict_xnli": 2, "score_xnli": 2} | TRAINED


def test_new_benchmark_keeps_adapters_that_repeat_none_of_it(study):
    weights = study.folder / "results/adapters/tiny/16bit/sample/lora-r4/seed0/adapter_model.safetensors"
    before = weights.stat().st_ino
    study.edit_config(lambda c: c["benchmarks"].update(xcopa={"source": "sample", "languages": ["en"], "limit": 2}))
    # Training data are compared with the text of every benchmark. Jobs below see that nothing changed, and stop.
    asked = {"prepare_instructions": 1, "finetune": 2, "prepare_xcopa": 1, "predict_xcopa": 3, "score_xcopa": 3}
    assert asked.items() <= study.pending().items()
    study.run()
    assert weights.stat().st_ino == before
    log = study.folder / "results/logs/predict/tiny/16bit/sample/lora-r4/seed0/xnli.log"
    assert "computing none" in log.read_text(encoding="utf-8")
    assert study.pending() == {}


def test_learning_rate_spares_the_baseline(study):
    study.edit_config(lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3))
    assert study.pending() == {"finetune": 2, "predict_xnli": 2, "score_xnli": 2} | TRAINED


def test_rank_and_alpha_swapped(study):
    # Rank 4 with alpha 8 is there; so is rank 8, but with another alpha than now.
    def swap(config):
        config["grid"][0]["ranks"], config["methods"]["lora"]["alpha"] = [8], 4

    study.edit_config(swap)
    assert study.pending() == AFTER_ONE_ADAPTER


def test_metric_code_costs_no_gpu_job(study):
    study.edit("workflow/metrics/choice_scores/choice_scores.py", "sum(credits)", "1.0 * sum(credits)")
    assert study.pending() == {"score_xnli": 3} | NEW_PREDICTIONS


def test_statistics_of_comparisons(study):
    study.edit(f"{LIBRARY}/variance.py", "range(40)", "range(41)")
    assert study.pending() == {"compare": 1, "analyse": 1, "report": 1} | OF_COMPARISONS | SUMMARY


def test_figure_style(study):
    study.edit(f"{LIBRARY}/plots.py", '"axes.titlesize": 9', '"axes.titlesize": 10')
    assert study.pending() == {"plot_by_lang": 1, "plot_training": 1, "report": 1} | OF_COMPARISONS | SUMMARY


def test_constant_in_a_module_that_training_imports(study):
    study.edit(f"{LIBRARY}/response_loss.py", '"cpu": 64', '"cpu": 32')
    assert study.pending() == {"finetune": 2, "predict_xnli": 2, "score_xnli": 2} | TRAINED


def test_another_study_and_back(study):
    config = yaml.safe_load((study.folder / "config/config.yaml").read_text())
    config["results"] = "results/other"
    study.write_config(config, "config/other.yaml")
    assert study.pending("--configfile", "config/other.yaml")["finetune"] == 2
    assert study.pending() == {}


def test_lost_records_are_refused_until_adopted(study):
    shutil.rmtree(study.folder / ".snakemake")
    refused = study.snakemake("-n")
    assert refused.returncode != 0 and "adopt.py" in refused.stdout + refused.stderr
    adopted = study.command("workflow/scripts/adopt.py")
    assert adopted.returncode == 0, adopted.stdout + adopted.stderr
    assert not {"finetune", "predict_xnli"} & set(study.pending())
    study.edit_config(lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3))
    assert study.pending()["finetune"] == 2


def test_adopt_refuses_results_of_other_settings(study):
    study.edit_config(lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3))
    shutil.rmtree(study.folder / ".snakemake")
    refused = study.command("workflow/scripts/adopt.py")
    assert refused.returncode != 0 and "other settings" in refused.stdout


def test_accepting_a_code_change(study):
    study.edit(f"{LIBRARY}/response_loss.py", '"cpu": 64', '"cpu": 32')
    done = study.command("workflow/scripts/accept.py", "--why", "rows are independent of each other")
    assert done.returncode == 0 and "finetune" in done.stdout, done.stdout + done.stderr
    assert study.pending() == {}


def test_verify_finds_damage_and_a_run_mends_it(study):
    clean = study.command("workflow/scripts/verify.py")
    assert clean.returncode == 0, clean.stdout + clean.stderr
    weights = study.folder / "results/adapters/tiny/16bit/sample/lora-r4/seed0/adapter_model.safetensors"
    before = weights.read_bytes()
    weights.write_bytes(before[:-1] + bytes([before[-1] ^ 1]))
    found = study.command("workflow/scripts/verify.py")
    assert found.returncode == 1 and "adapter_model.safetensors: wrong sha256" in found.stdout
    assert study.command("workflow/scripts/verify.py", "--remove-bad").returncode == 0
    assert study.pending() == AFTER_ONE_ADAPTER
    study.run()
    assert weights.read_bytes() == before
    assert study.command("workflow/scripts/verify.py").returncode == 0
