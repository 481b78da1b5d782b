"""What recording the steps of generation saves, and what cuDNN's attention would cost, in one run.

    python benchmarks/generation_steps.py --out benchmarks/results/generation_steps_h100.json      # on a GPU

Questions about passages of random tokens, of the lengths that XQuAD's have, five to a passage, 32 tokens written for
each by models with random weights and an unmerged adapter: 1,190 of them, a language of XQuAD, by Gemma-3-270M's shape,
320 by Llama-2-7B's. Before each variant 20 other questions are answered, so that its kernels are loaded.
"""

import argparse
import json
import random
import sys
import time
from pathlib import Path

from eval_throughput import LLAMA_2_7B
from run_facts import run_facts

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

GEMMA_3_270M = dict(
    model_type="gemma3_text", vocab_size=262144, hidden_size=640, intermediate_size=2048, num_hidden_layers=18,
    num_attention_heads=4, num_key_value_heads=1, head_dim=256, sliding_window=512,
    layer_types=[*["sliding_attention"] * 5, "full_attention"] * 3, max_position_embeddings=32768,
)  # fmt: skip
SHAPES = {
    "Gemma-3-270M shape": (GEMMA_3_270M, 1190),
    "Llama-2-7B shape": (dict(model_type="llama", **LLAMA_2_7B), 320),
}
TINY = GEMMA_3_270M | dict(vocab_size=512, num_hidden_layers=6, layer_types=["full_attention"] * 6)


class Numbers:
    """A tokenizer as far as generation needs one; nothing ends early."""

    eos_token_id = None

    def decode(self, tokens, skip_special_tokens):
        """Return the tokens as words."""
        return " ".join(map(str, tokens))


def questions(count: int, words: int, seed: int) -> list:
    """Return contexts of the lengths that XQuAD's have: a passage of some 150 tokens, five questions each."""
    from maple.requests import Sequence

    draw, found, passage = random.Random(seed), [], []
    for number in range(count):
        if number % 5 == 0:
            passage = [draw.randrange(3, words) for _ in range(draw.randint(100, 250))]
        tokens = (2, *passage, *(draw.randrange(3, words) for _ in range(draw.randint(10, 25))))
        found.append(Sequence((number, 0), tokens, len(tokens)))
    return found


def model_of(shape: dict, device):
    """Return a model with random weights as the workflow would load it, and an adapter of rank 32."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    from maple import adapters, models

    torch.manual_seed(0)
    with device:
        model = AutoModelForCausalLM.from_config(AutoConfig.for_model(**shape), dtype=torch.bfloat16)
    model.requires_grad_(False)
    models.fuse(model.eval())
    method = {"alpha": 64, "target_modules": "all-linear"}
    return adapters.attach_new(model, {"seed": 0, "rank": 32, "method": method}).eval()


def seconds(engine, shape: dict, count: int, variant: str, device) -> tuple[float, list[str]]:
    """Return how long a variant takes, and what was written."""
    import torch

    from maple import generation

    torch.backends.cuda.enable_cudnn_sdp("cuDNN" in variant)
    for seed, asked in ((1, 20), (0, count)):
        engine.records = variant == "recorded"
        start = time.perf_counter()
        # The texts are on the host at the end.
        texts, _ = generation.generate(engine, questions(asked, shape["vocab_size"], seed), Numbers(), 32, ())
        taken = time.perf_counter() - start
    return taken, texts


def main() -> None:
    """Run all variants."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="results, JSON")
    parser.add_argument("--tiny", action="store_true", help="a tiny model, to try the script where there is no GPU")
    args = parser.parse_args()
    import torch

    from maple import devices, models
    from maple.engine import Engine
    from maple.files import write_json

    device, rows = devices.setup(), []
    for name, (shape, count) in {"tiny": (TINY, 40)}.items() if args.tiny else SHAPES.items():
        model = model_of(shape, device)
        engine = Engine(models.causal_parts(model), model.config.get_text_config(), device)
        first = None
        for variant in ("recorded", "not recorded", "not recorded, cuDNN's attention"):
            if variant == "recorded" and device.type == "cpu":
                continue
            taken, texts = seconds(engine, shape, count, variant, device)
            first = first or texts
            same = sum(one == other for one, other in zip(texts, first, strict=True))
            row = {"model": name, "questions": count, "variant": variant, "seconds": round(taken, 2)}
            rows.append(row | {"texts_as_in_the_first_variant": same})
            print(json.dumps(rows[-1]), flush=True)
        del model, engine
        if device.type == "cuda":
            torch.cuda.empty_cache()
    write_json(args.out, run_facts(device) | {"rows": rows})


if __name__ == "__main__":
    main()
