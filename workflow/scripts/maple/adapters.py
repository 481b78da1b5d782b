"""The methods of finetuning: what is added to a frozen base, declared once each."""

import json
import math

from maple import weight_files
from maple.errors import UserError
from maple.files import replaced

# (IA)3 has one vector a layer and full finetuning no adapter; their systems stand under rank 1.
WITHOUT_RANK = {"ia3", "full"}
_MLP = {"gate_proj", "up_proj", "down_proj"}


def _lora(rank: int, method: dict, **variant):
    """LoRA (Hu et al. 2021) and its variants."""
    from peft import LoraConfig

    return LoraConfig(
        r=rank,
        lora_alpha=method["alpha"],
        lora_dropout=method.get("dropout", 0.0),
        target_modules=method["target_modules"],
        task_type="CAUSAL_LM",
        **variant,
    )


def _ia3(rank: int, method: dict):
    """(IA)3 (Liu et al. 2022): learned factors on a layer's output, in the MLP on its input."""
    from peft import IA3Config

    targets = method["target_modules"]
    if targets == "all-linear":
        raise UserError("methods.*.target_modules: (IA)3 needs names, such as [k_proj, v_proj, down_proj]")
    return IA3Config(
        target_modules=targets, feedforward_modules=[t for t in targets if t in _MLP], task_type="CAUSAL_LM"
    )


def _prompt(rank: int, method: dict):
    """Prompt tuning (Lester et al. 2021): as many virtual tokens as the rank says."""
    from peft import PromptTuningConfig

    return PromptTuningConfig(num_virtual_tokens=rank, task_type="CAUSAL_LM")


METHODS = {
    "lora": _lora,
    # Scaled by alpha / sqrt(rank), so that high ranks learn as fast as low ones (Kalajdzievski 2023).
    "rslora": lambda rank, method: _lora(rank, method, use_rslora=True),
    # Direction and magnitude apart (Liu et al. 2024).
    "dora": lambda rank, method: _lora(rank, method, use_dora=True),
    "ia3": _ia3,
    "prompt": _prompt,
    # All weights of the model: the upper bound that the others are measured against.
    "full": None,
}


def attach_new(model, spec: dict):
    """Return the model with a fresh, seeded adapter; for full finetuning itself, all weights trained.

    Args:
        model: A frozen base.
        spec: The finetune rule's spec: ``rank``, ``seed`` and ``method``, whose ``kind`` is LoRA if not said.
    """
    import torch
    from peft import get_peft_model

    torch.manual_seed(spec["seed"])
    kind = spec["method"].get("kind", "lora")
    if kind == "full":
        model.requires_grad_(True)
        return model.train()
    targets = spec["method"].get("target_modules")
    for name in targets if isinstance(targets, list) else []:
        if not any(module == name or module.endswith(f".{name}") for module, _ in model.named_modules()):
            raise UserError(
                f"methods.*.target_modules: the model has no layer {name!r}: correct it or take it off the list"
            )
    tuned = get_peft_model(model, METHODS[kind](spec["rank"], spec["method"]))
    if kind == "prompt":
        # Words the model knows are a better start than noise (Lester et al. 2021, section 3.2).
        table = model.get_input_embeddings()
        drawn = torch.randint(table.weight.shape[0], (spec["rank"],))
        tuned.prompt_encoder["default"].embedding.weight.data = table(drawn.to(table.weight.device)).detach().float()
    tuned.train()
    return fit(tuned)


def virtual_tokens(model):
    """Return a function that gives the embeddings of prompt tuning's tokens, shape (tokens, hidden), or ``None``."""
    encoder = getattr(model, "prompt_encoder", None)
    return (lambda: encoder["default"].embedding.weight) if encoder else None


def _lower(model) -> None:
    """Round LoRA's matrices to bf16 where the model computes in it: their product is rounded by itself.

    Factors near 1, (IA)3's and DoRA's magnitudes, stay in fp32: steps of bf16 there are larger than what they learn. So
    do DoRA's matrices, whose product is added to the weight before its norm is taken.
    """
    import torch

    config = model.peft_config["default"]
    if model.dtype != torch.bfloat16 or getattr(config, "use_dora", False):
        return
    for name, value in model.named_parameters():
        if "lora_A" in name or "lora_B" in name:
            value.data = value.data.bfloat16()


def fit(model):
    """Return the model, its adapter's layers made to compute fast and in the dtype of the base.

    PEFT's (IA)3 layers multiply a bf16 output by fp32 factors and leave it at fp32, which attention does not take.
    """
    from peft.tuners.ia3 import IA3Layer

    from maple import fused_lora

    for module in model.modules():
        if isinstance(module, IA3Layer):
            module.register_forward_hook(lambda module, inputs, output: output.to(inputs[0].dtype))
    fused_lora.fuse(model)
    _lower(model)
    return model


def count(model) -> int:
    """Return the number of weights that are trained."""
    return sum(value.numel() for value in model.parameters() if value.requires_grad)


def share(model) -> float:
    """Return the trained weights as a share of the base model's; quantised ones count as what they stand for."""
    base = 0
    for value in model.parameters():
        if not value.requires_grad or not hasattr(model, "peft_config"):
            state = getattr(value, "quant_state", None)
            base += math.prod(state.shape) if state is not None else value.numel()
    return count(model) / base


def export(model, folder, base_name: str) -> None:
    """Write the adapter as PEFT reads it, byte for byte the same for the same weights.

    A fully trained model is written as its weights in bf16, in which it computes.
    """
    import torch

    if hasattr(model, "peft_config"):
        from peft import get_peft_model_state_dict

        weights, config, dtype = get_peft_model_state_dict(model), model.peft_config["default"], None
        config.base_model_name_or_path, config.inference_mode = base_name, True
        plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.to_dict().items()}
    else:
        weights, dtype = dict(model.named_parameters()), torch.bfloat16
        plain = {"base_model_name_or_path": base_name, "trained": "all weights"}
    weight_files.write(folder / "adapter_model.safetensors", weights, dtype, {"format": "pt"})
    with replaced(folder / "adapter_config.json") as stream:
        stream.write(json.dumps(plain, indent=1, sort_keys=True, default=str) + "\n")


def load_full(model, folder):
    """Return the model with the weights that :func:`export` wrote of a full finetuning."""
    from safetensors.torch import load_file

    weights = load_file(folder / "adapter_model.safetensors")
    names = dict(model.named_parameters())
    if set(weights) != set(names):
        raise UserError(f"{folder}: holds the weights of another model: delete it and run again")
    for name, value in names.items():
        value.data.copy_(weights[name])
    return model
