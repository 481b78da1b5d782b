"""Needs tables, figures and manifests; gives <results>/report.html, and checks on request."""


rule report:
    input:
        scores=[f"{RESULTS}/tables/{name}_scores.csv" for name in STUDY.benchmarks],
        comparisons=[f"{RESULTS}/tables/{name}_comparisons.csv" for name in STUDY.benchmarks],
        figures=[f"{RESULTS}/figures/{name}_by_lang.png" for name in STUDY.benchmarks],
    output:
        f"{RESULTS}/report.html",
    params:
        spec=checked(STUDY.report_spec),
        code=STUDY.code("report"),
    log:
        f"{LOGS}/report.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        f"{RUN}/report.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --figures {{input.figures}} --out {{output}} --log {{log}}"


rule verify:
    localrule: True
    params:
        configfile=config_name,
    log:
        f"{LOGS}/verify.log",
    conda:
        "../envs/analysis.yaml"
    shell:
        f"{RUN}/verify.py --configfile {{params.configfile:q}} 2>&1 | tee {{log}}"
