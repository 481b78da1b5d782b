"""Speed and memory of finetuning against TRL: same weights, tokens, adapters and learning rate, one run.

    python benchmarks/finetune_throughput.py prepare --data DATA --out FOLDER       # on any machine
    python benchmarks/finetune_throughput.py run --inputs FOLDER --out results.json # where the GPU is

`prepare` tokenises real instruction records (with a 32,000-token BPE trained on them, since Llama's tokenizer cannot
be shipped). `run` trains LoRA on all linear layers of a Llama-2-7B-shaped model with random weights, each case in a
process of its own, and writes tokens per second (padding not counted), MFU (4 FLOPs per weight and token; the
measured matrix peak), peak memory and the losses. Two shapes of data: `fixed`, every example 512 tokens, all learned;
`real`, the records as they come, responses learned.

TRL is run as its trainer comes (gradient checkpointing, batches padded to the longest) and as its documentation
recommends for speed (bf16 weights, no checkpointing, packing or padding-free batches, Liger kernels).
"""

import argparse
import json
import subprocess
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

LLAMA_2_7B = dict(
    hidden_size=4096, intermediate_size=11008, num_hidden_layers=32, num_attention_heads=32, num_key_value_heads=32,
    vocab_size=32000, max_position_embeddings=4096, bos_token_id=1, eos_token_id=2,
)  # fmt: skip
TINY = LLAMA_2_7B | dict(hidden_size=64, intermediate_size=128, num_hidden_layers=2, num_attention_heads=4,
                         num_key_value_heads=4)  # fmt: skip
WIDTH, LEARNING_RATE = 512, 2e-4
# name: tool, bits, rank, data, examples a step, further settings
CASES = {
    "ours, bf16, r 8": ("maple", 16, 8, "fixed", 32, {}),
    "ours, bf16, r 128": ("maple", 16, 128, "fixed", 32, {}),
    "ours, 4-bit, r 8": ("maple", 4, 8, "fixed", 32, {}),
    "ours, 8-bit, r 8": ("maple", 8, 8, "fixed", 32, {}),
    "ours, 4-bit, r 8, in 8 GiB": ("maple", 4, 8, "fixed", 32, {"gib": 8}),
    "plain loop, bf16, r 8": ("plain", 16, 8, "fixed", 32, {}),
    "plain loop, 4-bit, r 8": ("plain", 4, 8, "fixed", 32, {}),
    "plain loop, 8-bit, r 8": ("plain", 8, 8, "fixed", 32, {}),
    "TRL as it comes, bf16, r 8": ("trl", 16, 8, "fixed", 32, {}),
    "TRL tuned, bf16, r 8": ("trl-tuned", 16, 8, "fixed", 32, {}),
    "ours, bf16, r 8, real lengths": ("maple", 16, 8, "real", 128, {}),
    "TRL as it comes, bf16, r 8, real lengths": ("trl", 16, 8, "real", 128, {}),
    "TRL tuned, bf16, r 8, real lengths": ("trl-tuned", 16, 8, "real", 128, {}),
}


