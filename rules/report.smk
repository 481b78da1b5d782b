"""Needs tables, figures and manifests; gives <results>/report.html, and checks on request."""


rule report:
    input:
        scores=[f"{RESULTS}/tables/{name}_scores.csv" for name in STUDY.benchmarks],
        comparisons=[f"{RESULTS}/tables/{name}_comparisons.csv" for name in STUDY.benchmarks],
        figures=[f"{RESULTS}/figures/{name}_by_lang.png" for name in STUDY.benchmarks],
    output:
        f"{RESULTS}/report.html",
    log:
        f"{LOGS}/report.log",
    conda:
        "../envs/analysis.yaml"
    params:
        spec=checked(STUDY.report_spec),
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
