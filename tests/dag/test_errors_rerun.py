"""What an edit costs in tables of errors and the figure of label bias."""

LIBRARY = "workflow/scripts/maple"
BOTH = {"tabulate_errors": 1, "plot_label_bias": 1, "errors": 1}


def payload(study):
    files = (study.folder / "results").glob("*/xnli_*")
    return {path.name: path.read_bytes() for path in files if "provenance" not in path.name}


def test_tables_need_scores_only(study):
    assert study.pending("errors") == BOTH
    study.run("errors")
    # Rules without output of their own have nothing to be up to date.
    assert study.pending("errors") == {}
    tables = sorted(path.name for path in (study.folder / "results/tables").glob("xnli_*"))
    assert {"xnli_flips.csv", "xnli_labels.csv", "xnli_agreement.csv", "xnli_items.parquet"} <= set(tables)
    before = payload(study)
    study.run("--forcerun", "tabulate_errors", "plot_label_bias", "--", "errors")
    assert before == payload(study)

    study.edit(f"{LIBRARY}/figure_label_bias.py", "MOST = 40", "MOST = 30")
    assert study.pending("errors") == {"plot_label_bias": 1, "errors": 1}
    study.edit(f"{LIBRARY}/agreement.py", '"each other"', '"one another"')
    assert study.pending("errors") == BOTH
    assert study.pending("results/tables/xnli_scores.csv") == {}


def test_a_language_less_costs_tables_only(study):
    study.run("errors")
    study.edit_config(lambda config: config["benchmarks"]["xnli"].update(languages=["en"]))
    assert study.pending("errors") == BOTH