def prepare(args) -> None:
    """Write the tokenised records."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    from maple import conversations, examples, instruction_sources
    from maple.files import write_jsonl

    args.out.mkdir(parents=True, exist_ok=True)
    records = []
    for language in sorted(folder.name for folder in args.data.iterdir() if len(folder.name) == 2):
        source = {"source": "local", "path": str(args.data)}
        for _, where, raw in instruction_sources.read(source, language):
            for messages in conversations.conversations(raw, where):
                records.append({"id": f"{len(records):06d}", "messages": messages})
    tokenizer = Tokenizer(models.BPE(unk_token=None))
    tokenizer.pre_tokenizer, tokenizer.decoder = pre_tokenizers.ByteLevel(), decoders.ByteLevel()
    texts = (message["content"] for record in records for message in record["messages"])
    tokenizer.train_from_iterator(
        texts, trainers.BpeTrainer(vocab_size=32000, special_tokens=["<unk>", "<s>", "</s>"], max_token_length=16)
    )
    wrapped = PreTrainedTokenizerFast(tokenizer_object=tokenizer, bos_token="<s>", eos_token="</s>")
    tokenised = [examples.tokenise(record, wrapped) for record in records]
    rows = [{"tokens": e.tokens, "learned": [int(x) for x in e.learned]} for e in tokenised if len(e.tokens) <= 768]
    write_jsonl(args.out / "examples.jsonl", rows[: args.limit])


def load_examples(folder: Path, kind: str, count: int):
    """Return ``count`` examples: records as they are, or their tokens cut into pieces of 512 without regard."""
    from maple.examples import Example

    rows = [json.loads(line) for line in (folder / "examples.jsonl").open()]
    if kind == "real":
        # Records of all languages, spread over the file.
        rows = [rows[(n * 7919) % len(rows)] for n in range(count)]
        return [Example(f"{n:05d}", tuple(r["tokens"]), tuple(map(bool, r["learned"]))) for n, r in enumerate(rows)]
    tokens = [token for row in rows for token in row["tokens"]]
    tokens *= 1 + count * WIDTH // len(tokens)
    return [Example(f"{n:05d}", tuple(tokens[n * WIDTH :][:WIDTH]), (True,) * WIDTH) for n in range(count)]


def load_model(bits: int, tiny: bool, device):
    """Return the 7B shape with random weights at a precision, as transformers would load it."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    torch.manual_seed(0)
    with device:
        model = AutoModelForCausalLM.from_config(
            LlamaConfig(**(TINY if tiny else LLAMA_2_7B)), dtype=torch.bfloat16, attn_implementation="sdpa"
        )
    model.eval().requires_grad_(False)
    if bits < 16:
        quantise(model.model, bits, device)
        setattr(model, f"is_loaded_in_{bits}bit", True)
        model.is_quantized = True
    return model


def quantise(trunk, bits: int, device) -> None:
    """Replace the linear layers by bitsandbytes' with the same weights."""
    import bitsandbytes
    import torch

    for module in list(trunk.modules()):
        for name, layer in list(module.named_children()):
            if not isinstance(layer, torch.nn.Linear):
                continue
            shape = dict(input_features=layer.in_features, output_features=layer.out_features, bias=False)
            if bits == 4:
                new = bitsandbytes.nn.Linear4bit(
                    **shape, device="meta", compute_dtype=torch.bfloat16, compress_statistics=True, quant_type="nf4"
                )
                new.weight = bitsandbytes.nn.Params4bit(
                    layer.weight.data, requires_grad=False, quant_type="nf4", compress_statistics=True, module=new
                )
            else:
                new = bitsandbytes.nn.Linear8bitLt(**shape, device="meta", has_fp16_weights=False, threshold=6.0)
                new.weight = bitsandbytes.nn.Int8Params(
                    layer.weight.data.cpu(), requires_grad=False, has_fp16_weights=False
                )
            setattr(module, name, new.to(device))
            del layer
    if device.type == "cuda":
        torch.cuda.empty_cache()


def wait(device) -> None:
    """Wait until the device has done what it was given."""
    import torch

    if device.type == "cuda":
        torch.cuda.synchronize(device)


class Clock:
    """When each step ended, and how many tokens had been learned from by then."""

    def __init__(self, device):
        self.device, self.moments = device, []

    def tick(self, tokens: int):
        """Note the end of a step."""
        wait(self.device)
        self.moments.append((time.perf_counter(), float(tokens)))

    def rate(self, warm: int = 2) -> float:
        """Return tokens per second after the first steps."""
        (begin, before), (end, after) = self.moments[min(warm, len(self.moments) - 1) - 1], self.moments[-1]
        return (after - before) / (end - begin)


def run_maple(model, data, rank: int, batch: int, device):
    """Train with this workflow's loop."""
    import torch

    from maple import adapters, device_batch, models, packed_attention, training

    models.fuse(model)
    packed_attention.prepare(model)
    method = {"target_modules": "all-linear", "alpha": 2 * rank, "learning_rate": LEARNING_RATE, "batch_size": batch,
              "epochs": 1, "schedule": "constant", "max_grad_norm": 1.0}  # fmt: skip
    spec = {"rank": rank, "seed": 0, "method": method}
    model = adapters.attach_new(model, spec)
    parts = models.causal_parts(model)
    found = device_batch.choose(model, parts, data, adapters.count(model), device)
    clock, losses = Clock(device), []
    check = training._checked

    def timed(loss, norm, step, batch, *rest):
        losses.append(loss)
        clock.tick((clock.moments[-1][1] if clock.moments else 0) + sum(len(e.tokens) for e in batch))
        check(loss, norm, step, batch, *rest)

    training._checked = timed
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    training.train(model, parts, data, spec, Path("/nonexistent"), found, device, 1e9)
    return clock, losses, found


