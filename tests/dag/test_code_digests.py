"""Every source file mutated in turn: exactly the commands that import it notice."""

import ast
import subprocess
import sys

import pytest
from workspace import ROOT

from maple import digests

ALPACA = {"prepare_alpaca_eval", "predict_alpaca_eval", "judge", "score_alpaca_eval", "gather_alpaca_eval"}
COMMANDS = ["prepare_model", "prepare_instructions", "prepare_benchmark", "finetune", "predict", "score", "gather",
            "compare", "analyse", "plot_by_lang", "plot_training", "report", "report_items",
            *sorted(ALPACA)]  # fmt: skip
EVERY = set(COMMANDS)
# What loads a system and runs it.
RUNS = {"predict", "predict_alpaca_eval"}
# Kept by hand, so that it is a second opinion on what the import closure finds.
NOTICED_BY = {
    "__init__": set(),
    "errors": set(),
    "files": EVERY,
    "logs": set(),
    "canonical": EVERY - {"analyse", "plot_by_lang"},
    "manifests": EVERY - {"analyse", "plot_by_lang"},
    "systems": {"gather", "compare", "analyse", "report", "gather_alpaca_eval"},
    "languages": {"prepare_benchmark", "prepare_instructions", "compare"},
    "benchmarks": EVERY - {"prepare_model", "finetune", "predict", "plot_training"} - ALPACA,
    "benchmark_sources": {"prepare_benchmark", "prepare_instructions"},
    "hub": {"prepare_model", "prepare_benchmark", "prepare_instructions", "prepare_alpaca_eval", "finetune"} | RUNS,
    "adapters": {"finetune"} | RUNS,
    "chat": {"finetune", "predict_alpaca_eval"},
    "instructions": {"prepare_instructions"},
    "instruction_sources": {"prepare_instructions"},
    "conversations": {"prepare_instructions"},
    "mixing": {"prepare_instructions"},
    "overlap": {"prepare_instructions"},
    "model_sources": {"prepare_model", "finetune"} | RUNS,
    "models": {"finetune"} | RUNS,
    "devices": {"finetune"} | RUNS,
    "provenance": set(),
    "scratch": {"finetune", "judge"} | RUNS,
    "leases": {"finetune"} | RUNS,
    "training": {"finetune"},
    "examples": {"finetune"},
    "response_loss": {"finetune"},
    "device_batch": {"finetune"},
    "packed_attention": {"finetune"},
    "workers": {"finetune"},
    "fused_lora": {"finetune"} | RUNS,
    "checkpoints": {"finetune"},
    "master_weights": {"finetune"},
    "prompts": {"predict", "report_items"},
    "requests": RUNS,
    "tries": RUNS,
    "engine": RUNS,
    "likelihood": RUNS,
    "generation": RUNS,
    "answers": RUNS,
    "prediction": RUNS,
    "spans": {"score"},
    "statistics": {"score", "compare", "analyse", "score_alpaca_eval", "gather_alpaca_eval"},
    "variance": {"compare", "analyse"},
    "item_tables": {"compare", "report_items"},
    "scored": {"compare"},
    "comparisons": {"compare"},
    "references": {"compare"},
    "gaps": {"compare"},
    "pairs": {"compare", "analyse", "report"},
    "groups": {"compare", "analyse", "report"},
    "design": {"analyse"},
    "effects": {"analyse"},
    "hypotheses": {"analyse"},
    "latex": {"analyse"},
    "paper": {"analyse"},
    "words": {"analyse", "report"},
    "findings": {"report"},
    "verdicts": {"report"},
    "explorer": {"report"},
    "origin": {"report"},
    "page": {"report"},
    "shown_items": {"report_items"},
    "existing": set(),
    "plots": {"plot_by_lang", "plot_training"},
    "alpaca_eval_items": {"prepare_alpaca_eval"},
    "alpaca_eval_outputs": {"predict_alpaca_eval"},
    "judging": {"judge"},
    "judge_answers": {"judge"},
    "judge_environment": {"judge", "score_alpaca_eval"},
    "alpaca_eval_study": set(),
    "config": set(),
    "study": set(),
    "digests": set(),
    "integrity": set(),
    "adoption": set(),
}


def test_the_table_names_every_module():
    assert set(NOTICED_BY) == {file.stem for file in (digests.SCRIPTS / "maple").glob("*.py")}


@pytest.mark.parametrize("module", sorted(NOTICED_BY))
def test_mutating_a_module(module):
    file = digests.SCRIPTS / f"maple/{module}.py"
    changed = digests.digest(digests._tree(ast.parse(file.read_text() + "\nMUTATION = 1\n")))
    assert changed != digests.source_digest(file)
    assert {command for command in COMMANDS if file in digests.closure(command)} - (
        {*COMMANDS} if module == "__init__" else set()
    ) == NOTICED_BY[module]


def normalised(source):
    return digests.digest(digests._tree(ast.parse(source)))


def test_prose_vanishes_and_meaning_stays():
    plain = normalised("def f(x):\n    return x + 1\n")
    assert (
        normalised('def f(x):\n    """Doc."""\n    # why\n    log.info("hello %s", x)\n    return (x\n        + 1)\n')
        == plain
    )
    assert normalised("def f(x):\n    return x + 2\n") != plain
    assert normalised("p.add_argument('--a', help='x')") == normalised("p.add_argument('--a', help='y')")
    assert normalised("p.add_argument('--a', default=1)") != normalised("p.add_argument('--a', default=2)")
    assert normalised("x = None") != normalised("x = 0")


def test_other_pythons_agree():
    code = (
        "import sys; sys.path.insert(0, 'workflow/scripts'); "
        "from maple import digests; print(digests.raw_code_digest('finetune'))"
    )
    expected = digests.raw_code_digest("finetune")
    compared = 0
    for name in ("python3.11", "python3.12", "python3.13", sys.executable):
        try:
            done = subprocess.run([name, "-c", code], cwd=ROOT, capture_output=True, text=True)
        except FileNotFoundError:
            continue
        if done.returncode == 0:
            assert done.stdout.strip() == expected, name
            compared += 1
    assert compared
