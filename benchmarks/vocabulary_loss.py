"""The output layer's loss and gradient against torch's operations and Liger's fused loss, in one run, on a GPU.

    python benchmarks/vocabulary_loss.py --out benchmarks/results/vocabulary_loss_h100.json

8,192 random states in bf16, one output layer, frozen: Gemma-3-270M's (262,144 words, 640 numbers a state) and
Llama-2-7B's (32,000 and 4,096). Timed is the way from states to the summed loss and its gradient with respect to them,
products included, and the normalisers alone from logits at hand; median of ten. Distances of losses and gradients are
to fp32 arithmetic, relative; of normalisers to fp64.
"""

import argparse
import json
import sys
import time
from pathlib import Path

from run_facts import run_facts

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT / "workflow/scripts"))

STATES = 8192
SHAPES = {"Gemma-3-270M": (262_144, 640), "Llama-2-7B": (32_000, 4096)}


def ours(head, states, labels):
    """Return loss and gradient as the workflow computes them."""
    from maple import response_loss

    return response_loss._head_loss(head, states, labels, 1.0)


def from_torch(head, states, labels):
    """Return them from torch's operations, over as many rows at a time."""
    import torch

    from maple import response_loss

    step = response_loss._rows(head, states.device, response_loss._HEAD_ROWS)
    total, gradient = 0, torch.empty_like(states)
    for start in range(0, len(states), step):
        part = slice(start, start + step)
        loss, gradient[part] = response_loss._by_autograd(head, states[part], labels[part], 1.0, [])
        total = total + loss
    return total, gradient


def from_liger(head, states, labels):
    """Return them from Liger's fused output layer and loss."""
    from liger_kernel.transformers import LigerFusedLinearCrossEntropyLoss

    states = states.detach().requires_grad_()
    loss = LigerFusedLinearCrossEntropyLoss(reduction="sum")(head.weight, states, labels)
    loss.backward()
    return loss.detach(), states.grad


def milliseconds(function, *arguments) -> dict[str, float]:
    """Return the median of ten calls after three, and what a call adds to the memory in use."""
    import torch

    times = []
    for _ in range(13):
        torch.cuda.synchronize()
        held = torch.cuda.memory_allocated()
        torch.cuda.reset_peak_memory_stats()
        start = time.perf_counter()
        function(*arguments)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - start)
        peak = torch.cuda.max_memory_allocated() - held
    return {"milliseconds": 1000 * sorted(times[3:])[5], "peak_gib": peak / 2**30}


def measure(words: int, width: int, device) -> list[dict]:
    """Return the rows of one output layer."""
    import torch

    from maple import softmax_kernels

    torch.manual_seed(0)
    head = torch.nn.Linear(width, words, bias=False, device=device, dtype=torch.bfloat16).requires_grad_(False)
    # Logits of a spread that trained models have.
    head.weight.normal_(0, 3 / width**0.5)
    states = torch.randn(STATES, width, device=device, dtype=torch.bfloat16)
    labels = torch.randint(words, (STATES,), device=device)
    wide = torch.nn.Linear(width, words, bias=False, device=device).requires_grad_(False)
    wide.weight.copy_(head.weight)
    exact_loss, exact = from_torch(wide, states.float(), labels)
    del wide
    rows = []
    for tool, function in (("ours", ours), ("torch", from_torch), ("Liger", from_liger)):
        loss, gradient = function(head, states, labels)
        apart = ((gradient.float() - exact).norm() / exact.norm()).item()
        row = {"what": "loss and gradient", "tool": tool} | milliseconds(function, head, states, labels)
        rows.append(row | {"gradient_apart": apart, "loss_apart": abs(loss.item() / exact_loss.item() - 1)})
    logits = head(states[:512])
    exact = logits.double().logsumexp(-1)
    for tool, function in (("ours", softmax_kernels.normalisers), ("torch", lambda part: part.float().logsumexp(-1))):
        row = {"what": "normalisers of 512 rows", "tool": tool} | milliseconds(function, logits)
        rows.append(row | {"largest_distance": (function(logits) - exact).abs().max().item()})
    return rows


def main() -> None:
    """Measure all."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path, help="results, JSON")
    args = parser.parse_args()
    import torch

    from maple import devices
    from maple.files import write_json

    device, rows = devices.setup(), []
    for name, shape in SHAPES.items():
        for row in measure(*shape, device):
            rows.append({"shape": name} | row)
            print(json.dumps(rows[-1]), flush=True)
        torch.cuda.empty_cache()
    write_json(args.out, run_facts(device) | {"rows": rows})


if __name__ == "__main__":
    main()
