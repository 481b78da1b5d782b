"""Writing tensors as safetensors, a piece at a time.

The library's own functions want every tensor in host memory at once, and its ``save`` the whole file besides: for a
checkpoint of a fully finetuned model that is more than the training itself takes. The bytes are the library's (a
test compares them).
"""

import hashlib
import itertools
import json
from pathlib import Path

from maple.files import replaced

# Bytes on their way to the file at once.
_PIECE = 2**26
_CODES = {"float64": "F64", "float32": "F32", "float16": "F16", "bfloat16": "BF16", "int64": "I64", "int32": "I32"}


def write(path: Path, tensors: dict, dtype=None, metadata: dict | None = None) -> str:
    """Put a safetensors file in place, complete or not at all.

    Args:
        path: Where to.
        tensors: Name -> tensor, on any device.
        dtype: What to convert them to on the way; their own when left out.
        metadata: Text by name, for the header.

    Returns:
        The file's SHA-256, of what was written and not of what can be read back.

    Raises:
        UserError: The file cannot be written.
    """
    # The library's order: wide types first, so that all are aligned.
    wide = {name: (dtype or value.dtype).itemsize for name, value in tensors.items()}
    order = sorted(tensors, key=lambda name: (-wide[name], name))
    header, end = {"__metadata__": metadata} if metadata else {}, 0
    for name in order:
        begin, end = end, end + tensors[name].numel() * wide[name]
        code = _CODES[str(dtype or tensors[name].dtype).removeprefix("torch.")]
        header[name] = {"dtype": code, "shape": list(tensors[name].shape), "data_offsets": [begin, end]}
    text = json.dumps(header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)
    contents = (piece for name in order for piece in _pieces(tensors[name], dtype or tensors[name].dtype))
    digest = hashlib.sha256()
    with replaced(path, "wb") as stream:
        for piece in itertools.chain([len(text).to_bytes(8, "little"), text], contents):
            digest.update(piece)
            stream.write(piece)
    return digest.hexdigest()


def _pieces(tensor, dtype):
    """Yield a tensor's bytes in pieces, each brought to the host and converted by itself."""
    import torch

    flat = tensor.detach().reshape(-1)
    step = max(1, _PIECE // max(dtype.itemsize, flat.element_size()))
    for start in range(0, flat.numel(), step):
        yield flat[start : start + step].to("cpu", dtype).contiguous().view(torch.uint8).numpy().data
