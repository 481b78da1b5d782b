"""Needs the scores of all systems; gives <results>/tables/<benchmark>_scores.csv and _comparisons.csv."""


rule gather:
    input:
        scores=lambda w: [STUDY.scores(system.path, w.benchmark) for system in STUDY.systems],
        # A new language is a missing file, and only a job that runs asks for those; this one always does.
        new=lambda w: missing(p for s in STUDY.systems for p in STUDY.predictions(s.path, w.benchmark)),
    output:
        scores=f"{RESULTS}/tables/{{benchmark}}_scores.csv",
        comparisons=f"{RESULTS}/tables/{{benchmark}}_comparisons.csv",
    log:
        f"{LOGS}/gather/{{benchmark}}.log",
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=900,
    params:
        spec=checked(STUDY.table_spec, "@benchmark"),
        code=STUDY.code("gather"),
    shell:
        f"{RUN}/gather.py --spec {{params.spec:q}} --scores {{input.scores}} --out {{output.scores}} --comparisons {{output.comparisons}} --log {{log}}"
