"""Needs tables, figures, predictions and manifests; gives <results>/report.html, report/, report_partial.html, and checks."""

for name in STUDY.benchmarks:

    rule:
        name:
            f"report_items_{name}"
        input:
            benchmark_index=STUDY.items_index(name),
            predictions=[STUDY.predictions_index(system.path, name) for system in STUDY.systems],
            scores=[STUDY.scores(system.path, name) for system in STUDY.systems],
        output:
            index=update(STUDY.shown_items_index(name)),
            shown=update(STUDY.shown_items(name)),
        log:
            f"{LOGS}/report_items/{name}.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        resources:
            mem_mb=1500,
        params:
            spec=checked(STUDY.shown_items_spec, name),
            code=STUDY.code("report_items"),
            prompts=STUDY.prompts(name),
        shell:
            f"{RUN}/report_items.py --spec {{params.spec:q}} --code {{params.code}} --items {{input.benchmark_index}} --prompts {{params.prompts}} --predictions {{input.predictions}} --scores {{input.scores}} --index {{output.index}} --out {{output.shown}} --log {{log}}"


rule report:
    input:
        unpack(report_inputs),
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1500,
    params:
        spec=checked(STUDY.report_spec),
        code=STUDY.code("report"),
        alpaca=f"--alpaca {ALPACA.table}" if ALPACA.configured else "",
    shell:
        f"{RUN}/report.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --gaps {{input.gaps}} --effects {{input.effects}} {{params.alpaca}} --figures {{input.figures}} --items {{input.shown}} --manifests {{input.manifests}} --out {{output}} --log {{log}}"


rule report_partial:
    output:
        f"{RESULTS}/report_partial.html",
    log:
        f"{LOGS}/report_partial.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=2000,
    params:
        spec=partial_spec,
        code=[
            STUDY.code(script)
            for script in ("report_partial", "gather", "compare", "analyse", "report_items", "report")
        ],
        configfile=config_file,
    shell:
        f"{RUN}/report_partial.py --configfile {{params.configfile:q}} --out {{output}} 2>&1 | tee {{log}}"


rule verify:
    log:
        f"{LOGS}/verify.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        configfile=config_file,
    shell:
        f"{RUN}/verify.py --configfile {{params.configfile:q}} 2>&1 | tee {{log}}"
