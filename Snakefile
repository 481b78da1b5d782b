"""MAPLE: how rank, precision, base model and data of LoRA finetuning change scores, language by language."""

from snakemake.utils import min_version

min_version("9.27")


# A config file on the command line is a whole study of its own; merging would add this one's models to it.
if not workflow.overwrite_configfiles:

    configfile: "config/config.yaml"


report: "workflow/report/workflow.rst"


include: "rules/common.smk"
include: "rules/data.smk"
include: "rules/models.smk"
include: "rules/finetune.smk"
include: "rules/predict.smk"
include: "rules/score.smk"
include: "rules/analyse.smk"
include: "rules/errors.smk"
include: "rules/figures.smk"
include: "rules/summary_figures.smk"
include: "rules/report.smk"
include: "rules/alpaca_eval.smk"
include: "rules/export.smk"


rule all:
    default_target: True
    input:
        [f"{RESULTS}/figures/{name}.pdf" for name in FIGURES.names()],
        [f"{RESULTS}/tables/{name}.csv" for name in ("scores", "comparisons", "gaps", "effects")],
        f"{RESULTS}/report.html",
        # Snakemake makes a deleted file again only where it is a target.
        missing(path for name in STUDY.benchmarks for path in STUDY.shown_items(name)),
        [ALPACA.table] if ALPACA.configured else [],
