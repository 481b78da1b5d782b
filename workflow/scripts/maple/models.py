"""Loading a base model at 4, 8 or 16 bit, and attaching an adapter to it."""

import importlib.util
import logging
import warnings
from dataclasses import dataclass
from pathlib import Path

from maple import adapters, devices, manifests
from maple.errors import UserError
from maple.files import read_json
from maple.model_sources import folder_of


def load_base(manifest_path, bits: int, device):
    """Return ``(model, tokenizer)`` of a base model, checked against its manifest.

    16 bit is bfloat16. 4 bit is nf4 with double quantisation and bfloat16 arithmetic (QLoRA, Dettmers
    et al. 2023). 8 bit is LLM.int8() (Dettmers et al. 2022). All parameters are frozen. On a CPU without bf16
    arithmetic the same weights compute in fp32.

    Raises:
        UserError: A model file is missing or damaged, or the device's memory is too small.
    """
    import torch
    from transformers import AutoModelForCausalLM, BitsAndBytesConfig
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message=".*will be cast from.*")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)

    manifest = read_json(manifest_path)
    folder = folder_of(manifest_path, manifest)
    _refuse_damage(manifest_path, folder, manifest["files"])
    quantisation = {
        4: lambda: BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        ),
        8: lambda: BitsAndBytesConfig(load_in_8bit=True),
        16: lambda: None,
    }[bits]()
    try:
        model = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16,
            quantization_config=quantisation,
            device_map={"": device},
            attn_implementation="sdpa",
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
        )
    except torch.OutOfMemoryError:
        raise UserError(f"{folder.name} at {bits} bit does not fit the memory of {device}: use fewer bits") from None
    except ValueError as error:
        raise UserError(f"{folder}: transformers cannot load it: {' '.join(str(error).split())}") from None
    if bits == 4 and model.device.type == "cpu":
        unpack(model)
    if not devices.multiplies_bf16(model.device):
        widen(model)
    fuse(model)
    model.requires_grad_(False)
    model.eval()
    check(model)
    return model, load_tokenizer(manifest_path)


def _refuse_damage(manifest_path, folder: Path, files: dict) -> None:
    bad = manifests.damage(folder, files)
    if bad:
        raise UserError(f"{bad[0]}: delete {manifest_path} and run again to prepare the model anew")


def unpack(model) -> None:
    """Replace 4-bit layers by ordinary ones that hold the same, dequantised weights.

    On a CPU the products of the packed layers take up to three times as long, and the memory for bf16 weights was
    needed to quantise them. The numbers stay those of 4 bit: nf4 values times their scales, in bf16.
    """
    import torch
    from bitsandbytes.functional import dequantize_4bit
    from bitsandbytes.nn import Linear4bit

    for module in list(model.modules()):
        for name, layer in list(module.named_children()):
            if isinstance(layer, Linear4bit):
                plain = torch.nn.Linear(layer.in_features, layer.out_features, bias=False, device="meta")
                plain.weight = torch.nn.Parameter(dequantize_4bit(layer.weight.data, layer.weight.quant_state))
                plain.bias = layer.bias
                setattr(module, name, plain)


def widen(model) -> None:
    """Let a model compute in fp32, its weights those of bf16; packed ones of 8 bit stay as they are."""
    import torch

    for value in (*model.parameters(), *model.buffers()):
        if value.dtype == torch.bfloat16:
            value.data = value.data.float()


def check(model) -> None:
    """Try on a few tokens what all that follows takes for granted of an architecture.

    Raises:
        UserError: Logits are not the output layer's alone, or tokens of one sequence reach those of another in its row.
    """
    import torch

    parts, kind = causal_parts(model), model.config.model_type
    layers = set(getattr(model.config.get_text_config(), "layer_types", None) or [])
    if layers - {"full_attention", "sliding_attention"}:
        raise UserError(
            f"the architecture {kind!r} has layers that are not attention, which this workflow cannot share"
        )
    tokens = torch.randint(3, 200, (1, 24), generator=torch.Generator().manual_seed(0)).to(model.device)
    starts = torch.tensor([[*range(16), *range(8)]], device=model.device)
    with torch.no_grad():
        expected = model(tokens[:, 16:], use_cache=False).logits.float()
        alone = parts.trunk(input_ids=tokens[:, 16:], use_cache=False).last_hidden_state
        packed = parts.trunk(input_ids=tokens, position_ids=starts, use_cache=False).last_hidden_state[:, 16:]
        for found, wanted, why in (
            (parts.head(alone).float(), expected, "changes its logits after the output layer"),
            (packed.float(), alone.float(), "lets sequences of one row reach each other"),
        ):
            if not ((found - wanted).norm(dim=-1) <= 0.1 * wanted.norm(dim=-1)).all():
                raise UserError(f"the architecture {kind!r} {why}, which this workflow does not reproduce: use another")


