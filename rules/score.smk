"""Needs predictions; gives <results>/scores/<system>/<benchmark>.json and .parquet."""

for name in STUDY.benchmarks:

    rule:
        name:
            f"score_{name}"
        input:
            predictions=STUDY.predictions_index("{system}", name),
            new=lambda w, name=name: missing(STUDY.predictions(w.system, name)),
        output:
            scores=STUDY.scores("{system}", name),
            table=f"{RESULTS}/scores/{{system}}/{name}.parquet",
        log:
            f"{LOGS}/score/{{system}}/{name}.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        resources:
            mem_mb=900,
        params:
            spec=checked(STUDY.score_spec, name),
            code=STUDY.code("score"),
        shell:
            f"{RUN}/score.py --spec {{params.spec:q}} --code {{params.code}} --predictions {{input.predictions}} --out {{output.scores}} --log {{log}}"
