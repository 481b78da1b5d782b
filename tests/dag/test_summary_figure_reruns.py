"""The figures over the whole study: each rebuilds alone, and nothing hangs on volatile facts."""

import json

import pytest

LIBRARY = "workflow/scripts/maple"


@pytest.mark.parametrize(
    ("name", "old", "new", "jobs"),
    [
        ("figure_tradeoff", "_MOST_INTERVALS = 90", "_MOST_INTERVALS = 91", {"plot_tradeoff": 1}),
        ("figure_forest", "_COLUMNS = 4", "_COLUMNS = 2", {"plot_forest": 1}),
        ("figure_heatmap", "_NUMBERED = 12", "_NUMBERED = 13", {"plot_heatmap": 1}),
        ("figure_fertility", "_NAMED = 2", "_NAMED = 3", {"plot_tokenizer_fertility": 1}),
        ("device_time", "made[\"seconds\"]", "1 * made[\"seconds\"]", {"plot_cost": 1}),
        ("adapter_points", "8: 0.35", "8: 0.4", {"plot_tradeoff": 1, "plot_cost": 1}),
        ("fertility", '"Tibt"}', '"Tibt", "Bali"}', {"tokenize_benchmarks": 1, "plot_tokenizer_fertility": 1}),
    ],
)  # fmt: skip
def test_a_change_of_one_figure_redraws_that_one(study, name, old, new, jobs):
    study.edit(f"{LIBRARY}/{name}.py", old, new)
    assert study.pending() == jobs | {"report": 1}


def test_provenance_is_shown_and_not_watched(study):
    for path in (study.folder / "results").rglob("provenance.json"):
        facts = json.loads(path.read_text())
        path.write_text(json.dumps(facts | {"seconds": 1e6}))
    assert study.pending() == {}
    (study.folder / "results/figures/cost.pdf").unlink()
    assert study.pending() == {"plot_cost": 1, "report": 1}


def test_one_benchmark_has_a_heatmap_of_its_own(study):
    assert study.pending("results/figures/xnli_heatmap.pdf") == {"plot_heatmap_of": 1}


def test_a_name_redraws_and_computes_nothing(study):
    study.edit_config(lambda c: c["models"]["tiny"].update(note="A caveat."))
    found = study.pending()
    assert {"plot_tradeoff", "plot_forest", "plot_heatmap", "plot_tokenizer_fertility", "plot_cost"} <= set(found)
    assert not {"finetune", "predict_xnli", "tokenize_benchmarks", "compare"} & set(found)


def test_a_study_of_bases_draws_what_there_is(study):
    study.edit_config(lambda c: c.update(grid=[{"models": ["tiny"], "bits": [16]}]))
    pending = study.pending()
    assert {"plot_heatmap", "plot_tokenizer_fertility"} <= set(pending)
    assert not {"plot_tradeoff", "plot_forest", "plot_cost", "finetune", "predict_xnli"} & set(pending)
    names = ("heatmap", "tokenizer_fertility", "tradeoff", "forest", "cost")
    study.run(*(f"results/figures/{name}.{kind}" for name in names for kind in ("pdf", "png")))
    for name in names:
        assert (study.folder / f"results/figures/{name}.pdf").read_bytes().startswith(b"%PDF")
