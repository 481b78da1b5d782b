"""Needs a model manifest and an instruction index; gives <results>/adapters/<system>/adapter.json and the adapter."""


rule finetune:
    input:
        unpack(finetune_inputs),
    output:
        manifest=update(f"{RESULTS}/adapters/{{system}}/adapter.json"),
        weights=update(f"{RESULTS}/adapters/{{system}}/adapter_model.safetensors"),
        config=update(f"{RESULTS}/adapters/{{system}}/adapter_config.json"),
        journal=update(f"{RESULTS}/adapters/{{system}}/training_log.jsonl"),
        provenance=update(f"{RESULTS}/adapters/{{system}}/provenance.json"),
    log:
        f"{LOGS}/finetune/{{system}}.log",
    # All predictions of an adapter wait for it.
    priority: 1
    conda:
        "../envs/torch.yaml"
    threads: finetune_threads
    resources:
        mem_mb=finetune_mb,
        runtime=finetune_minutes,
        gpu=1,
        gpu_percent=100,
        cpu_threads=finetune_real_threads,
    params:
        spec=checked(STUDY.finetune_spec, "@system"),
        code=STUDY.code("finetune"),
    shell:
        # `exec`: a scheduler's SIGTERM would end the shell, and with it the job, before the checkpoint is written.
        f"exec {RUN}/finetune.py --spec {{params.spec:q}} --code {{params.code}} --model {{input.model}} --data {{input.data}} --out {{output.manifest}} --scratch {SCRATCH} --threads {{resources.cpu_threads}} --gpus {{resources.gpu}} --gpu-percent {{resources.gpu_percent}} --log {{log}}"