def run_plain(model, data, rank: int, batch: int, device):
    """Train as a tutorial would: PEFT's layers with fp32 adapters under autocast, batches of 8, logits everywhere."""
    import torch
    from peft import LoraConfig, get_peft_model

    from maple.examples import Plan

    torch.manual_seed(0)
    model = get_peft_model(
        model, LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM")
    ).train()
    trained = [p for p in model.parameters() if p.requires_grad]
    optimiser = torch.optim.AdamW(trained, lr=LEARNING_RATE, weight_decay=0.0)
    plan, clock, losses, tokens = Plan(data, batch, 1, 0), Clock(device), [], 0
    for step in range(plan.steps):
        chosen, total = plan.batch(step), 0.0
        labels = sum(example.labels for example in chosen)
        for start in range(0, batch, 8):
            rows = torch.tensor([example.tokens for example in chosen[start : start + 8]], device=device)
            with torch.autocast(device.type, torch.bfloat16):
                logits = model(input_ids=rows).logits[:, :-1].float()
            loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten(), reduction="sum")
            (loss / labels).backward()
            total += loss.detach()
        torch.nn.utils.clip_grad_norm_(trained, 1.0)
        optimiser.step()
        optimiser.zero_grad()
        losses.append(float(total) / labels)
        tokens += sum(len(example.tokens) for example in chosen)
        clock.tick(tokens)
    return clock, losses, {"tokens": 8 * WIDTH, "recompute": False}


def run_trl(model, data, rank: int, batch: int, device, tuned: bool):
    """Train with TRL's trainer."""
    import torch
    from datasets import Dataset
    from peft import LoraConfig
    from transformers import PreTrainedTokenizerFast, TrainerCallback
    from trl import SFTConfig, SFTTrainer

    clock, losses = Clock(device), []

    class Watch(TrainerCallback):
        def on_log(self, args, state, control, logs=None, **kwargs):
            if "loss" in (logs or {}):
                losses.append(logs["loss"])
                clock.tick(logs["num_tokens"])

    columns = {
        "input_ids": [list(e.tokens) for e in data],
        "completion_mask": [list(map(int, e.learned)) for e in data],
    }
    fixed = all(len(e.tokens) == WIDTH for e in data)
    each = min(batch, 16) if tuned else 8
    options = dict(
        output_dir="/tmp/trl", report_to=[], logging_steps=1, save_strategy="no", max_length=768, seed=0,
        learning_rate=LEARNING_RATE, lr_scheduler_type="constant", warmup_steps=0, num_train_epochs=1,
        per_device_train_batch_size=each, gradient_accumulation_steps=batch // each, completion_only_loss=True,
        use_cpu=device.type == "cpu", bf16=True, disable_tqdm=True,
    )  # fmt: skip
    if tuned:
        options |= dict(gradient_checkpointing=False, use_liger_kernel=device.type == "cuda")
        if not fixed:
            # Four sequences of 2048 a device batch, 32768 tokens a step: about what 128 records hold.
            options |= dict(packing=True, max_length=2048, per_device_train_batch_size=4, gradient_accumulation_steps=4)
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=_empty_tokenizer(), eos_token="</s>", pad_token="</s>")
    model.requires_grad_(True)
    trainer = SFTTrainer(
        model=model, args=SFTConfig(**options), train_dataset=Dataset.from_dict(columns), processing_class=tokenizer,
        peft_config=LoraConfig(r=rank, lora_alpha=2 * rank, target_modules="all-linear", task_type="CAUSAL_LM"),
        callbacks=[Watch()],
    )  # fmt: skip
    adapter = next(p for n, p in trainer.model.named_parameters() if "lora_A" in n)
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats()
    trainer.train()
    return clock, losses, {"device_batch": each, "adapter_dtype": str(adapter.dtype)}


