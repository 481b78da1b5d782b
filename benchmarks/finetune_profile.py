"""Where the time of a finetuning step goes on a GPU, and what other ways of computing it would gain.

    python benchmarks/finetune_profile.py --out profile.json

A Llama-2-7B shape with random weights, LoRA of rank 8 on all linear layers, 32 random examples of 512 tokens a step, in
bf16 and in 4 bit. Kernels of two steps are grouped by what they do, with the rates that matrix products reach; and each
variant of `finetune_variants.py` takes the same steps from the same weights: speed, memory and losses are compared.
Needs no network and no data. `--tiny` tries the script on a CPU.
"""

import argparse
import contextlib
import json
import math
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT / "workflow/scripts"), str(ROOT / "benchmarks")]
WIDTH, BATCH, RANK, LEARNING_RATE = 512, 32, 8, 2e-4
STEPS, WARM, PROFILED = 5, 2, 2
# Variant: what is put in place; names are those of finetune_variants.py.
VARIANTS = {
    16: {
        "as it is": {},
        "adapter first": {"adapter_first": True},
        "stacked": {"stacked": True},
        "stacked, adapter first": {"stacked": True, "adapter_first": True},
        "cudnn": {"cudnn": True},
        "any order": {"any_order": True},
        "cublaslt": {"cublaslt": True},
        "stacked, adapter first, cudnn": {"stacked": True, "adapter_first": True, "cudnn": True},
        "as it is, again": {},
    },
    4: {
        "as it is": {},
        "kept": {"kept": True},
        "stacked, adapter first": {"stacked": True, "adapter_first": True},
        "stacked, adapter first, kept": {"stacked": True, "adapter_first": True, "kept": True},
        "stacked, adapter first, kept, cudnn": {"stacked": True, "adapter_first": True, "kept": True, "cudnn": True},
        "as it is, again": {},
    },
}
_PRODUCTS = {"aten::mm": 0, "aten::addmm": 1, "aten::addmm_": 1}
# A kernel's kind by a part of its name, or of the name of the operation that started it; the first that fits.
_KINDS = {
    "attention": ("flash", "fmha", "cudnn", "attention", "sdpa"),
    "dequantisation": ("dequantize",),
    "norms, rotary embeddings, gates": ("rms_norm", "rmsnorm", "rope", "swiglu", "geglu", "silu"),
    "optimiser": ("adam", "multi_tensor", "foreach", "clip_grad"),
    "loss": ("softmax", "nll_loss", "cross_entropy"),
    "copies to and from the device": ("memcpy", "memset"),
}


def kind_of(kernel: str, operation: str, dims: list) -> tuple[str, tuple | None]:
    """Return what a kernel does and, of a matrix product, its sizes (rows, inner, columns)."""
    if operation in _PRODUCTS and len(dims) >= _PRODUCTS[operation] + 2:
        one, other = dims[_PRODUCTS[operation] :][:2]
        sizes = (one[0], one[1], other[1])
        # An adapter's products have its rank, or the sum of a few, as one of their sizes.
        return ("products of adapters" if min(sizes) <= 4 * RANK else "products of the base"), sizes
    for kind, parts in _KINDS.items():
        if any(part in name for name in (kernel.lower(), operation.lower()) for part in parts):
            return kind, None
    return "sums, casts and the rest", None


