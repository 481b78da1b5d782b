"""Needs adapters and scores; gives <results>/export/<system>/: weights, README.md, results_maple.json. Uploads nothing."""

WEIGHTS = {
    "export_adapter": (EXPORT.systems(full=False), ("adapter_config.json", "adapter_model.safetensors")),
    "export_model": (EXPORT.systems(full=True), ("config.json", "model.safetensors")),
}


rule export:
    input:
        EXPORT.cards(),
        [EXPORT.scores(system.path) for system in STUDY.systems],
    localrule: True


for name, (systems, weights) in WEIGHTS.items():

    rule:
        name:
            name
        input:
            unpack(export_inputs),
        output:
            card=f"{EXPORT.folder('{system}')}/README.md",
            weights=[f"{EXPORT.folder('{system}')}/{file}" for file in weights],
        log:
            f"{LOGS}/export/{{system}}.log",
        wildcard_constraints:
            system=systems,
        localrule: True
        conda:
            "../envs/analysis.yaml"
        resources:
            mem_mb=900,
        params:
            spec=checked(EXPORT.card_spec, "@system"),
            code=STUDY.code("export_adapter"),
        shell:
            f"{RUN}/export_adapter.py --spec {{params.spec:q}} --adapter {{input.adapter}} --model {{input.model}} --scores {{input.scores}} --base-scores {{input.base_scores}} --out {{output.card}} --log {{log}}"


rule export_scores:
    input:
        model=lambda w: STUDY.model_manifest(system_of(w).model),
        scores=lambda w: [STUDY.scores(w.system, name) for name in STUDY.benchmarks],
        new=lambda w: missing(p for name in STUDY.benchmarks for p in STUDY.predictions(w.system, name)),
    output:
        EXPORT.scores("{system}"),
    log:
        f"{LOGS}/export_scores/{{system}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    resources:
        mem_mb=900,
    params:
        spec=checked(EXPORT.scores_spec, "@system"),
        code=STUDY.code("export_scores"),
    shell:
        f"{RUN}/export_scores.py --spec {{params.spec:q}} --model {{input.model}} --scores {{input.scores}} --out {{output}} --log {{log}}"
