"""Needs the scores of all systems; gives <results>/tables/<benchmark>_{flips,labels,agreement}.csv and _items.parquet."""


rule errors:
    input:
        [f"{RESULTS}/tables/{name}_flips.csv" for name in STUDY.benchmarks],
        [f"{RESULTS}/figures/{name}_label_bias.pdf" for name in STUDY.benchmarks if STUDY.has_options(name)],
    localrule: True


rule tabulate_errors:
    input:
        scores=lambda w: [STUDY.scores(system.path, w.benchmark) for system in STUDY.systems],
        new=lambda w: missing(p for s in STUDY.systems for p in STUDY.predictions(s.path, w.benchmark)),
    output:
        flips=f"{RESULTS}/tables/{{benchmark}}_flips.csv",
        labels=f"{RESULTS}/tables/{{benchmark}}_labels.csv",
        agreement=f"{RESULTS}/tables/{{benchmark}}_agreement.csv",
        item_view=f"{RESULTS}/tables/{{benchmark}}_items.parquet",
    log:
        f"{LOGS}/tabulate_errors/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1500,
    params:
        spec=checked(STUDY.errors_spec, "@benchmark"),
        code=STUDY.code("tabulate_errors"),
    shell:
        f"{RUN}/tabulate_errors.py --spec {{params.spec:q}} --scores {{input.scores}} --flips {{output.flips}} --labels {{output.labels}} --agreement {{output.agreement}} --items {{output.item_view}} --log {{log}}"


rule plot_label_bias:
    input:
        table=f"{RESULTS}/tables/{{benchmark}}_labels.csv",
    output:
        pdf=f"{RESULTS}/figures/{{benchmark}}_label_bias.pdf",
        png=report(
            f"{RESULTS}/figures/{{benchmark}}_label_bias.png",
            caption="../workflow/report/label_bias.rst",
            category="Errors",
            labels={"benchmark": "{benchmark}", "figure": "label bias"},
        ),
    log:
        f"{LOGS}/plot_label_bias/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.label_bias, "@benchmark"),
        code=STUDY.code("plot_label_bias"),
    shell:
        f"{RUN}/plot_label_bias.py --spec {{params.spec:q}} --table {{input.table}} --out {{output.pdf}} {{output.png}} --log {{log}}"
