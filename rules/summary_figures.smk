"""Needs tables, adapters, items and models; gives <results>/figures/ tradeoff, forest, heatmap, tokenizer_fertility and cost."""


rule plot_tradeoff:
    input:
        comparisons=f"{RESULTS}/tables/comparisons.csv",
        adapters=[STUDY.adapter(system.path) for system in STUDY.adapters],
    output:
        pdf=f"{RESULTS}/figures/tradeoff.pdf",
        png=report(
            f"{RESULTS}/figures/tradeoff.png",
            caption="../workflow/report/tradeoff.rst",
            category="Over the whole study",
        ),
    log:
        f"{LOGS}/plot_tradeoff.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.summary),
        code=STUDY.code("plot_tradeoff"),
    shell:
        f"{RUN}/plot_tradeoff.py --spec {{params.spec:q}} --comparisons {{input.comparisons}} --adapters {{input.adapters}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_forest:
    input:
        effects=f"{RESULTS}/tables/effects.csv",
    output:
        pdf=f"{RESULTS}/figures/forest.pdf",
        png=report(
            f"{RESULTS}/figures/forest.png", caption="../workflow/report/forest.rst", category="Over the whole study"
        ),
    log:
        f"{LOGS}/plot_forest.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.summary),
        code=STUDY.code("plot_forest"),
    shell:
        f"{RUN}/plot_forest.py --spec {{params.spec:q}} --effects {{input.effects}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_heatmap:
    input:
        scores=[f"{RESULTS}/tables/{name}_scores.csv" for name in STUDY.benchmarks],
        comparisons=[f"{RESULTS}/tables/{name}_comparisons.csv" for name in STUDY.benchmarks],
    output:
        pdf=f"{RESULTS}/figures/heatmap.pdf",
        png=report(
            f"{RESULTS}/figures/heatmap.png", caption="../workflow/report/heatmap.rst", category="Over the whole study"
        ),
    log:
        f"{LOGS}/plot_heatmap.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    params:
        spec=checked(FIGURES.summary),
        code=STUDY.code("plot_heatmap"),
    shell:
        f"{RUN}/plot_heatmap.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --out {{output.pdf}} {{output.png}} --log {{log}}"


# One benchmark of it, for a page of its own; needs no other benchmark.
rule plot_heatmap_of:
    input:
        scores=f"{RESULTS}/tables/{{benchmark}}_scores.csv",
        comparisons=f"{RESULTS}/tables/{{benchmark}}_comparisons.csv",
    output:
        pdf=f"{RESULTS}/figures/{{benchmark}}_heatmap.pdf",
        png=f"{RESULTS}/figures/{{benchmark}}_heatmap.png",
    log:
        f"{LOGS}/plot_heatmap/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    params:
        spec=checked(FIGURES.summary),
        code=STUDY.code("plot_heatmap"),
    shell:
        f"{RUN}/plot_heatmap.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule tokenize_benchmarks:
    input:
        models=[STUDY.model_manifest(model) for model in STUDY.models],
        benchmarks=[STUDY.items_index(name) for name in STUDY.benchmarks],
        new=lambda w: missing(path for name in STUDY.benchmarks for path in STUDY.items(name)),
    output:
        fertility=f"{RESULTS}/tables/tokenizer_fertility.csv",
    log:
        f"{LOGS}/tokenize_benchmarks.log",
    localrule: True
    conda:
        "../envs/torch.yaml"
    resources:
        mem_mb=2000,
    params:
        spec=checked(STUDY.tokenize_spec),
        code=STUDY.code("tokenize_benchmarks"),
    shell:
        f"{RUN}/tokenize_benchmarks.py --spec {{params.spec:q}} --models {{input.models}} --items {{input.benchmarks}} --out {{output.fertility}} --log {{log}}"


rule plot_tokenizer_fertility:
    input:
        fertility=f"{RESULTS}/tables/tokenizer_fertility.csv",
        scores=f"{RESULTS}/tables/scores.csv",
        comparisons=f"{RESULTS}/tables/comparisons.csv",
    output:
        pdf=f"{RESULTS}/figures/tokenizer_fertility.pdf",
        png=report(
            f"{RESULTS}/figures/tokenizer_fertility.png",
            caption="../workflow/report/tokenizer_fertility.rst",
            category="Over the whole study",
        ),
    log:
        f"{LOGS}/plot_tokenizer_fertility.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.summary),
        code=STUDY.code("plot_tokenizer_fertility"),
    shell:
        f"{RUN}/plot_tokenizer_fertility.py --spec {{params.spec:q}} --fertility {{input.fertility}} --scores {{input.scores}} --comparisons {{input.comparisons}} --out {{output.pdf}} {{output.png}} --log {{log}}"


# Shows the times and memory in the provenance files beside the manifests. These are volatile, so they are no inputs:
# the figure is redrawn when results change, or when its file is deleted, and not when a time does.
rule plot_cost:
    input:
        comparisons=f"{RESULTS}/tables/comparisons.csv",
        adapters=[STUDY.adapter(system.path) for system in STUDY.adapters],
        predictions=[STUDY.predictions_index(s.path, name) for s in STUDY.adapters for name in STUDY.benchmarks],
    output:
        pdf=f"{RESULTS}/figures/cost.pdf",
        png=report(
            f"{RESULTS}/figures/cost.png", caption="../workflow/report/cost.rst", category="Over the whole study"
        ),
    log:
        f"{LOGS}/plot_cost.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.cost),
        code=STUDY.code("plot_cost"),
    shell:
        f"{RUN}/plot_cost.py --spec {{params.spec:q}} --comparisons {{input.comparisons}} --adapters {{input.adapters}} --predictions {{input.predictions}} --out {{output.pdf}} {{output.png}} --log {{log}}"
