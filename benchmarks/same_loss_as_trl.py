"""The same training twice: this workflow's loop and TRL's SFTTrainer, on a real model and real instructions.

    python benchmarks/same_loss_as_trl.py --model MANIFEST --data FOLDER --out results.json

Both start from the same LoRA weights on the same base in bf16, see the same examples in the same order, and learn the
responses only. Compared are the loss curves, step by step; ours also takes the held-out loss. Needs `pip install trl`.
"""

import argparse
import sys
import tempfile
from pathlib import Path

from run_facts import run_facts

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))
METHOD = {"target_modules": "all-linear", "alpha": 16, "learning_rate": 2e-4, "epochs": 1, "schedule": "cosine",
          "max_grad_norm": 1.0}  # fmt: skip
RANK, LONGEST = 8, 256


def real_examples(folder: Path, tokenizer, count: int):
    """Return examples of at most 256 tokens, of all languages in turn."""
    from maple import conversations, examples, instruction_sources

    by_language = []
    for language in sorted(part.name for part in folder.iterdir() if len(part.name) == 2):
        found = []
        for _, where, raw in instruction_sources.read({"source": "local", "path": str(folder)}, language):
            for messages in conversations.conversations(raw, where):
                example = examples.tokenise({"id": f"{language}{len(found):06d}", "messages": messages}, tokenizer)
                if len(example.tokens) <= LONGEST and example.labels:
                    found.append(example)
            if len(found) >= count:
                break
        by_language.append(found)
    turns = [part[n] for n in range(count) for part in by_language if n < len(part)]
    return turns[:count]


def ours(args, data, held_out, folder):
    """Return the journal of our loop."""
    from maple import adapters, devices, models, training

    device = devices.setup()
    base, _ = models.load_base(args.model, 16, device)
    spec = {"rank": RANK, "seed": 0, "method": METHOD | {"batch_size": args.batch}}
    model = adapters.attach_new(base, spec)
    settings = {"tokens": 512 if device.type == "cpu" else 8192}
    parts = models.causal_parts(model)
    journal, facts = training.train(model, parts, data, spec, folder, settings, device, 1e9, held_out)
    return journal, facts


def trl(args, data):
    """Return the losses of TRL's trainer."""
    from datasets import Dataset
    from peft import LoraConfig, get_peft_model
    from transformers import TrainerCallback
    from trl import SFTConfig, SFTTrainer

    from maple import devices, models
    from maple.examples import Plan

    device = devices.setup()
    base, tokenizer = models.load_base(args.model, 16, device)
    import torch

    torch.manual_seed(0)
    config = LoraConfig(
        r=RANK, lora_alpha=METHOD["alpha"], target_modules=METHOD["target_modules"], task_type="CAUSAL_LM"
    )
    model = get_peft_model(base, config)
    plan = Plan(data, args.batch, METHOD["epochs"], 0)
    order = [example for step in range(plan.steps) for example in plan.batch(step)]
    columns = {"input_ids": [list(e.tokens) for e in order]}
    columns["completion_mask"] = [list(map(int, e.learned)) for e in order]
    losses = []

    class Watch(TrainerCallback):
        def on_log(self, _, state, control, logs=None, **kwargs):
            if "loss" in (logs or {}):
                losses.append(float(logs["loss"]))

    settings = SFTConfig(
        output_dir=tempfile.mkdtemp(), report_to=[], logging_steps=1, save_strategy="no", max_length=LONGEST, seed=0,
        learning_rate=METHOD["learning_rate"], lr_scheduler_type="cosine", warmup_steps=0, num_train_epochs=1,
        max_grad_norm=METHOD["max_grad_norm"], per_device_train_batch_size=args.batch, weight_decay=0.0,
        completion_only_loss=True, train_sampling_strategy="sequential", use_cpu=device.type == "cpu", bf16=True,
        gradient_checkpointing=False,
    )  # fmt: skip
    trainer = SFTTrainer(
        model=model, args=settings, train_dataset=Dataset.from_dict(columns), processing_class=tokenizer,
        callbacks=[Watch()],
    )  # fmt: skip
    trainer.train()
    return losses


def main() -> None:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, type=Path, help="manifest of a prepared model")
    parser.add_argument("--data", required=True, type=Path, help="folder of real instruction data")
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--batch", type=int, default=4, help="examples a step")
    args = parser.parse_args()
    from maple import devices, models
    from maple.files import write_json

    count = args.steps * args.batch
    found = real_examples(args.data, models.load_tokenizer(args.model), count + count // 10)
    data, held_out = found[:count], found[count:]
    with tempfile.TemporaryDirectory() as folder:
        journal, facts = ours(args, data, held_out, Path(folder))
    theirs = trl(args, data)
    losses = [entry["loss"] for entry in journal if "loss" in entry]
    largest = max(abs(a - b) / b for a, b in zip(losses, theirs, strict=True))
    looks = [[entry["step"], entry["held_out_loss"]] for entry in journal if "held_out_loss" in entry]
    write_json(
        args.out,
        run_facts(devices.setup(), "trl")
        | {
            "examples": len(data),
            "held_out": len(held_out),
            "losses": {"maple": losses, "trl": theirs},
            "largest_relative_difference": largest,
            "held_out_loss": looks,
            "tokens": facts["tokens"],
        },
    )
    print(f"largest relative difference of {len(losses)} losses: {largest:.2e}; held-out loss {looks}")


if __name__ == "__main__":
    main()
