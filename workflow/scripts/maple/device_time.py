"""How long a job held a device, where several devices serve one job or several jobs share one."""


def device_seconds(made: dict) -> float:
    """Return the seconds that a finished job held one device, by its provenance: of a shared GPU, its share of it."""
    share = 1.0 if made["device"] == "cpu" else made.get("gpu_percent", 100) / 100
    return made["seconds"] * made.get("processes", 1) * share
