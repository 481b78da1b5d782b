"""What all rules share: the study, wildcard constraints, threads and memory, input functions."""

import os
import sys

# The interpreter that runs Snakemake also runs the commands, unless a conda environment goes before it.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
sys.path.insert(0, os.path.join(workflow.basedir, "workflow/scripts"))

from snakemake.exceptions import WorkflowError
from snakemake.persistence.file import FilePersistence

from maple import adoption, devices
from maple.alpaca_eval_study import AlpacaEval
from maple.config import resolve
from maple.errors import UserError
from maple.existing import Existing
from maple.study import Study
from maple.systems import SLUG, System

try:
    config_name = ", ".join(map(str, workflow.overwrite_configfiles)) or "config/config.yaml"
    STUDY = Study(resolve(dict(config), config_name))
    config.clear()
    config.update(STUDY.config)
except UserError as error:
    raise WorkflowError(str(error))

# Without records Snakemake would call any result current. An error in an input function would not stop it
# where the output exists, so this is asked before the graph is built.
if workflow.is_main_process and not os.environ.get("MAPLE_ADOPTING"):
    unknown = adoption.without_records(STUDY, FilePersistence(nolock=True))
    if unknown:
        raise WorkflowError(adoption.refusal(unknown))

ALPACA = AlpacaEval(STUDY)
RESULTS = STUDY.results
LOGS = f"{RESULTS}/logs"
SCRATCH = f"{RESULTS}/.scratch"
RUN = f"python {workflow.basedir}/workflow/scripts"


wildcard_constraints:
    model="|".join(STUDY.config["models"]),
    data="|".join(STUDY.config["instructions"]) or "-",
    system=rf"{SLUG}/(4|8|16)bit/(base|{SLUG}/{SLUG}-r\d+/seed\d+)",
    benchmark="|".join(STUDY.benchmarks),


def missing(paths):
    """Payload files that do not exist yet.

    Only manifests are edges. A payload file is asked for by name while it is missing, so that a new
    language or a deleted file is made; once there, it is not an edge any more.
    """
    return [path for path in paths if not os.path.exists(path)]


def report_inputs(wildcards):
    """What the report is made from: tables, figures, items, manifests."""
    found = {name: f"{RESULTS}/tables/{name}.csv" for name in ("scores", "comparisons", "gaps", "effects")}
    found |= {"figures": [f"{RESULTS}/figures/{name}.png" for name in STUDY.figures()]}
    found |= {"shown": [STUDY.shown_items_index(name) for name in STUDY.benchmarks], "manifests": STUDY.sources()}
    return found | ({"alpaca": ALPACA.table} if ALPACA.configured else {})


def partial_spec(wildcards):
    """What exists by now; nothing of it is an input, or Snakemake would first bring it up to date."""
    return Existing(STUDY).spec()


def needs_system(wildcards):
    """Manifests of the system that a prediction runs."""
    coordinates = System.parse(wildcards.system)
    found = {"model": STUDY.model_manifest(coordinates.model)}
    if not coordinates.is_base:
        found["adapter"] = STUDY.adapter(wildcards.system)
    return found


def adapter_argument(wildcards):
    """The option that names the adapter, for a tuned system."""
    adapter = needs_system(wildcards).get("adapter")
    return f"--adapter {adapter}" if adapter else ""


def finetune_inputs(wildcards):
    """Manifests that an adapter is trained from."""
    system = System.parse(wildcards.system)
    return {"model": STUDY.model_manifest(system.model), "data": STUDY.instructions_index(system.data)}


def items_inputs(name):
    """The index of a benchmark's items, and items that are not there yet."""
    return {"benchmark_index": STUDY.items_index(name), "new": missing(STUDY.items(name))}


def tokenizer_input(wildcards):
    """The model whose tokenizer a random model borrows, if any."""
    other = STUDY.config["models"][wildcards.model].get("tokenizer", "bytes")
    return [] if other == "bytes" else [STUDY.model_manifest(other)]


def checked(function, *arguments):
    """Return a params function whose errors are one line."""

    def params(wildcards):
        try:
            return function(*(getattr(wildcards, name[1:]) if name[:1] == "@" else name for name in arguments))
        except UserError as error:
            raise WorkflowError(str(error))

    return params


def job_mb(model):
    """Host memory of a job that holds a model, in MB: libraries, bf16 weights, and room to work."""
    return int(2000 + 2.0 * STUDY.config["models"][model]["parameters"] * 1.6 / 2**20)


def heavy_mb(wildcards):
    """Memory of a finetune or predict job."""
    return job_mb(wildcards.system.split("/")[0])


def heavy_threads(wildcards):
    """Snakemake threads of a finetune or predict job.

    `--cores 8` on a machine with 2 processors must not start 8 of them. So a job takes the share of the
    asked-for cores that corresponds to its share of the real machine, by processors and memory.
    """
    return max(1, -(-(workflow.cores or 1) // devices.cpu_slots(heavy_mb(wildcards))))


def real_threads(wildcards):
    """Processors that such a job really uses."""
    return max(1, devices.real_cores() // devices.cpu_slots(heavy_mb(wildcards)))