def _empty_tokenizer():
    from tokenizers import Tokenizer, models

    return Tokenizer(models.WordLevel({"<unk>": 0, "<s>": 1, "</s>": 2}, unk_token="<unk>"))


def case(args) -> None:
    """Run one case and print its row as JSON."""
    import torch
    import transformers

    from maple import devices

    transformers.logging.set_verbosity_error()
    tool, bits, rank, kind, batch, settings = CASES[args.name]
    if tool in ("maple", "plain"):
        device = devices.setup(exact=tool == "maple")
    else:
        device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    if args.tiny:
        batch = 4
    data = load_examples(args.inputs, kind, batch * args.steps)
    model = load_model(bits, args.tiny, device)
    weights = sum(p.numel() for p in load_shape(args.tiny).parameters())
    if "gib" in settings and device.type == "cuda":
        share = settings["gib"] * 2**30 / torch.cuda.get_device_properties(device).total_memory
        torch.cuda.set_per_process_memory_fraction(share)
    if tool == "maple":
        clock, losses, found = run_maple(model, data, rank, batch, device)
    elif tool == "plain":
        clock, losses, found = run_plain(model, data, rank, batch, device)
    else:
        clock, losses, found = run_trl(model, data, rank, batch, device, tool == "trl-tuned")
    row = {"case": args.name, "tokens_per_second": clock.rate(), "mfu": 4 * weights * clock.rate() / args.peak,
           "settings": found, "losses": losses}  # fmt: skip
    if device.type == "cuda":
        row["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
    print("ROW " + json.dumps(row), flush=True)


def load_shape(tiny: bool):
    """Return the trunk and head without weights, embeddings left out, to count them."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaConfig

    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(LlamaConfig(**(TINY if tiny else LLAMA_2_7B)))
    model.model.embed_tokens = torch.nn.Identity()
    return model


def run(args) -> None:
    """Run the cases and write the results."""
    import torch

    from maple.files import write_json

    sys.path.insert(0, str(ROOT / "benchmarks"))
    from eval_throughput import matrix_peak
    from run_facts import run_facts

    device = torch.device("cuda:0" if torch.cuda.is_available() else "cpu")
    peak = matrix_peak(device)
    rows, failed = [], []
    for name in CASES:
        if args.cases and name not in args.cases:
            continue
        command = [sys.executable, __file__, "case", "--name", name, "--inputs", str(args.inputs), "--steps"]
        command += [str(args.steps), "--peak", str(peak)] + (["--tiny"] if args.tiny else [])
        done = subprocess.run(command, capture_output=True, text=True)
        lines = [line[4:] for line in done.stdout.splitlines() if line.startswith("ROW ")]
        if lines:
            rows.append(json.loads(lines[0]))
            shown = {key: value for key, value in rows[-1].items() if key != "losses"}
            print(json.dumps(shown | {"last_loss": rows[-1]["losses"][-1]}), flush=True)
        else:
            failed.append(name)
            print(f"FAILED {name}\n{done.stderr[-1500:]}", flush=True)
        found = {"matrix_peak_tflops": round(peak / 1e12, 1), "failed": failed, "rows": rows}
        write_json(args.out, run_facts(device, "trl") | found)


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    first = commands.add_parser("prepare")
    first.add_argument("--data", required=True, type=Path, help="folder of real instruction data")
    first.add_argument("--out", required=True, type=Path)
    first.add_argument("--limit", type=int, default=6000, help="records")
    first.set_defaults(function=prepare)
    for name, function in (("run", run), ("case", case)):
        part = commands.add_parser(name)
        part.add_argument("--inputs", required=True, type=Path)
        part.add_argument("--steps", type=int, default=10)
        part.add_argument("--tiny", action="store_true", help="a small shape, to try the script on a CPU")
        part.set_defaults(function=function)
        if name == "run":
            part.add_argument("--out", required=True, type=Path)
            part.add_argument("--cases", nargs="*", help="only these")
        else:
            part.add_argument("--name", required=True)
            part.add_argument("--peak", required=True, type=float)
    args = parser.parse_args()
    args.function(args)


if __name__ == "__main__":
    main()
