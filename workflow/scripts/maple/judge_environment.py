"""The judge's own environment: `alpaca_eval` and what it needs are not part of the main one."""

import importlib.util
import os
import sys
from pathlib import Path

from maple.errors import UserError

ENVIRONMENT = Path(__file__).resolve().parents[3] / ".venv-judge"


def enter() -> None:
    """Go on as the same command in the judge's environment, unless this interpreter has the package.

    Raises:
        UserError: There is no such environment.
    """
    if importlib.util.find_spec("alpaca_eval"):
        return
    python = ENVIRONMENT / "bin/python"
    if not python.is_file() or Path(sys.prefix).resolve() == ENVIRONMENT.resolve():
        raise UserError("the judge's environment is missing: run `make judge`, or use --sdm conda")
    os.execv(python, [str(python), *sys.argv])


def quiet() -> None:
    """Keep the package from the hub, from files with keys in them, and from logging what models wrote.

    To be called before it is imported.
    """
    import logging
    import warnings

    os.environ.update(PYTHON_DOTENV_DISABLED="1", HF_HUB_OFFLINE="1", HF_DATASETS_OFFLINE="1", TQDM_DISABLE="1")
    logging.getLogger().addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", message="pkg_resources is deprecated")
