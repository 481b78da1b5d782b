"""Results without Snakemake's records: copied in, or ``.snakemake/`` was lost."""

import os

from maple.alpaca_eval_study import AlpacaEval


def manifests_of(study) -> list[str]:
    """Return the paths of the manifests that GPU work or a judge's work went into."""
    paths = [study.adapter(system.path) for system in study.adapters]
    alpaca = AlpacaEval(study)
    if alpaca.configured:
        paths += [alpaca.outputs_index(system.path) for system in study.systems]
        paths += [alpaca.annotations_index(system.path) for system in study.systems]
    return paths + [study.predictions_index(system.path, name) for system in study.systems for name in study.benchmarks]


def without_records(study, records) -> list[str]:
    """Return existing manifests that Snakemake knows nothing about, neither finished nor begun.

    Args:
        study: The study.
        records: Snakemake's persistence.
    """
    existing = [path for path in manifests_of(study) if os.path.exists(path)]
    begun = set(records._filter_incomplete_keys(existing))
    return [path for path in existing if path not in begun and records._read_record(path) is None]


def refusal(paths: list[str]) -> str:
    """Return the one line that says why the run stops and what to do."""
    return (
        f"{len(paths)} results (first: {paths[0]}) have no records in .snakemake/, so changes to them would go "
        "unseen: run `python workflow/scripts/adopt.py` to check their digests and take them over"
    )
