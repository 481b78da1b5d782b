"""Loading a base model at 4, 8 or 16 bit, and attaching an adapter to it."""

import contextlib
import importlib.util
import logging
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from maple import adapters, devices, manifests
from maple.errors import UserError
from maple.files import read_json
from maple.model_sources import folder_of

# Here a norm lays each head's queries out by themselves. Of a single token Liger 0.8.5 then takes the stride between
# heads for that between tokens, and rotates queries by other tokens' positions, and several times.
_NORMED_BY_HEAD = ("gemma3", "gemma3_text", "exaone4")


@dataclass(frozen=True)
class Base:
    """A base model's checked files, before any device holds its weights.

    Attributes:
        folder: Where they are.
        tokenizer: The model's.
    """

    folder: Path
    tokenizer: object


def open_base(manifest_path) -> Base:
    """Check a base model's files, read its tokenizer, and import what loading it takes.

    Nothing of it needs a GPU, so a job does it while it waits for one.

    Raises:
        UserError: A file is missing or damaged, or the tokenizer cannot be read.
    """
    devices.settle()
    manifest = read_json(manifest_path)
    folder = folder_of(manifest_path, manifest)
    _refuse_damage(manifest_path, folder, manifest["files"])
    with devices.without_cuda():
        from transformers import MODEL_FOR_CAUSAL_LM_MAPPING, AutoConfig

        base = Base(folder, _tokenizer(folder))
        # What is wrong with a configuration is said when the model is loaded.
        with contextlib.suppress(Exception):
            described = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
            MODEL_FOR_CAUSAL_LM_MAPPING[type(described)]
    return base


def load(base: Base, bits: int, device):
    """Return a base model, frozen.

    16 bit is bfloat16. 4 bit is nf4 with double quantisation and bfloat16 arithmetic (QLoRA, Dettmers
    et al. 2023). 8 bit is LLM.int8() (Dettmers et al. 2022). On a CPU without bf16 arithmetic the same weights compute
    in fp32.

    Raises:
        UserError: The files are not a causal language model's, or the device's memory is too small.
    """
    model = _pretrained(base.folder, bits, device)
    if bits == 4 and model.device.type == "cpu":
        unpack(model)
    if not devices.multiplies_bf16(model.device):
        widen(model)
    fuse(model)
    model.requires_grad_(False)
    model.eval()
    check(model)
    return model


def load_base(manifest_path, bits: int, device):
    """Return ``(model, tokenizer)`` of a base model: :func:`open_base` and :func:`load` in one."""
    base = open_base(manifest_path)
    return load(base, bits, device), base.tokenizer


def _pretrained(folder: Path, bits: int, device):
    """Return the model that transformers reads from a folder.

    Raises:
        UserError: It cannot be read, the device's memory is too small, or the files lack some of its weights.
    """
    import torch
    from huggingface_hub.errors import StrictDataclassError
    from safetensors import SafetensorError
    from transformers import AutoModelForCausalLM
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    warnings.filterwarnings("ignore", message=".*will be cast from.*")
    logging.getLogger("bitsandbytes").setLevel(logging.ERROR)
    try:
        model, report = AutoModelForCausalLM.from_pretrained(
            folder,
            dtype=torch.bfloat16,
            quantization_config=_quantisation(bits),
            device_map={"": device},
            attn_implementation="sdpa",
            trust_remote_code=False,
            use_safetensors=True,
            local_files_only=True,
            ignore_mismatched_sizes=True,
            output_loading_info=True,
        )
    except torch.OutOfMemoryError:
        raise UserError(f"{folder.name} at {bits} bit does not fit the memory of {device}: use fewer bits") from None
    except (OSError, ValueError, SafetensorError, StrictDataclassError) as error:
        raise UserError(f"{folder}: transformers cannot load it: {' '.join(str(error).split())}") from None
    # transformers would go on with random ones in their place.
    absent = sorted(report["missing_keys"]) or sorted(key for key, *_ in report["mismatched_keys"])
    if absent:
        raise UserError(
            f"{folder}: the weights {absent[0]!r} are missing or of another shape ({len(absent)} such): the files must "
            "hold a whole causal language model"
        )
    return model


