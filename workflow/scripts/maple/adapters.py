"""The methods of finetuning: what is added to a frozen base, declared once each."""

from maple.errors import UserError

# (IA)3 has one vector a layer and no rank; its systems stand under rank 1.
WITHOUT_RANK = {"ia3"}
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


METHODS = {
    "lora": _lora,
    # Scaled by alpha / sqrt(rank), so that high ranks learn as fast as low ones (Kalajdzievski 2023).
    "rslora": lambda rank, method: _lora(rank, method, use_rslora=True),
    # Direction and magnitude apart (Liu et al. 2024).
    "dora": lambda rank, method: _lora(rank, method, use_dora=True),
    "ia3": _ia3,
}


def attach_new(model, spec: dict):
    """Return the model with a fresh adapter in fp32, seeded.

    Args:
        model: A frozen base.
        spec: The finetune rule's spec: ``rank``, ``seed`` and ``method``, whose ``kind`` is LoRA if not said.
    """
    import torch
    from peft import get_peft_model

    torch.manual_seed(spec["seed"])
    tuned = get_peft_model(model, METHODS[spec["method"].get("kind", "lora")](spec["rank"], spec["method"]))
    tuned.train()
    return keep_dtype(tuned)


def computed_in_bf16(name: str) -> bool:
    """Whether a weight of this name may be rounded to bf16 where the model computes with it.

    LoRA's matrices may: their product is rounded by itself, not against the much larger weight. Factors near 1,
    (IA)3's and DoRA's magnitudes, may not: steps of bf16 there are larger than what they learn.
    """
    return "lora_A" in name or "lora_B" in name


def keep_dtype(model):
    """Return the model, its (IA)3 layers on a quantised base giving back the dtype they were given.

    PEFT's multiply a bf16 output by fp32 factors and leave it at fp32, which attention does not take.
    """
    from peft.tuners.ia3 import IA3Layer

    for module in model.modules():
        if isinstance(module, IA3Layer):
            module.register_forward_hook(lambda module, inputs, output: output.to(inputs[0].dtype))
    return model


def count(model) -> int:
    """Return the number of weights that are trained."""
    return sum(value.numel() for value in model.parameters() if value.requires_grad)
