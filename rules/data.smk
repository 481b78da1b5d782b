"""Needs the sources named in the config; gives <results>/benchmarks/<benchmark>/ and instructions/<data>/."""


rule prepare_instructions:
    output:
        index=f"{RESULTS}/instructions/{{data}}/index.json",
        records=f"{RESULTS}/instructions/{{data}}/records.jsonl",
    log:
        f"{LOGS}/prepare_instructions/{{data}}.log",
    localrule: True
    conda:
        "../envs/analysis.yaml"
    params:
        spec=checked(STUDY.instructions_spec, "@data"),
        code=STUDY.code("prepare_instructions"),
    shell:
        f"{RUN}/prepare_instructions.py --spec {{params.spec:q}} --code {{params.code}} --out {{output.index}} --log {{log}}"


for name in STUDY.benchmarks:

    rule:
        name:
            f"prepare_{name}"
        output:
            index=update(STUDY.items_index(name)),
            payload=update(STUDY.items(name)),
        log:
            f"{LOGS}/prepare_benchmark/{name}.log",
        localrule: True
        conda:
            "../envs/analysis.yaml"
        params:
            spec=checked(STUDY.items_spec, name),
            code=STUDY.code("prepare_benchmark"),
        shell:
            f"{RUN}/prepare_benchmark.py --spec {{params.spec:q}} --code {{params.code}} --index {{output.index}} --out {{output.payload}} --log {{log}}"
