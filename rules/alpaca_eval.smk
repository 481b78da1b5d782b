"""Needs the section alpaca_eval and systems' manifests; gives <results>/tables/alpaca_eval.csv and what it rests on."""


rule prepare_alpaca_eval:
    output:
        index=ALPACA.items_index,
        payload=ALPACA.items,
    log:
        f"{LOGS}/prepare_alpaca_eval.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        spec=checked(ALPACA.items_spec),
        code=STUDY.code("prepare_alpaca_eval"),
    shell:
        f"{RUN}/prepare_alpaca_eval.py --spec {{params.spec:q}} --code {{params.code}} --out {{output.index}} --log {{log}}"


rule predict_alpaca_eval:
    input:
        unpack(needs_system),
        instructions=ALPACA.items_index,
        new=missing([ALPACA.items]),
    output:
        index=update(ALPACA.outputs_index("{system}")),
        outputs=update(ALPACA.outputs("{system}")),
    log:
        f"{LOGS}/predict/{{system}}/alpaca_eval.log",
    conda:
        "../envs/torch.yaml"
    threads: heavy_threads
    resources:
        mem_mb=model_mb,
        runtime=predict_minutes(budget.alpaca_eval_tokens, STUDY),
        gpu=1,
        gpu_percent=100,
        cpu_threads=real_threads,
    params:
        spec=checked(ALPACA.predict_spec, "@system"),
        code=STUDY.code("predict_alpaca_eval"),
        adapter=adapter_argument,
    shell:
        f"{RUN}/predict_alpaca_eval.py --spec {{params.spec:q}} --code {{params.code}} --model {{input.model}} {{params.adapter}} --items {{input.instructions}} --out {{output.index}} --scratch {SCRATCH} --threads {{resources.cpu_threads}} --gpu-percent {{resources.gpu_percent}} --log {{log}}"


rule judge:
    input:
        instructions=ALPACA.items_index,
        predictions=ALPACA.outputs_index("{system}"),
        new=lambda w: missing([ALPACA.items, ALPACA.outputs(w.system)]),
    output:
        index=ALPACA.annotations_index("{system}"),
        annotations=ALPACA.annotations("{system}"),
    log:
        f"{LOGS}/judge/{{system}}.log",
    # Nodes of a cluster often cannot reach an endpoint, and the key stays where the run was started.
    localrule: True
    conda:
        "../envs/judge.yaml"
    resources:
        mem_mb=900,
    params:
        spec=checked(ALPACA.judge_spec),
        code=STUDY.code("judge"),
    shell:
        # The endpoint's address is no param: it decides no result.
        f"{RUN}/judge.py --spec {{params.spec:q}} --code {{params.code}} --items {{input.instructions}} --predictions {{input.predictions}} --out {{output.index}} --answers {ALPACA.answers} --scratch {SCRATCH} {ALPACA.endpoint()} --log {{log}}"


rule score_alpaca_eval:
    input:
        annotations=ALPACA.annotations_index("{system}"),
        new=lambda w: missing([ALPACA.annotations(w.system)]),
    output:
        scores=ALPACA.scores("{system}"),
        table=f"{RESULTS}/scores/{{system}}/alpaca_eval.parquet",
    log:
        f"{LOGS}/score/{{system}}/alpaca_eval.log",
    localrule: True
    conda:
        "../envs/judge.yaml"
    resources:
        mem_mb=900,
    params:
        spec=checked(ALPACA.score_spec),
        code=STUDY.code("score_alpaca_eval"),
    shell:
        f"{RUN}/score_alpaca_eval.py --spec {{params.spec:q}} --code {{params.code}} --annotations {{input.annotations}} --out {{output.scores}} --log {{log}}"


rule gather_alpaca_eval:
    input:
        scores=[ALPACA.scores(system.path) for system in STUDY.systems],
        # Only a job that runs asks for missing payload; this one always does.
        new=lambda w: missing(path(s.path) for s in STUDY.systems for path in (ALPACA.outputs, ALPACA.annotations)),
    output:
        ALPACA.table,
    log:
        f"{LOGS}/gather_alpaca_eval.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=900,
    params:
        spec=checked(ALPACA.table_spec),
        code=STUDY.code("gather_alpaca_eval"),
    shell:
        f"{RUN}/gather_alpaca_eval.py --spec {{params.spec:q}} --scores {{input.scores}} --out {{output}} --log {{log}}"
