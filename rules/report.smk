"""Needs tables, figures and manifests; gives <results>/report.html, report_partial.html, and checks on request."""


rule report:
    input:
        unpack(lambda w: report_inputs(STUDY.benchmarks)),
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        spec=lambda w: STUDY.report_spec(STUDY.benchmarks),
        code=STUDY.code("report"),
    shell:
        f"{RUN}/report.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --figures {{input.figures}} --out {{output}} --log {{log}}"


rule report_partial:
    input:
        unpack(lambda w: report_inputs(tabulated())),
    output:
        f"{RESULTS}/report_partial.html",
    log:
        f"{LOGS}/report_partial.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        spec=lambda w: STUDY.report_spec(tabulated()),
        code=STUDY.code("report"),
    shell:
        f"{RUN}/report.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --figures {{input.figures}} --out {{output}} --log {{log}}"


rule verify:
    log:
        f"{LOGS}/verify.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        configfile=config_name,
    shell:
        f"{RUN}/verify.py --configfile {{params.configfile:q}} 2>&1 | tee {{log}}"
