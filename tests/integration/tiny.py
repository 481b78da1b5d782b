"""Tiny random models of the architectures that the paper and the default study use."""

import torch

from maple import models

CPU = torch.device("cpu")
COMMON = dict(
    vocab_size=260,
    hidden_size=64,
    intermediate_size=128,
    num_hidden_layers=2,
    num_attention_heads=4,
    num_key_value_heads=2,
    max_position_embeddings=512,
    pad_token_id=0,
    bos_token_id=1,
    eos_token_id=2,
)
ARCHITECTURES = {
    "llama": {"model_type": "llama"},
    "mistral": {"model_type": "mistral", "sliding_window": 8},
    "gemma3": {
        "model_type": "gemma3_text",
        "head_dim": 16,
        "sliding_window": 8,
        "layer_types": ["sliding_attention", "full_attention"],
    },
}


def load(manifest, bits=16):
    model, tokenizer = models.load_base(manifest, bits, CPU)
    return (model.float() if bits == 16 else model), tokenizer
