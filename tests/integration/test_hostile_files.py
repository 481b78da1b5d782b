"""Adapters and models that carry pickles or code of their own: none of it runs."""

import json
import pickle
import shutil
from pathlib import Path

import pytest
from tiny import ARCHITECTURES, COMMON, CPU

from maple import manifests, model_sources, models
from maple.canonical import canonical
from maple.errors import UserError


class Bomb:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return Path.touch, (Path(self.path),)


@pytest.fixture(scope="module")
def plain(tmp_path_factory):
    """A folder with a tiny model, as somebody would give it with `source: path`."""
    out = tmp_path_factory.mktemp("plain") / "manifest.json"
    spec = {"source": "random", "seed": 0, "architecture": COMMON | ARCHITECTURES["llama"]}
    model_sources.prepare(canonical(spec), "c", out)
    out.unlink()
    return out.parent


@pytest.fixture
def given(plain, tmp_path):
    return Path(shutil.copytree(plain, tmp_path / "given"))


def prepared(folder, tmp_path):
    out = tmp_path / "out/manifest.json"
    model_sources.prepare(canonical({"source": "path", "path": str(folder)}), "c", out)
    return out


def test_weights_in_a_pickle(given, tmp_path):
    (given / "model.safetensors").unlink()
    (given / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    with pytest.raises(UserError, match="pickle"):
        prepared(given, tmp_path)
    # Another safetensors file does not open the door to the pickle.
    (given / "other.safetensors").write_bytes(b"\x02\0\0\0\0\0\0\0{}")
    with pytest.raises(UserError, match="transformers cannot load it"):
        models.load_base(prepared(given, tmp_path), 16, CPU)
    assert not (tmp_path / "ran").exists()


def test_a_pickle_beside_the_weights_is_not_read(given, tmp_path):
    (given / "pytorch_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    models.load_base(prepared(given, tmp_path), 16, CPU)
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize("words_too", [True, False])
@pytest.mark.parametrize("kind", ["llama", "unheard-of"])
def test_a_model_with_code_of_its_own(given, tmp_path, monkeypatch, kind, words_too):
    # transformers asks whether to run it where nobody said no.
    monkeypatch.setattr("builtins.input", lambda *_: "y")
    code = f"from pathlib import Path\nPath({str(tmp_path / 'ran')!r}).touch()\n"
    for name in ("modeling_own.py", "configuration_own.py", "tokenization_own.py"):
        (given / name).write_text(code)
    described = json.loads((given / "config.json").read_text())
    described["auto_map"] = {"AutoConfig": "configuration_own.Own", "AutoModelForCausalLM": "modeling_own.Own"}
    described["model_type"] = kind
    (given / "config.json").write_text(json.dumps(described))
    words = json.loads((given / "tokenizer_config.json").read_text())
    if words_too:
        words["auto_map"] = {"AutoTokenizer": ["tokenization_own.Own", None]}
    (given / "tokenizer_config.json").write_text(json.dumps(words))
    if kind == "llama":
        # transformers knows the architecture and takes its own code for it.
        models.load_base(prepared(given, tmp_path), 16, CPU)
    else:
        with pytest.raises(UserError) as error:
            models.load_base(prepared(given, tmp_path), 16, CPU)
        assert "\n" not in str(error.value)
    assert not (tmp_path / "ran").exists()


def test_an_adapter_in_a_pickle(given, tmp_path):
    model, _ = models.load_base(prepared(given, tmp_path), 16, CPU)
    folder = tmp_path / "adapter"
    folder.mkdir()
    (folder / "adapter_model.bin").write_bytes(pickle.dumps(Bomb(tmp_path / "ran")))
    settings = {"peft_type": "LORA", "r": 2, "lora_alpha": 2, "target_modules": ["q_proj"], "task_type": "CAUSAL_LM"}
    (folder / "adapter_config.json").write_text(json.dumps(settings | {"auto_mapping": {"parent_library": "own"}}))
    files = {file.name: manifests.describe(file) for file in folder.iterdir()}
    manifests.write(folder / "adapter.json", spec='{"method": {}}', code="c", inputs={}, files=files)
    with pytest.raises(UserError, match="pickle"):
        models.attach(model, folder / "adapter.json")
    assert not (tmp_path / "ran").exists()
