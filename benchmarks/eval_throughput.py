"""Speed of evaluation against lm-evaluation-harness: same weights, items, prompts, dtype and machine, one run.

    python benchmarks/eval_throughput.py prepare --data DATA --out FOLDER      # on any machine
    python benchmarks/eval_throughput.py run --inputs FOLDER --out results.json # where the GPU is

`prepare` renders real items with the harness's own prompts and trains a 32,000-token BPE on the same text,
since Llama's tokenizer cannot be shipped; token counts a word are of the same order. `run` times both
tools on a Llama-2-7B-shaped model with random weights (on a CPU: on `--model`, a folder). Each task is run
once to warm up (the harness finds its batch size then) and once timed, tokenisation included.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from run_facts import run_facts

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

# Whole sets, ours only: name: benchmark, prompt set, languages, split
FULL = {
    "XQuAD th, all": ("xquad", "native", ["th"], "validation"),
    "XCOPA validation, 11 languages": (
        "xcopa",
        "native",
        ["et", "ht", "id", "it", "qu", "sw", "ta", "th", "tr", "vi", "zh"],
        "validation",
    ),
}
# name: benchmark, prompt set, language, split, items, shots
TASKS = {
    "XNLI, zero-shot": ("xnli", "native", "en", "validation", 1500, 0),
    "XNLI, 8-shot": ("xnli", "native", "en", "validation", 300, 8),
    "Belebele, zero-shot": ("belebele", "harness", "en", "test", 450, 0),
    "XStoryCloze, zero-shot": ("xstorycloze", "native", "id", "validation", 600, 0),
    "XQuAD, generation": ("xquad", "native", "en", "validation", 320, 0),
}
LLAMA_2_7B = dict(
    hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
    vocab_size=32000, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2,
)  # fmt: skip


def prepare(args) -> None:
    """Write items, demonstrations and the tokenizer."""
    from tokenizers import Tokenizer, decoders, models, normalizers, processors, trainers

    from maple import benchmark_sources
    from maple.files import write_json

    args.out.mkdir(parents=True, exist_ok=True)
    tasks, texts = {}, []
    for name, (benchmark, _, language, split, count, shots) in TASKS.items():
        settings = {"benchmark": benchmark, "source": "local", "path": str(args.data / benchmark)}
        items = benchmark_sources.read(settings, language, split)
        # Demonstrations come from the end of the same split here: only their length matters for speed.
        tasks[name] = {"items": items[:count], "shots": items[-shots:] if shots else []}
        texts += [text for item in items for text in item["fields"].values()]
    for name, (benchmark, _, languages, split) in FULL.items():
        settings = {"benchmark": benchmark, "source": "local", "path": str(args.data / benchmark)}
        tasks[name] = {language: benchmark_sources.read(settings, language, split) for language in languages}
    texts += [line for file in sorted((args.data / "flores200").rglob("*.devtest")) for line in file.open()]
    tokenizer = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    tokenizer.normalizer = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    tokenizer.decoder = decoders.Sequence([decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse()])
    tokens = ["<unk>", "<s>", "</s>", *(f"<0x{byte:02X}>" for byte in range(256))]
    trainer = trainers.BpeTrainer(vocab_size=32000, special_tokens=tokens, max_token_length=16)
    tokenizer.train_from_iterator((word for text in texts for word in text.split()), trainer)
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    tokenizer.save(str(args.out / "tokenizer.json"))
    write_json(args.out / "tasks.json", tasks)


def matrix_peak(device) -> float:
    """Return the bf16 matrix rate of this device in FLOP/s: 8192-cubed products, the median of ten."""
    import torch

    size = 8192 if device.type == "cuda" else 1024
    one, other = (torch.randn(size, size, dtype=torch.bfloat16, device=device) for _ in range(2))
    times = []
    for _ in range(13):
        wait(device)
        start = time.perf_counter()
        one @ other
        wait(device)
        times.append(time.perf_counter() - start)
    return 2 * size**3 / sorted(times[3:])[5]


def wait(device) -> None:
    """Wait until the device has done what it was given."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


