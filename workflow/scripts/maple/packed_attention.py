"""Attention among the tokens of each example, where many examples lie one after another in one row.

Packing leaves no padding to compute: real instruction records differ so much in length that padded batches of 32 were
less than half full. On a CPU transformers derives the block-diagonal mask from positions that begin anew. On a GPU
such a mask would cost its square in memory, so torch's variable-length flash attention is told where examples begin.
"""

from maple import models

_NAME = "maple_packed"


def prepare(model) -> None:
    """Let a model on a GPU that computes in half precision attend within examples without a mask.

    Where the kernel does not take its heads it keeps the mask.
    """
    import torch
    from transformers import AttentionInterface, AttentionMaskInterface

    if model.device.type != "cuda" or model.dtype not in (torch.bfloat16, torch.float16):
        return
    if torch.cuda.get_device_capability(model.device) < (8, 0) or not takes_heads(models.causal_parts(model)):
        return
    AttentionInterface.register(_NAME, _attend)
    AttentionMaskInterface.register(_NAME, lambda *args, **kwargs: None)
    model.set_attn_implementation(_NAME)


def takes_heads(parts) -> bool:
    """Whether flash attention takes the heads of all layers: keys and values of one size, at most 256."""
    sizes = {(keys.shape[3], values.shape[3]) for keys, values in parts.one_token()}
    return all(key == value and key % 8 == 0 and key <= 256 for key, value in sizes)


def _attend(module, query, key, value, attention_mask, dropout=0.0, scaling=None, sliding_window=None, **where):
    """Return attention outputs, shape (1, tokens, heads, size): an attention function as transformers knows them.

    Args:
        module: The attention layer.
        query: Shape (1, heads, tokens, size).
        key: Shape (1, key-value heads, tokens, size).
        value: As ``key``.
        attention_mask: Not used: ``starts`` keeps other examples out.
        dropout: Not used: attention has none in the models finetuned here.
        scaling: Of the products.
        sliding_window: How many tokens back a query looks, itself included.
        **where: ``starts``, the places where examples begin and the last one ends (int32), and ``longest``.
    """
    from torch.nn.attention.varlen import varlen_attn
    from transformers.integrations.sdpa_attention import repeat_kv

    groups = getattr(module, "num_key_value_groups", 1)
    # squeeze, not [0]: the gradient of an index is a copy.
    query, key, value = (
        part.squeeze(0).transpose(0, 1) for part in (query, repeat_kv(key, groups), repeat_kv(value, groups))
    )
    starts, longest = where["starts"], where["longest"]
    back = sliding_window - 1 if sliding_window else -1
    out = varlen_attn(query, key, value, starts, starts, longest, longest, scale=scaling, window_size=(back, 0))
    return out[None], None