def kernels(trace: dict) -> list[dict]:
    """Return the kernels of a torch trace in order: name, operation that started it, sizes, begin and duration in us.

    On a CPU matrix products, and operations that call no others, stand for kernels.
    """
    events = [event for event in trace["traceEvents"] if event.get("ph") == "X"]
    operations = {}
    for event in events:
        if event.get("cat") == "cpu_op":
            operations[event["args"].get("External id")] = event
    found = [event for event in events if event.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
    if not found:
        by_thread = defaultdict(list)
        for event in sorted(operations.values(), key=lambda event: (event["ts"], -event["dur"])):
            by_thread[event["tid"]].append(event)
        for line in by_thread.values():
            end = 0.0
            for event, after in zip(line, [*line[1:], None], strict=True):
                last = event["ts"] + event["dur"]
                if event["ts"] >= end and (event["name"] in _PRODUCTS or not after or after["ts"] >= last):
                    found.append(event)
                    end = last
    rows = []
    for event in sorted(found, key=lambda event: event["ts"]):
        started = operations.get(event["args"].get("External id"), {"name": "", "args": {}})
        dims = started["args"].get("Input Dims", [])
        rows.append({"name": event["name"], "operation": started["name"], "dims": dims, "begin": event["ts"],
                     "duration": event["dur"]})  # fmt: skip
    return rows


def idle(rows: list[dict]) -> tuple[float, float, list]:
    """Return the microseconds from the first kernel to the last one's end, those without any, and the longest gaps."""
    end, empty, gaps = rows[0]["begin"], 0.0, []
    for before, row in zip([rows[0], *rows], rows, strict=False):
        gap = max(0.0, row["begin"] - end)
        empty += gap
        gaps.append((round(gap), before["name"][:60], row["name"][:60]))
        end = max(end, row["begin"] + row["duration"])
    return end - rows[0]["begin"], empty, sorted(gaps, reverse=True)[:5]


def table(rows: list[dict], steps: int, peak: float) -> dict:
    """Return the time of a step by kind of kernel, the shapes of its matrix products, and its slowest other kernels.

    Args:
        rows: What :func:`kernels` returned.
        steps: How many steps they are of.
        peak: Matrix rate measured, FLOP/s.
    """
    kinds, shapes, names = defaultdict(lambda: [0.0, 0, 0.0]), defaultdict(lambda: [0.0, 0]), defaultdict(float)
    for row in rows:
        kind, sizes = kind_of(row["name"], row["operation"], row["dims"])
        entry = kinds[kind]
        entry[0] += row["duration"]
        entry[1] += 1
        if sizes:
            # A product that was split, or needs its workspace cleared, is several kernels: its work is counted once.
            first = not any(part in row["name"].lower() for part in ("reduce", "memset"))
            entry[2] += 2 * math.prod(sizes) * first
            shapes[kind, row["operation"], sizes][0] += row["duration"]
            shapes[kind, row["operation"], sizes][1] += first
        else:
            names[kind, row["name"][:90], row["operation"]] += row["duration"]
    span, empty, gaps = idle(rows)
    groups = [
        {"kind": kind, "ms": time_ / steps / 1e3, "share": time_ / span, "kernels": count // steps}
        | ({"tflops": flops / time_ / 1e6, "of_peak": flops / time_ * 1e6 / peak} if flops else {})
        for kind, (time_, count, flops) in sorted(kinds.items(), key=lambda item: -item[1][0])
    ]
    groups.append({"kind": "nothing (gaps)", "ms": empty / steps / 1e3, "share": empty / span, "kernels": 0})
    products = []
    for (kind, operation, (m, k, n)), (time_, count) in sorted(shapes.items(), key=lambda item: -item[1][0]):
        count = max(1, count)
        # What must be read and written at least; an addition reads its result too.
        moved = 2 * (m * k + k * n + m * n * (2 if "addmm" in operation else 1))
        products.append({
            "kind": kind, "operation": operation, "rows_inner_columns": [m, k, n], "ms": time_ / steps / 1e3,
            "a_step": count / steps, "tflops": 2 * m * k * n * count / time_ / 1e6, "gb_s": moved * count / time_ / 1e3,
        })  # fmt: skip
    others = [
        {"kind": kind, "kernel": name, "operation": operation, "ms": time_ / steps / 1e3}
        for (kind, name, operation), time_ in sorted(names.items(), key=lambda item: -item[1])[:25]
    ]
    return {"step_ms": span / steps / 1e3, "groups": groups, "products": products, "others": others, "gaps_us": gaps}


class Case:
    """A model at a precision, with the steps it takes."""

    def __init__(self, bits: int, tiny: bool, device):
        """Build the model and its examples."""
        import torch
        from finetune_throughput import load_model

        from maple import adapters, models, packed_attention
        from maple.examples import Example

        self.device, self.batch, self.width = device, 4 if tiny else BATCH, 32 if tiny else WIDTH
        model = load_model(bits, tiny, device)
        models.fuse(model)
        packed_attention.prepare(model)
        method = {"target_modules": "all-linear", "alpha": 2 * RANK, "learning_rate": LEARNING_RATE,
                  "batch_size": self.batch, "epochs": 1, "schedule": "constant", "max_grad_norm": 1.0}  # fmt: skip
        self.spec = {"rank": RANK, "seed": 0, "method": method}
        self.model = adapters.attach_new(model, self.spec)
        self.parts = models.causal_parts(self.model)
        self.begun = {n: v.detach().clone() for n, v in self.model.named_parameters() if v.requires_grad}
        tokens = torch.randint(3, 32000, (STEPS * self.batch, self.width), generator=torch.Generator().manual_seed(0))
        self.data = [Example(f"{n:05d}", tuple(row), (True,) * self.width) for n, row in enumerate(tokens.tolist())]

    def train(self, after_step=lambda step: None) -> dict:
        """Take all steps from the first weights; ``after_step`` is called once a step's work is done."""
        import torch
        from finetune_throughput import Clock

        from maple import training

        named = dict(self.model.named_parameters())
        for name, value in self.begun.items():
            named[name].data, named[name].grad = value.clone(), None
        clock, losses, norms, check = Clock(self.device), [], [], training._checked

        def timed(loss, norm, step, batch, *rest):
            losses.append(loss)
            norms.append(norm)
            clock.tick(step * self.batch * self.width)
            after_step(step)
            check(loss, norm, step, batch, *rest)

        training._checked = timed
        if self.device.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        # What `device_batch` finds on an 80 GB GPU: half of the step at a time.
        settings = {"tokens": self.batch * self.width // 2, "recompute": False}
        try:
            training.train(
                self.model, self.parts, self.data, self.spec, Path("/nonexistent"), settings, self.device, 1e9
            )
        finally:
            training._checked = check
        row = {"tokens_per_second": clock.rate(WARM), "losses": losses, "gradient_norms": norms}
        if self.device.type == "cuda":
            row["peak_gib"] = round(torch.cuda.max_memory_allocated() / 2**30, 1)
        return row

    def profile(self, peak: float) -> dict:
        """Return the table of the last two steps."""
        import torch

        kinds = [torch.profiler.ProfilerActivity.CPU]
        if self.device.type == "cuda":
            kinds.append(torch.profiler.ProfilerActivity.CUDA)
        profiler = torch.profiler.profile(activities=kinds, record_shapes=True)

        def watch(step):
            if step == STEPS - PROFILED:
                profiler.start()
            elif step == STEPS:
                profiler.stop()

        self.train(watch)
        with tempfile.TemporaryDirectory() as folder:
            profiler.export_chrome_trace(f"{folder}/trace.json")
            trace = json.loads(Path(folder, "trace.json").read_text(encoding="utf-8"))
        return table(kernels(trace), PROFILED, peak)


@contextlib.contextmanager
def variant(case: Case, cudnn=False, any_order=False, cublaslt=False, **layers):
    """Put a variant in place."""
    import finetune_variants

    with contextlib.ExitStack() as stack:
        if layers:
            stack.enter_context(finetune_variants.layers(case.model, **layers))
        if cudnn:
            stack.enter_context(finetune_variants.cudnn(case.width))
        if any_order:
            stack.enter_context(finetune_variants.any_order())
        if cublaslt:
            stack.enter_context(finetune_variants.cublaslt())
        yield


def compare(case: Case, bits: int, on_gpu: bool) -> list[dict]:
    """Return a row for each variant."""
    rows = []
    for name, options in VARIANTS[bits].items():
        if not on_gpu and {"cudnn", "cublaslt"} & set(options):
            continue
        try:
            with variant(case, **options):
                row = {"variant": name, **case.train()}
        except Exception as error:  # one that this machine cannot run must not cost the others
            rows.append({"variant": name, "failed": f"{type(error).__name__}: {str(error)[:200]}"})
            print(json.dumps(rows[-1]), flush=True)
            continue
        first = rows[0] if rows else row
        row["gain"] = row["tokens_per_second"] / first["tokens_per_second"] - 1
        row["largest_loss_difference"] = max(
            abs(a - b) / b for a, b in zip(row["losses"], first["losses"], strict=True)
        )
        row["same_bits"] = row["losses"] == first["losses"] and row["gradient_norms"] == first["gradient_norms"]
        rows.append(row)
        shown = {key: value for key, value in row.items() if key not in ("losses", "gradient_norms")}
        print(json.dumps({"bits": bits, **shown}), flush=True)
    return rows


def show(bits: int, found: dict) -> None:
    """Print a profile."""
    print(f"\n{bits} bit: {found['step_ms']:.1f} ms a step")
    for row in found["groups"]:
        rate = f"{row['tflops']:9.1f} TFLOP/s, {row['of_peak']:.0%} of the peak" if "tflops" in row else ""
        print(f"{row['kind']:<34}{row['ms']:9.2f} ms {row['share']:6.1%} {row['kernels']:6} kernels {rate}")
    print("products (rows, inner, columns)")
    for row in found["products"][:24]:
        sizes = " x ".join(map(str, row["rows_inner_columns"]))
        print(f"  {row['operation']:<12}{sizes:<24}{row['ms']:9.2f} ms {row['a_step']:6.0f} a step"
              f"{row['tflops']:8.1f} TFLOP/s {row['gb_s']:7.0f} GB/s")  # fmt: skip
    for row in found["others"][:15]:
        print(f"  {row['ms']:9.2f} ms  {row['kind']}: {row['kernel'][:60]} ({row['operation']})")
    print(f"longest gaps (us): {found['gaps_us']}", flush=True)


def main() -> None:
    """Run the command."""
    import gc

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", required=True, type=Path)
    parser.add_argument("--bits", type=int, nargs="*", default=[16, 4])
    parser.add_argument("--tiny", action="store_true", help="a small shape, to try the script on a CPU")
    args = parser.parse_args()

    from maple import devices

    device = devices.setup(exact=True)
    import torch
    import transformers
    from eval_throughput import matrix_peak
    from run_facts import run_facts

    from maple.files import write_json

    transformers.logging.set_verbosity_error()
    peak, begin = matrix_peak(device), time.monotonic()
    result = run_facts(device) | {"matrix_peak_tflops": round(peak / 1e12, 1), "tokens_a_step": BATCH * WIDTH}
    for bits in args.bits:
        case = Case(bits, args.tiny, device)
        part = result[f"{bits}bit"] = {"variants": compare(case, bits, device.type == "cuda")}
        # Now, lest a trace that cannot be read costs the comparison.
        write_json(args.out, result)
        part["profile"] = case.profile(peak)
        show(bits, part["profile"])
        result["seconds"] = round(time.monotonic() - begin, 1)
        write_json(args.out, result)
        del case
        gc.collect()
        if device.type == "cuda":
            torch.cuda.empty_cache()
    print(f"{result['seconds']:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