def load(args, device):
    """Return the model and its tokenizer."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, LlamaConfig, PreTrainedTokenizerFast

    if args.model:
        model = AutoModelForCausalLM.from_pretrained(args.model, dtype=torch.bfloat16, attn_implementation="sdpa")
        return model.to(device).eval(), AutoTokenizer.from_pretrained(args.model)
    torch.manual_seed(0)
    with device:
        model = AutoModelForCausalLM.from_config(LlamaConfig(**LLAMA_2_7B), dtype=torch.bfloat16)
    file = str(args.inputs / "tokenizer.json")
    return model.eval(), PreTrainedTokenizerFast(
        tokenizer_file=file, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )


def ask_harness(model, tokenizer, questions, batch):
    """Return a function that puts the questions to the harness."""
    from lm_eval.api.instance import Instance
    from lm_eval.models.huggingface import HFLM

    harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, add_bos_token=True)
    if batch == "auto" and questions.scoring == "generation":
        # Generating, it would look for its batch size again in every call; found once, it is left out of the time.
        batch = harness._detect_batch_size()
        harness = HFLM(pretrained=model, tokenizer=tokenizer, batch_size=batch, add_bos_token=True)
    instances, prompts = [], questions.prompts
    shown = "".join(prompts.demonstration(shot) for shot in questions.shots)
    settings = {"until": list(prompts.stop), "do_sample": False, "max_gen_toks": prompts.max_new_tokens}
    for number, item in enumerate(questions.items):
        context, options = prompts.render(item)
        if questions.scoring == "generation":
            instances.append(Instance("generate_until", item, (shown + context, settings), number))
        else:
            for text in options.values():
                instances.append(Instance("loglikelihood", item, (shown + context, text), number))
    call = harness.generate_until if questions.scoring == "generation" else harness.loglikelihood
    return harness, lambda: call(instances, disable_tqdm=True)


def timed(function, device) -> float:
    """Return the seconds of the second of two calls."""
    function()
    wait(device)
    start = time.perf_counter()
    function()
    wait(device)
    return time.perf_counter() - start


def measure(args, model, tokenizer, device, peak: float, label: str, harness: bool) -> list[dict]:
    """Return one row per task, of the harness or of ours."""
    import torch

    from maple import models, prediction
    from maple.engine import Engine
    from maple.prompts import PromptSet

    engine = Engine(models.causal_parts(model), model.config, device)
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    weights = sum(p.numel() for n, p in base.named_parameters() if "lora_" not in n and "embed" not in n)
    rows = []
    for name, (benchmark, prompts, *_) in TASKS.items():
        if args.tasks and name.split(",")[0].lower() not in args.tasks:
            continue
        task = json.loads((args.inputs / "tasks.json").read_text())[name]
        items = task["items"][: args.limit]
        scoring = "generation" if "generation" in name else "likelihood"
        prompt_set = PromptSet(ROOT / f"config/prompts/{benchmark}/{prompts}.yaml")
        questions = prediction.Questions(items, task["shots"], prompt_set, scoring)
        row = {"task": name, "model": label, "tool": "harness" if harness else "maple", "items": len(items)}
        if harness:
            tool, call = ask_harness(model, tokenizer, questions, args.harness_batch)
            row["items_per_second"] = len(items) / timed(call, device)
            row["batch"] = list(tool.batch_sizes.values()) or tool.batch_size
        else:
            count = [0]

            def call(questions=questions, count=count):
                _, count[0] = prediction.predict_language(questions, engine, tokenizer, None)

            seconds = timed(call, device)
            row |= {"items_per_second": len(items) / seconds, "unique_tokens": count[0]}
            if scoring == "likelihood":
                asked = questions.fit(tokenizer, engine.longest)
                row["tokens_without_sharing"] = sum(len(s.tokens) for part in asked for s in part.sequences)
                row["share_of_forward_limit"] = 2 * weights * count[0] / seconds / peak
        if device.type == "cuda":
            row["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
            torch.cuda.reset_peak_memory_stats()
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def measure_full(args, model, tokenizer, device) -> list[dict]:
    """Return one row per whole set: seconds with nothing warmed up but the model, tokens and peak memory."""
    import torch

    from maple import models, prediction
    from maple.engine import Engine
    from maple.prompts import PromptSet

    engine = Engine(models.causal_parts(model), model.config, device)
    tasks = json.loads((args.inputs / "tasks.json").read_text())
    rows = []
    for name, (benchmark, prompts, languages, _) in FULL.items():
        prompt_set = PromptSet(ROOT / f"config/prompts/{benchmark}/{prompts}.yaml")
        scoring = "generation" if benchmark == "xquad" else "likelihood"
        torch.cuda.reset_peak_memory_stats()
        start, tokens, items = time.perf_counter(), 0, 0
        for language in languages:
            asked = prediction.Questions(tasks[name][language], [], prompt_set, scoring)
            records, count = prediction.predict_language(asked, engine, tokenizer, None)
            tokens, items = tokens + count, items + len(records)
        seconds = time.perf_counter() - start
        row = {"task": name, "tool": "maple", "items": items, "seconds": seconds, "unique_tokens": tokens}
        row |= {"tokens_per_second": tokens / seconds, "peak_gib": round(torch.cuda.max_memory_allocated() / 2**30, 1)}
        print(json.dumps(row), flush=True)
        rows.append(row)
    return rows


def run(args) -> None:
    """Time both tools and write the results."""
    import torch
    import transformers

    from maple import devices, models
    from maple.files import write_json

    transformers.logging.set_verbosity_error()
    device = devices.setup()
    if args.cudnn:
        torch.backends.cuda.enable_cudnn_sdp(True)
    peak = matrix_peak(device)
    model, tokenizer = load(args, device)
    label = "Gemma-3-270M" if args.model else "Llama-2-7B shape"
    label += ", bf16"
    rows = [] if args.alone else measure(args, model, tokenizer, device, peak, label, harness=True)
    # The harness runs the model as transformers loads it, ours as the workflow does.
    fused = models.fuse(model)
    rows += measure(args, model, tokenizer, device, peak, label, harness=False)
    full = measure_full(args, model, tokenizer, device) if args.full else []
    if args.adapter:
        from peft import LoraConfig, get_peft_model

        tuned = get_peft_model(model, LoraConfig(r=8, target_modules="all-linear", task_type="CAUSAL_LM")).eval()
        for parameter_name, parameter in tuned.named_parameters():
            if "lora_" in parameter_name:
                parameter.data = parameter.data.bfloat16()
        rows += measure(args, tuned, tokenizer, device, peak, f"{label}, LoRA r 8 unmerged", harness=False)
    rates = {(row["task"], row["tool"], row["model"]): row["items_per_second"] for row in rows}
    for row in rows:
        theirs = rates.get((row["task"], "harness", row["model"]))
        if row["tool"] == "maple" and theirs:
            row["ratio"] = row["items_per_second"] / theirs
            print(f"{row['task']}: {row['ratio']:.1f} times the harness's items per second", flush=True)
    found = {"matrix_peak_tflops": round(peak / 1e12, 1), "fused_kernels": fused, "rows": rows, "whole_sets": full}
    write_json(args.out, run_facts(device, "lm_eval") | {"threads": torch.get_num_threads()} | found)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("prepare")
    first.add_argument("--data", required=True, type=Path, help="folder of real benchmark data")
    first.add_argument("--out", required=True, type=Path)
    first.set_defaults(function=prepare)
    second = commands.add_parser("run")
    second.add_argument("--inputs", required=True, type=Path)
    second.add_argument("--out", required=True, type=Path)
    second.add_argument("--model", help="folder of a model; the 7B shape with random weights when left out")
    second.add_argument("--limit", type=int, help="items per task")
    second.add_argument("--tasks", nargs="*", help="xnli, belebele, xstorycloze, xquad")
    second.add_argument("--harness-batch", default="auto", help="its batch size; finding one takes too long on a CPU")
    second.add_argument("--alone", action="store_true", help="without the harness")
    second.add_argument("--full", action="store_true", help="also ours on whole sets (needs a GPU)")
    second.add_argument("--cudnn", action="store_true", help="with cuDNN's attention, which the workflow turns off")
    second.add_argument("--adapter", action="store_true", help="also ours with an unmerged adapter")
    second.set_defaults(function=run)
    args = parser.parse_args()
    args.function(args)


if __name__ == "__main__":
    main()
