"""Needs tables; gives <results>/figures/<benchmark>_by_lang.pdf and .png."""


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
