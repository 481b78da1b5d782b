"""Every source file mutated in turn: exactly the commands that import it notice."""

import ast
import subprocess
import sys

import pytest
from workspace import ROOT

from maple import digests

ALPACA = {"prepare_alpaca_eval", "predict_alpaca_eval", "judge", "score_alpaca_eval", "gather_alpaca_eval"}
PANELS = {"plot_by_rank", "plot_by_bits"}
# Figures over the whole study.
SUMMARY = {"plot_tradeoff", "plot_forest", "plot_heatmap", "plot_tokenizer_fertility", "plot_cost"}
FIGURES = {"plot_by_lang", "plot_training", "plot_english_forgetting", "plot_by_resource_class",
           "plot_gap_to_references", "plot_label_bias"} | PANELS | SUMMARY  # fmt: skip
EXPORTS = {"export_adapter", "export_scores"}
COMMANDS = ["prepare_model", "prepare_instructions", "prepare_benchmark", "finetune", "predict", "score", "gather",
            "compare", "analyse", "tokenize_benchmarks", "tabulate_errors", "report", "report_items",
            *sorted(FIGURES | ALPACA | EXPORTS)]  # fmt: skip
EVERY = set(COMMANDS)
# What loads a system and runs it.
RUNS = {"predict", "predict_alpaca_eval"}
# What is drawn or computed from tables alone.
READ_NO_MANIFEST = {"analyse"} | FIGURES - {"plot_training", "plot_tradeoff", "plot_cost"}
# What the import closure found when this was last written, read through then: a line that changes has to be meant.
NOTICED_BY = {
    "__init__": set(),
    "errors": set(),
    "files": EVERY,
    "logs": set(),
    "canonical": EVERY - READ_NO_MANIFEST,
    "manifests": EVERY - READ_NO_MANIFEST,
    "systems": PANELS
    | {
        "analyse",
        "compare",
        "gather",
        "gather_alpaca_eval",
        "plot_cost",
        "plot_english_forgetting",
        "plot_heatmap",
        "plot_tokenizer_fertility",
        "plot_tradeoff",
        "report",
        "tabulate_errors",
    },
    "languages": {"compare", "prepare_benchmark", "prepare_instructions"},
    "benchmarks": EVERY
    - PANELS
    - ALPACA
    - {
        "finetune",
        "plot_by_lang",
        "plot_by_resource_class",
        "plot_english_forgetting",
        "plot_gap_to_references",
        "plot_training",
        "predict",
        "prepare_model",
    },
    "benchmark_sources": {"prepare_benchmark", "prepare_instructions"},
    "hub": RUNS
    | {
        "export_adapter",
        "finetune",
        "prepare_alpaca_eval",
        "prepare_benchmark",
        "prepare_instructions",
        "prepare_model",
        "tokenize_benchmarks",
    },
    "adapters": RUNS | {"finetune", "tokenize_benchmarks"},
    "chat": {"finetune", "predict_alpaca_eval"},
    "instructions": {"prepare_instructions"},
    "instruction_sources": {"prepare_instructions"},
    "conversations": {"prepare_instructions"},
    "mixing": {"prepare_instructions"},
    "overlap": {"prepare_instructions"},
    "model_sources": RUNS | {"export_adapter", "finetune", "prepare_model", "tokenize_benchmarks"},
    "models": RUNS | {"finetune", "tokenize_benchmarks"},
    "devices": RUNS | {"finetune", "tokenize_benchmarks"},
    "provenance": set(),
    "scratch": RUNS | {"finetune", "judge"},
    "leases": RUNS | {"finetune", "plot_cost"},
    "training": {"finetune"},
    "examples": {"finetune"},
    "response_loss": {"finetune"},
    "device_batch": {"finetune"},
    "packed_attention": {"finetune"},
    "workers": {"finetune"},
    "fused_lora": RUNS | {"finetune", "tokenize_benchmarks"},
    "checkpoints": {"finetune"},
    "weight_files": RUNS | {"finetune", "tokenize_benchmarks"},
    "master_weights": {"finetune"},
    "prompts": {"predict", "report_items"},
    "requests": RUNS,
    "tries": RUNS,
    "engine": RUNS,
    "likelihood": RUNS,
    "generation": RUNS,
    "wave": RUNS,
    "softmax_kernels": RUNS | {"finetune"},
    "answers": RUNS,
    "prediction": RUNS,
    "spans": {"score", "plot_by_lang"},
    "unparsed": {"plot_by_lang", "report"},
    "statistics": {"analyse", "compare", "export_adapter", "gather_alpaca_eval", "score", "score_alpaca_eval"},
    "variance": PANELS | {"analyse", "compare"},
    "item_tables": EXPORTS | {"compare", "report_items", "tabulate_errors"},
    "scored": PANELS | {"compare"},
    "comparisons": {"compare"},
    "references": {"compare"},
    "gaps": {"compare"},
    "pairs": PANELS
    | {
        "analyse",
        "compare",
        "plot_cost",
        "plot_english_forgetting",
        "plot_heatmap",
        "plot_tokenizer_fertility",
        "plot_tradeoff",
        "report",
    },
    "groups": PANELS | {"analyse", "compare", "report"},
    "design": {"analyse"},
    "effects": {"analyse"},
    "hypotheses": {"analyse"},
    "latex": {"analyse"},
    "paper": {"analyse"},
    "plots": FIGURES,
    "figure_parts": SUMMARY,
    "adapter_points": {"plot_cost", "plot_tradeoff"},
    "figure_tradeoff": {"plot_tradeoff"},
    "figure_forest": {"plot_forest"},
    "figure_heatmap": {"plot_heatmap"},
    "heatmap_headings": {"plot_heatmap"},
    "figure_fertility": {"plot_tokenizer_fertility"},
    "figure_cost": {"plot_cost"},
    "fertility": {"tokenize_benchmarks"},
    "group_scores": PANELS,
    "group_panels": PANELS,
    "figure_by_lang": {"plot_by_lang"},
    "figure_by_rank": {"plot_by_rank"},
    "figure_by_bits": {"plot_by_bits"},
    "figure_english_forgetting": {"plot_english_forgetting"},
    "figure_by_resource_class": {"plot_by_resource_class"},
    "figure_gap_to_references": {"plot_gap_to_references"},
    "gap_shares": {"plot_gap_to_references"},
    "figure_specs": set(),
    "figure_training": {"plot_training"},
    "words": {"analyse", "plot_by_resource_class", "plot_gap_to_references", "report"},
    "question": {"report"},
    "findings": {"report"},
    "findings_settings": {"report"},
    "findings_differences": {"report"},
    "verdicts": {"report"},
    "explorer": {"report"},
    "origin": {"report"},
    "page": {"report"},
    "shown_items": {"report_items"},
    "existing": set(),
    "alpaca_eval_items": {"prepare_alpaca_eval"},
    "alpaca_eval_outputs": {"predict_alpaca_eval"},
    "judging": {"judge"},
    "judge_answers": {"judge"},
    "judge_environment": {"judge", "score_alpaca_eval"},
    "alpaca_eval_study": set(),
    "config": set(),
    "grid": set(),
    "layout": set(),
    "study": set(),
    "digests": set(),
    "integrity": set(),
    "costs": set(),
    "device_time": {"plot_cost"},
    "calibration": set(),
    "audit": set(),
    "sidecars": set(),
    "snakemake_patches": set(),
    "adoption": set(),
    "budget": set(),
    "agreement": {"tabulate_errors"},
    "export_study": set(),
    "figure_label_bias": {"plot_label_bias"},
    "flips": {"tabulate_errors"},
    "harness_results": {"export_scores"},
    "item_views": {"tabulate_errors"},
    "label_bias": {"tabulate_errors"},
    "licences": {"export_adapter"},
    "model_card": {"export_adapter"},
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
