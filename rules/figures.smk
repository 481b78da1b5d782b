"""Needs tables and adapters; gives <results>/figures/<benchmark>_by_lang and training_curves, .pdf and .png."""


rule plot_by_lang:
    input:
        table=f"{RESULTS}/tables/{{benchmark}}_scores.csv",
    output:
        pdf=f"{RESULTS}/figures/{{benchmark}}_by_lang.pdf",
        png=f"{RESULTS}/figures/{{benchmark}}_by_lang.png",
    log:
        f"{LOGS}/plot_by_lang/{{benchmark}}.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(STUDY.table_spec, "@benchmark"),
        code=STUDY.code("plot_by_lang"),
    shell:
        f"{RUN}/plot_by_lang.py --spec {{params.spec:q}} --table {{input.table}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_training:
    input:
        adapters=[STUDY.adapter(system.path) for system in STUDY.adapters],
    output:
        pdf=f"{RESULTS}/figures/training_curves.pdf",
        png=f"{RESULTS}/figures/training_curves.png",
    log:
        f"{LOGS}/plot_training.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(STUDY.training_figure_spec),
        code=STUDY.code("plot_training"),
    shell:
        f"{RUN}/plot_training.py --spec {{params.spec:q}} --adapters {{input.adapters}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_training_of:
    input:
        adapters=f"{RESULTS}/adapters/{{system}}/adapter.json",
    output:
        pdf=f"{RESULTS}/figures/training/{{system}}.pdf",
        png=f"{RESULTS}/figures/training/{{system}}.png",
    log:
        f"{LOGS}/plot_training/{{system}}.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(STUDY.training_figure_spec, "@system"),
        code=STUDY.code("plot_training"),
    shell:
        f"{RUN}/plot_training.py --spec {{params.spec:q}} --adapters {{input.adapters}} --out {{output.pdf}} {{output.png}} --log {{log}}"
