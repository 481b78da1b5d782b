"""Needs a model source named in the config; gives <results>/models/<model>/manifest.json."""


rule prepare_model:
    input:
        tokenizer=tokenizer_input,
    output:
        manifest=f"{RESULTS}/models/{{model}}/manifest.json",
    log:
        f"{LOGS}/prepare_model/{{model}}.log",
    localrule: True
    conda:
        "../envs/torch.yaml"
    threads: 2
    resources:
        mem_mb=model_mb,
    params:
        spec=checked(STUDY.model_spec, "@model"),
        code=STUDY.code("prepare_model"),
        tokenizer=lambda w: f"--tokenizer {' '.join(tokenizer_input(w))}" if tokenizer_input(w) else "",
    shell:
        f"{RUN}/prepare_model.py --spec {{params.spec:q}} --code {{params.code}} {{params.tokenizer}} --out {{output.manifest}} --log {{log}}"
