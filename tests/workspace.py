"""A copy of the workflow with a small study in it, to run and to edit."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]

TINY = {
    "study": "Tiny",
    "models": {
        "tiny": {
            "name": "Tiny",
            "source": "random",
            "parameters": 1.0e6,
            "seed": 1,
            "architecture": {
                "model_type": "llama",
                "vocab_size": 260,
                "hidden_size": 64,
                "intermediate_size": 128,
                "num_hidden_layers": 2,
                "num_attention_heads": 4,
                "num_key_value_heads": 2,
                "max_position_embeddings": 2048,
                "pad_token_id": 0,
                "bos_token_id": 1,
                "eos_token_id": 2,
            },
        }
    },
    "instructions": {"sample": {"name": "sample", "source": "sample", "languages": ["en", "sw"], "limit": 4}},
    "methods": {
        "lora": {
            "target_modules": "all-linear",
            "alpha": 8,
            "learning_rate": 1.0e-3,
            "epochs": 1,
            "batch_size": 4,
            "max_length": 1024,
        }
    },
    "benchmarks": {"xnli": {"source": "sample", "languages": ["en", "sw"], "limit": 6}},
    "grid": [{"models": ["tiny"], "bits": [16], "data": ["sample"], "methods": ["lora"], "ranks": [4, 8]}],
    "statistics": {"resamples": 100},
}


# What a user's environment may hold; none of it may end up in a file.
SECRETS = {
    "HF_TOKEN": "hf_planted0token0of0hugging0face",
    "HUGGING_FACE_HUB_TOKEN": "hf_planted0older0token",
    "OPENAI_API_KEY": "sk-planted0key0of0openai",
    "AWS_SECRET_ACCESS_KEY": "planted0key0of0a0cloud",
    "WANDB_API_KEY": "planted0key0of0wandb",
    "DATABASE_URL": "postgres://user:planted0password@host/db",
}


class Workspace:
    """A folder with the workflow's files and ``config/config.yaml``."""

    def __init__(self, folder):
        self.folder = Path(folder)

    @classmethod
    def create(cls, folder, config=TINY):
        listed = subprocess.run(
            ["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
        )
        for name in listed.stdout.splitlines():
            if (ROOT / name).is_file() and not name.startswith("tests/"):
                target = Path(folder) / name
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / name, target)
        workspace = cls(folder)
        workspace.write_config(config)
        return workspace

    def copy(self, folder):
        shutil.copytree(self.folder, folder, copy_function=shutil.copy2, symlinks=True)
        return Workspace(folder)

    def write_config(self, config, name="config/config.yaml"):
        (self.folder / name).write_text(yaml.safe_dump(config, allow_unicode=True), encoding="utf-8")

    def edit_config(self, change):
        path = self.folder / "config/config.yaml"
        config = yaml.safe_load(path.read_text(encoding="utf-8"))
        change(config)
        self.write_config(config)

    def edit(self, name, old, new):
        path = self.folder / name
        text = path.read_text(encoding="utf-8")
        assert old in text, (name, old)
        path.write_text(text.replace(old, new, 1), encoding="utf-8")

    def command(self, *arguments, env=None):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env=os.environ | {"HF_HUB_OFFLINE": "1"} | (env or {}),
        )

    def snakemake(self, *arguments):
        return self.command("-m", "snakemake", "--cores", "2", *arguments)

    def run(self, *arguments):
        done = self.snakemake(*arguments)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        return done

    def pending(self, *arguments, env=None) -> dict[str, int]:
        """Return the jobs that a run would start, by rule, from a dry run with the shipped profile."""
        done = self.command("-m", "snakemake", "--cores", "2", "-n", *arguments, env=env)
        assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
        text = done.stdout + done.stderr
        table = text.split("Job stats:")[1] if "Job stats:" in text else ""
        jobs = {}
        for line in table.splitlines()[3:]:
            match = re.fullmatch(r"(\w+)\s+(\d+)", line.strip())
            if not match:
                break
            jobs[match[1]] = int(match[2])
        jobs.pop("total", None)
        jobs.pop("all", None)
        return jobs
