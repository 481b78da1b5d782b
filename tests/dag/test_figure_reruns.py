"""What an edit of a figure costs: that figure, and nothing else."""

import pytest

LIBRARY = "workflow/scripts/maple"


@pytest.mark.parametrize(
    ("module", "old", "new", "jobs"),
    [
        ("figure_by_lang", "fontsize=7,", "fontsize=6,", {"plot_by_lang": 1, "report": 1}),
        ("figure_training", "markersize=4", "markersize=5", {"plot_training": 1, "report": 1}),
        ("figure_by_rank", "linewidth=0.8", "linewidth=0.7", {"plot_by_rank": 1, "report": 1}),
        (
            "figure_english_forgetting",
            "_STEP = 0.28, 0.068",
            "_STEP = 0.28, 0.07",
            {"plot_english_forgetting": 1, "report": 1},
        ),
        ("figure_by_resource_class", "alpha=0.45", "alpha=0.4", {"plot_by_resource_class": 1, "report": 1}),
        ("figure_gap_to_references", "_ROW = 0.14", "_ROW = 0.15", {}),
        ("group_panels", "linewidth=0.8", "linewidth=0.7", {"plot_by_rank": 1, "report": 1}),
    ],
)
def test_a_figure_reruns_alone(study, module, old, new, jobs):
    study.edit(f"{LIBRARY}/{module}.py", old, new)
    assert study.pending() == jobs


def test_a_caption_reruns_the_report_alone(study):
    study.edit("workflow/report/by_rank.rst", "What would change", "What changes")
    assert study.pending() == {"report": 1}


def test_a_renamed_study_redraws_what_bears_its_name(study):
    study.edit_config(lambda config: config.update(study="Renamed"))
    jobs = study.pending()
    assert {"finetune", "predict_xnli", "compare"}.isdisjoint(jobs)
    assert {"plot_by_lang", "plot_by_rank", "plot_english_forgetting", "plot_by_resource_class"} <= set(jobs)


def test_a_figure_without_anything_to_draw_is_one_line(study):
    done = study.snakemake("-n", "results/figures/gap_to_references.pdf")
    text = done.stdout + done.stderr
    assert done.returncode != 0 and "sample data are never compared" in text and "Traceback (most" not in text


def test_figures_of_untuned_bases(study):
    study.edit_config(lambda config: config.update(grid=[{"models": ["tiny"], "bits": [4, 16]}]))
    drawn = {job for job in study.pending() if job.startswith("plot_")}
    assert drawn == {"plot_by_lang", "plot_by_bits", "plot_heatmap", "plot_tokenizer_fertility"}
    for name in ("xnli_by_rank", "english_forgetting", "by_resource_class"):
        done = study.snakemake("-n", f"results/figures/{name}.pdf")
        text = done.stdout + done.stderr
        assert done.returncode != 0 and f"{name}: " in text and "grid" in text and "Traceback (most" not in text
