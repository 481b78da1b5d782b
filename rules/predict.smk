"""Needs a system's manifests and a benchmark's items; gives <results>/predictions/<system>/<benchmark>/<language>.jsonl."""

for name in STUDY.benchmarks:

    rule:
        name:
            f"predict_{name}"
        input:
            unpack(needs_system),
            **items_inputs(name),
        output:
            index=update(STUDY.predictions_index("{system}", name)),
            predictions=update(STUDY.predictions("{system}", name)),
        log:
            f"{LOGS}/predict/{{system}}/{name}.log",
        conda:
            "../envs/torch.yaml"
        threads: heavy_threads
        resources:
            mem_mb=model_mb,
            runtime=predict_minutes(budget.predict_tokens, STUDY, name),
            gpu=1,
            gpu_percent=100,
            cpu_threads=real_threads,
        params:
            spec=checked(STUDY.predict_spec, "@system", name),
            code=STUDY.code("predict"),
            adapter=adapter_argument,
            # The shell line is put together when the job runs: by then `name` is the last benchmark.
            prompts=STUDY.prompts(name),
        shell:
            f"{RUN}/predict.py --spec {{params.spec:q}} --code {{params.code}} --model {{input.model}} {{params.adapter}} --items {{input.benchmark_index}} --prompts {{params.prompts}} --index {{output.index}} --out {{output.predictions}} --scratch {SCRATCH} --threads {{resources.cpu_threads}} --gpu-percent {{resources.gpu_percent}} --log {{log}}"
