"""Results without Snakemake's records: copied in, or ``.snakemake/`` was lost."""


def manifests_of(study) -> list[str]:
    """Return the paths of the manifests that GPU work went into."""
    paths = [study.adapter(system.path) for system in study.adapters]
    return paths + [study.predictions_index(system.path, name) for system in study.systems for name in study.benchmarks]


def refusal(paths: list[str]) -> str:
    """Return the one line that says why the run stops and what to do."""
    return (
        f"{len(paths)} results (first: {paths[0]}) have no records in .snakemake/, so changes to them would go "
        "unseen: run `python workflow/scripts/adopt.py` to check their digests and take them over"
    )