def fuse(model) -> bool:
    """Put Liger's fused norms, rotary embeddings and gated layers into a model on a GPU.

    They compute the same in fewer passes over memory: evaluation of a 7B model gets a quarter to a third
    faster.

    Returns:
        Whether it was done: not on the CPU, without the package, or for an architecture it does not know.
    """
    if model.device.type != "cuda" or not importlib.util.find_spec("liger_kernel"):
        return False
    import liger_kernel.transformers as liger

    apply = getattr(liger, f"apply_liger_kernel_to_{model.config.model_type}", None)
    if apply:
        # The losses stay ours: logits are only taken where a label or an option stands.
        apply(model=model, cross_entropy=False, fused_linear_cross_entropy=False)
    return apply is not None


def load_tokenizer(manifest_path):
    """Return the tokenizer of a base model, checked against its manifest.

    Raises:
        UserError: One of the small files is missing or damaged; transformers would go on with an empty vocabulary.
    """
    from transformers import AutoTokenizer

    manifest = read_json(manifest_path)
    folder = folder_of(manifest_path, manifest)
    small = {name: entry for name, entry in manifest["files"].items() if not name.endswith(".safetensors")}
    _refuse_damage(manifest_path, folder, small)
    return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)


def attach(model, adapter_manifest):
    """Return the model with a trained adapter attached, unmerged.

    Merging would round a small delta away: with bf16 weights a delta of 0.1 % of the weight loses
    about 70 % of its effect. LoRA's matrices are rounded to bf16, as they were when training computed with them;
    on a GPU that is a good third faster.
    """
    from peft import PeftModel

    manifest, folder = manifests.read(adapter_manifest), Path(adapter_manifest).parent
    if "adapter_model.safetensors" not in manifest["files"]:
        # PEFT would go on to adapter_model.bin, a pickle.
        raise UserError(
            f"{adapter_manifest}: lists no adapter_model.safetensors; weights in pickle files are not loaded"
        )
    kind = manifest["spec"]["method"].get("kind", "lora")
    if kind == "full":
        return adapters.load_full(model, folder)
    tuned = PeftModel.from_pretrained(model, folder, is_trainable=False).eval()
    return adapters.fit(tuned)


@dataclass(frozen=True)
class Parts:
    """What a causal language model consists of.

    Attributes:
        trunk: Gives hidden states: ``trunk(...).last_hidden_state``.
        head: Gives logits from hidden states.
        lead: Gives the embeddings of prompt tuning's virtual tokens, shape (tokens, hidden), that stand before every
            sequence; ``None`` where there are none.
    """

    trunk: object
    head: object
    lead: object = None

    @property
    def lead_length(self) -> int:
        """Virtual tokens before every sequence."""
        return 0 if self.lead is None else len(self.lead())


def causal_parts(model) -> Parts:
    """Return the parts of a base model or of one with an adapter.

    Raises:
        UserError: The output layer has a bias, or the adapter changes it.
    """
    inner = model.get_base_model() if hasattr(model, "get_base_model") else model
    head = inner.get_output_embeddings()
    if getattr(head, "bias", None) is not None:
        raise UserError(f"the output layer of {inner.config.model_type!r} has a bias, which this workflow leaves out")
    if hasattr(head, "base_layer"):
        raise UserError("methods.*.target_modules: the output layer cannot have an adapter: take it off the list")
    return Parts(inner.get_decoder(), head, adapters.virtual_tokens(model))
