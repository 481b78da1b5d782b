"""A job that fails leaves what was there as it was: files, their time stamps, and what Snakemake thinks of them."""

from test_what_reruns import ALL_PREDICTIONS, BASE, TRAINED

# The command ends at once, with an error.
FAILING = ["--set-resources", "predict_xnli:cpu_threads=--"]
TUNED = "results/predictions/tiny/16bit/sample/lora-r4/seed0/xnli"


def standing(study, folder):
    return {
        path.name: (path.read_bytes(), path.stat().st_mtime_ns)
        for path in (study.folder / folder).iterdir()
        if path.name != "provenance.json"
    }


def fail(study, target):
    done = study.snakemake(*FAILING, "--", target)
    assert done.returncode != 0 and "--threads" in done.stdout + done.stderr, done.stdout + done.stderr


def test_predictions_that_could_not_be_made_anew_are_still_pending(study):
    before = standing(study, BASE)
    study.edit("config/prompts/xnli/native.yaml", "question: sahihi", "question: kweli")
    fail(study, f"{BASE}/index.json")
    assert standing(study, BASE) == before
    assert study.pending() == ALL_PREDICTIONS
    study.edit("config/prompts/xnli/native.yaml", "question: kweli", "question: sahihi")
    assert study.pending() == {}


def test_predictions_of_an_adapter_that_was_trained_anew_are_still_pending(study):
    before = standing(study, TUNED)
    study.edit_config(lambda c: c["methods"]["lora"].update(learning_rate=2.0e-3))
    # Training succeeds; only its time stamp tells that what rests on it is old.
    fail(study, f"{TUNED}/index.json")
    assert standing(study, TUNED) == before
    assert study.pending() == {"finetune": 1, "predict_xnli": 2, "score_xnli": 2} | TRAINED


def test_a_language_that_is_new_leaves_nothing_behind(study):
    before = standing(study, BASE)
    study.edit_config(lambda c: c["benchmarks"]["xnli"].update(languages=["en", "sw", "zh"]))
    fail(study, f"{BASE}/zh.jsonl")
    assert standing(study, BASE) == before
    # Items of the new language are there by now.
    assert study.pending() == {"tokenize_benchmarks": 1} | ALL_PREDICTIONS
