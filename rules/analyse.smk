"""Needs the scores of all systems; gives <results>/tables: <benchmark>_*.csv, and scores, comparisons, gaps, effects."""


rule gather:
    input:
        scores=lambda w: [STUDY.scores(system.path, w.benchmark) for system in STUDY.systems],
        # A new language is a missing file, and only a job that runs asks for those; this one always does.
        new=lambda w: missing(p for s in STUDY.systems for p in STUDY.predictions(s.path, w.benchmark)),
    output:
        scores=f"{RESULTS}/tables/{{benchmark}}_scores.csv",
    log:
        f"{LOGS}/gather/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(STUDY.table_spec, "@benchmark"),
        code=STUDY.code("gather"),
    shell:
        f"{RUN}/gather.py --spec {{params.spec:q}} --scores {{input.scores}} --out {{output.scores}} --log {{log}}"


rule compare:
    input:
        scores=lambda w: [STUDY.scores(system.path, w.benchmark) for system in STUDY.systems],
        new=lambda w: missing(p for s in STUDY.systems for p in STUDY.predictions(s.path, w.benchmark)),
    output:
        comparisons=f"{RESULTS}/tables/{{benchmark}}_comparisons.csv",
        gaps=f"{RESULTS}/tables/{{benchmark}}_gaps.csv",
        resampled=f"{RESULTS}/tables/{{benchmark}}_resampled.npy",
    log:
        f"{LOGS}/compare/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1500,
    params:
        spec=checked(STUDY.compare_spec, "@benchmark"),
        code=STUDY.code("compare"),
    shell:
        f"{RUN}/compare.py --spec {{params.spec:q}} --scores {{input.scores}} --out {{output.comparisons}} --gaps {{output.gaps}} --resampled {{output.resampled}} --log {{log}}"


rule analyse:
    input:
        scores=[f"{RESULTS}/tables/{name}_scores.csv" for name in STUDY.benchmarks],
        comparisons=[f"{RESULTS}/tables/{name}_comparisons.csv" for name in STUDY.benchmarks],
        gaps=[f"{RESULTS}/tables/{name}_gaps.csv" for name in STUDY.benchmarks],
        resampled=[f"{RESULTS}/tables/{name}_resampled.npy" for name in STUDY.benchmarks],
    output:
        effects=f"{RESULTS}/tables/effects.csv",
        csv=[f"{RESULTS}/tables/{name}.csv" for name in ("scores", "comparisons", "gaps")],
        tex=[f"{RESULTS}/tables/{name}.tex" for name in ("scores", "comparisons", "gaps", "effects")],
    log:
        f"{LOGS}/analyse.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        spec=checked(STUDY.analyse_spec),
        code=STUDY.code("analyse"),
    shell:
        f"{RUN}/analyse.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --gaps {{input.gaps}} --resampled {{input.resampled}} --out {{output.effects}} --log {{log}}"