def _quantisation(bits: int):
    """Return how transformers is to pack the weights, ``None`` for 16 bit."""
    import torch
    from transformers import BitsAndBytesConfig

    if bits == 4:
        return BitsAndBytesConfig(
            load_in_4bit=True,
            bnb_4bit_quant_type="nf4",
            bnb_4bit_use_double_quant=True,
            bnb_4bit_compute_dtype=torch.bfloat16,
        )
    return BitsAndBytesConfig(load_in_8bit=True) if bits == 8 else None


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
        UserError: Logits are not the output layer's alone (some architectures scale or cap them), tokens of one
            sequence reach those of another in its row, or a token read behind a cache gives other numbers.
    """
    import torch
    from transformers import DynamicCache

    parts, kind = causal_parts(model), model.config.model_type
    layers = set(getattr(model.config.get_text_config(), "layer_types", None) or [])
    if layers - {"full_attention", "sliding_attention"}:
        raise UserError(
            f"the architecture {kind!r} has layers that are not attention, which this workflow cannot share"
        )
    tokens = torch.randint(3, 200, (1, 24), generator=torch.Generator().manual_seed(0)).to(model.device)
    starts = torch.tensor([[*range(16), *range(8)]], device=model.device)
    raw = []
    hook = parts.head.register_forward_hook(lambda module, inputs, output: raw.append(output.float().clone()))
    with torch.no_grad():
        expected = model(tokens[:, 16:], use_cache=False).logits.float()
        hook.remove()
        alone = parts.trunk(input_ids=tokens[:, 16:], use_cache=False).last_hidden_state
        packed = parts.trunk(input_ids=tokens, position_ids=starts, use_cache=False).last_hidden_state[:, 16:]
        found = parts.head(alone).float()
        # Several rows at several positions: a kernel's wrong stride does not show in the first of them.
        rows = torch.randint(3, 200, (8, 24), generator=torch.Generator().manual_seed(1)).to(model.device)
        whole = parts.trunk(input_ids=rows, use_cache=False).last_hidden_state[:, -1]
        cache = DynamicCache()
        parts.trunk(input_ids=rows[:, :-1], past_key_values=cache, use_cache=True)
        behind = parts.trunk(input_ids=rows[:, -1:], past_key_values=cache, use_cache=True).last_hidden_state[:, -1]

    # Rounding moves states by up to 0.06 in Gemma-3-270M at 16 and 4 bit, and by 0.27 at 8 bit, which splits columns by
    # what else is in the batch. Faults move them by half and more; a position off by one, only some rows by 0.2.
    most = 0.5 if getattr(model, "is_loaded_in_8bit", False) else 0.2

    def near(one, other):
        return bool(((one - other).norm(dim=-1) <= most * other.norm(dim=-1)).all())

    # Equal to the bit: a cap at 30 moves most logits by less than a tenth.
    plain = len(raw) == 1 and torch.equal(raw[0], expected) and near(found, expected)
    for right, why in (
        (plain, "changes its logits before or after the output layer"),
        (near(packed.float(), alone.float()), "lets sequences of one row reach each other"),
        (near(behind.float(), whole.float()), "reads a token behind a cache otherwise than in one pass"),
    ):
        if not right:
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
        chosen = {"cross_entropy": False, "fused_linear_cross_entropy": False}
        functions = sys.modules[type(model).__module__]
        plain = getattr(functions, "apply_rotary_pos_emb", None)
        apply(model=model, **chosen)
        if model.config.model_type in _NORMED_BY_HEAD:
            functions.apply_rotary_pos_emb = _unless_single(functions.apply_rotary_pos_emb, plain)
    return apply is not None


def _unless_single(fused, plain):
    """Return a function that rotates queries and keys, [batch, heads, tokens, width]: plainly where tokens is 1."""
    return lambda queries, *rest: (plain if queries.shape[2] == 1 else fused)(queries, *rest)


def load_tokenizer(manifest_path):
    """Return the tokenizer of a base model, checked against its manifest.

    Raises:
        UserError: One of the small files is missing or damaged; transformers would go on with an empty vocabulary.
    """
    manifest = read_json(manifest_path)
    folder = folder_of(manifest_path, manifest)
    small = {name: entry for name, entry in manifest["files"].items() if not name.endswith(".safetensors")}
    _refuse_damage(manifest_path, folder, small)
    return _tokenizer(folder)


def _tokenizer(folder: Path):
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True, trust_remote_code=False)
    except Exception as error:  # the library for tokenizers raises no other
        raise UserError(f"{folder}: its tokenizer cannot be loaded: {' '.join(str(error).split())}") from None


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
        ends: Tokens with which the model ends a text by its own account. Instruct models name the end of a turn, which
            the tokenizer's EOS often is not.
    """

    trunk: object
    head: object
    lead: object = None
    ends: frozenset[int] = frozenset()

    @property
    def lead_length(self) -> int:
        """Virtual tokens before every sequence."""
        return 0 if self.lead is None else len(self.lead())

    def one_token(self) -> list:
        """Return the keys and values that one token leaves in each layer that keeps any, shape (1, heads, 1, size).

        What a configuration says of them differs from architecture to architecture, and within one from layer to layer.
        """
        import torch
        from transformers import DynamicCache

        cache = DynamicCache()
        with torch.no_grad():
            token = torch.zeros(1, 1, dtype=torch.long, device=self.head.weight.device)
            self.trunk(input_ids=token, past_key_values=cache, use_cache=True)
        return [(layer.keys, layer.values) for layer in cache.layers]


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
    ends = inner.generation_config.eos_token_id
    ends = frozenset([ends] if isinstance(ends, int) else ends or ())
    return Parts(inner.get_decoder(), head, adapters.virtual_tokens(model), ends)
