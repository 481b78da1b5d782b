"""Needs tables and adapters; gives <results>/figures/*.pdf and .png, one file per question."""


rule plot_by_lang:
    input:
        table=f"{RESULTS}/tables/{{benchmark}}_scores.csv",
    output:
        pdf=f"{RESULTS}/figures/{{benchmark}}_by_lang.pdf",
        png=report(
            f"{RESULTS}/figures/{{benchmark}}_by_lang.png",
            caption="../workflow/report/by_lang.rst",
            category="Scores",
            labels={"benchmark": "{benchmark}", "figure": "by language"},
        ),
    log:
        f"{LOGS}/plot_by_lang/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.by_lang, "@benchmark"),
        code=STUDY.code("plot_by_lang"),
    shell:
        f"{RUN}/plot_by_lang.py --spec {{params.spec:q}} --table {{input.table}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_by_rank:
    input:
        scores=f"{RESULTS}/tables/{{benchmark}}_scores.csv",
        comparisons=f"{RESULTS}/tables/{{benchmark}}_comparisons.csv",
        resampled=f"{RESULTS}/tables/{{benchmark}}_resampled.npy",
    output:
        pdf=f"{RESULTS}/figures/{{benchmark}}_by_rank.pdf",
        png=report(
            f"{RESULTS}/figures/{{benchmark}}_by_rank.png",
            caption="../workflow/report/by_rank.rst",
            category="Scores",
            labels={"benchmark": "{benchmark}", "figure": "by rank"},
        ),
    log:
        f"{LOGS}/plot_by_rank/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    params:
        spec=checked(FIGURES.by_rank, "@benchmark"),
        code=STUDY.code("plot_by_rank"),
    shell:
        f"{RUN}/plot_by_rank.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --resampled {{input.resampled}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_by_bits:
    input:
        scores=f"{RESULTS}/tables/{{benchmark}}_scores.csv",
        comparisons=f"{RESULTS}/tables/{{benchmark}}_comparisons.csv",
        resampled=f"{RESULTS}/tables/{{benchmark}}_resampled.npy",
    output:
        pdf=f"{RESULTS}/figures/{{benchmark}}_by_bits.pdf",
        png=report(
            f"{RESULTS}/figures/{{benchmark}}_by_bits.png",
            caption="../workflow/report/by_bits.rst",
            category="Scores",
            labels={"benchmark": "{benchmark}", "figure": "by precision"},
        ),
    log:
        f"{LOGS}/plot_by_bits/{{benchmark}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=1000,
    params:
        spec=checked(FIGURES.by_bits, "@benchmark"),
        code=STUDY.code("plot_by_bits"),
    shell:
        f"{RUN}/plot_by_bits.py --spec {{params.spec:q}} --scores {{input.scores}} --comparisons {{input.comparisons}} --resampled {{input.resampled}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_english_forgetting:
    input:
        comparisons=FIGURES.english_tables(),
    output:
        pdf=f"{RESULTS}/figures/english_forgetting.pdf",
        png=report(
            f"{RESULTS}/figures/english_forgetting.png",
            caption="../workflow/report/english_forgetting.rst",
            category="Changes",
            labels={"figure": "English"},
        ),
    log:
        f"{LOGS}/plot_english_forgetting.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.english_forgetting),
        code=STUDY.code("plot_english_forgetting"),
    shell:
        f"{RUN}/plot_english_forgetting.py --spec {{params.spec:q}} --comparisons {{input.comparisons}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_by_resource_class:
    input:
        effects=f"{RESULTS}/tables/effects.csv",
        scores=f"{RESULTS}/tables/scores.csv",
    output:
        pdf=f"{RESULTS}/figures/by_resource_class.pdf",
        png=report(
            f"{RESULTS}/figures/by_resource_class.png",
            caption="../workflow/report/by_resource_class.rst",
            category="Changes",
            labels={"figure": "by resource class"},
        ),
    log:
        f"{LOGS}/plot_by_resource_class.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.by_resource_class),
        code=STUDY.code("plot_by_resource_class"),
    shell:
        f"{RUN}/plot_by_resource_class.py --spec {{params.spec:q}} --effects {{input.effects}} --scores {{input.scores}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_gap_to_references:
    input:
        gaps=checked(FIGURES.reference_tables),
    output:
        pdf=f"{RESULTS}/figures/gap_to_references.pdf",
        png=report(
            f"{RESULTS}/figures/gap_to_references.png",
            caption="../workflow/report/gap_to_references.rst",
            category="Changes",
            labels={"figure": "published scores"},
        ),
    log:
        f"{LOGS}/plot_gap_to_references.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.gap_to_references),
        code=STUDY.code("plot_gap_to_references"),
    shell:
        f"{RUN}/plot_gap_to_references.py --spec {{params.spec:q}} --gaps {{input.gaps}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_training:
    input:
        adapters=[STUDY.adapter(system.path) for system in STUDY.adapters],
    output:
        pdf=f"{RESULTS}/figures/training_curves.pdf",
        png=report(
            f"{RESULTS}/figures/training_curves.png",
            caption="../workflow/report/training.rst",
            category="Finetuning",
            labels={"figure": "training curves"},
        ),
    log:
        f"{LOGS}/plot_training.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.training),
        code=STUDY.code("plot_training"),
    shell:
        f"{RUN}/plot_training.py --spec {{params.spec:q}} --adapters {{input.adapters}} --out {{output.pdf}} {{output.png}} --log {{log}}"


rule plot_training_of:
    input:
        adapters=f"{RESULTS}/adapters/{{system}}/adapter.json",
    output:
        pdf=f"{RESULTS}/figures/training/{{system}}.pdf",
        png=report(
            f"{RESULTS}/figures/training/{{system}}.png",
            caption="../workflow/report/training.rst",
            category="Finetuning",
            labels={"figure": "{system}"},
        ),
    log:
        f"{LOGS}/plot_training/{{system}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=600,
    params:
        spec=checked(FIGURES.training, "@system"),
        code=STUDY.code("plot_training"),
    shell:
        f"{RUN}/plot_training.py --spec {{params.spec:q}} --adapters {{input.adapters}} --out {{output.pdf}} {{output.png}} --log {{log}}"
