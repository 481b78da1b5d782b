"""How long a job held a device, where several devices serve one job or several jobs share one."""

from maple import leases


def device_seconds(made: dict) -> float:
    """Return the seconds that a finished job held one device, by its provenance: of a shared GPU, its sixteenths."""
    share = 1.0 if made["device"] == "cpu" else leases.units(made.get("gpu_percent", 100)) / leases.UNITS
    return made["seconds"] * made.get("processes", 1) * share


def evaluation_seconds(made: dict | None, languages: set[str]) -> float | None:
    """Return the device seconds behind predictions, whose languages several runs may have made.

    Of a run some of whose languages do not count, or were made anew later, the share of those that do is taken.

    Args:
        made: The provenance of the predictions: the latest run's, with what it kept of earlier ones; ``None`` if the
            file is gone.
        languages: Those that count.

    Returns:
        Seconds; ``None`` if nothing is known of some languages' runs.
    """
    total, left = 0.0, set(languages)
    for run in [made, *made.get("earlier", [])] if made else []:
        keys = run["languages"]
        # Records of earlier versions list them.
        own = left & (set(keys) if isinstance(keys, list) else {language for language, key in keys.items() if key})
        total += device_seconds(run) * len(own) / len(keys)
        left -= own
    return None if left else total
