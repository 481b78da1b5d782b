"""What all rules share: the study, wildcard constraints, threads and memory, input functions."""

import gc
import os
import re
import sys

# A graph is hundreds of thousands of objects that stay. Looking through them for garbage again and again took a sixth
# of a dry run, and found none.
gc.set_threshold(200_000, 20, 100)

# The interpreter that runs Snakemake also runs the commands, unless a conda environment goes before it.
os.environ.update(PATH=os.pathsep.join([os.path.dirname(sys.executable), os.environ.get("PATH", "")]))
sys.path.insert(0, os.path.join(workflow.basedir, "workflow/scripts"))

# First: it says what is wrong with a Snakemake that lacks what the next lines import.
from maple import snakemake_patches

from snakemake.exceptions import WorkflowError
from snakemake.persistence.file import FilePersistence
from snakemake.settings.types import PersistenceBackend

from maple import adoption, budget, devices
from maple.alpaca_eval_study import AlpacaEval
from maple.config import check_keys, resolve
from maple.errors import UserError
from maple.existing import Existing
from maple.export_study import Export
from maple.figure_specs import Figures
from maple.study import Study
from maple.systems import SLUG

try:
    snakemake_patches.install()
    config_files = workflow.overwrite_configfiles or ["config/config.yaml"]
    config_name = ", ".join(map(str, config_files))
    for file in config_files:
        check_keys(file)
    STUDY = Study(resolve(dict(config), config_name))
    config.clear()
    config.update(STUDY.config)
except UserError as error:
    raise WorkflowError(str(error))

if workflow.workflow_settings.persistence_backend != PersistenceBackend.FILE:
    raise WorkflowError("this workflow reads Snakemake's records as files: leave --persistence-backend out")

# Without records Snakemake would call any result current. An error in an input function would not stop it
# where the output exists, so this is asked before the graph is built.
if workflow.is_main_process and not os.environ.get("MAPLE_ADOPTING"):
    unknown = adoption.without_records(STUDY, FilePersistence(nolock=True))
    if unknown:
        raise WorkflowError(adoption.refusal(unknown))

ALPACA = AlpacaEval(STUDY)
EXPORT = Export(STUDY)
FIGURES = Figures(STUDY)
RESULTS = STUDY.results
LOGS = f"{RESULTS}/logs"
SCRATCH = f"{RESULTS}/.scratch"
RUN = f"python {workflow.basedir}/workflow/scripts"


wildcard_constraints:
    model="|".join(map(re.escape, STUDY.config["models"])),
    data="|".join(map(re.escape, STUDY.config["instructions"])) or "-",
    system=rf"{SLUG}/(4|8|16)bit/(base|{SLUG}/{SLUG}-r\d+/seed\d+)",
    benchmark="|".join(STUDY.benchmarks),


def missing(paths):
    """What to ask for so that payload files which do not exist yet get made.

    Only manifests are edges. A payload file is asked for by name while it is missing, so that a new
    language or a deleted file is made; once there, it is not an edge any more. Where there is no manifest
    either, the manifest alone is asked for: the job that writes it writes all its payload, and a
    hundred languages do not become a hundred edges of every job that reads them.
    """
    wanted = {}
    for path in paths:
        wanted.setdefault(os.path.dirname(path), []).append(path)
    found = []
    for folder, files in wanted.items():
        index = f"{folder}/index.json"
        found += [file for file in files if not os.path.exists(file)] if os.path.exists(index) else [index]
    return found


def report_inputs(wildcards):
    """What the report is made from: tables, figures, items, manifests."""
    found = {name: f"{RESULTS}/tables/{name}.csv" for name in ("scores", "comparisons", "gaps", "effects")}
    found |= {"figures": [f"{RESULTS}/figures/{name}.png" for name in FIGURES.names()]}
    found |= {"shown": [STUDY.shown_items_index(name) for name in STUDY.benchmarks], "manifests": STUDY.sources()}
    return found | ({"alpaca": ALPACA.table} if ALPACA.configured else {})


def partial_spec(wildcards):
    """What exists by now; nothing of it is an input, or Snakemake would first bring it up to date."""
    return Existing(STUDY).spec()


def config_file(wildcards):
    """The file that a command reads the configuration from by itself."""
    if len(config_files) > 1 or workflow.config_settings.config:
        raise WorkflowError(
            f"the command reads the configuration from a file, here {config_name}: put all of it into one file"
        )
    return config_name


def system_of(wildcards, tuned=False):
    """The system that a path names."""
    try:
        return STUDY.system(wildcards.system, tuned)
    except UserError as error:
        raise WorkflowError(str(error))


def needs_system(wildcards):
    """Manifests of the system that a prediction runs."""
    system = system_of(wildcards)
    found = {"model": STUDY.model_manifest(system.model)}
    if not system.is_base:
        found["adapter"] = STUDY.adapter(wildcards.system)
    return found


def adapter_argument(wildcards):
    """The option that names the adapter, for a tuned system."""
    adapter = needs_system(wildcards).get("adapter")
    return f"--adapter {adapter}" if adapter else ""


def finetune_inputs(wildcards):
    """Manifests that an adapter is trained from."""
    system = system_of(wildcards, tuned=True)
    return {"model": STUDY.model_manifest(system.model), "data": STUDY.instructions_index(system.data)}


def export_inputs(wildcards):
    """Manifests of a finetuned system, and its scores beside those of its base."""
    base = system_of(wildcards, tuned=True).base.path
    return {
        **needs_system(wildcards),
        "scores": [STUDY.scores(wildcards.system, name) for name in STUDY.benchmarks],
        "base_scores": [STUDY.scores(base, name) for name in STUDY.benchmarks],
        "new": missing(
            p for s in (wildcards.system, base) for name in STUDY.benchmarks for p in STUDY.predictions(s, name)
        ),
    }


def items_inputs(name):
    """The index of a benchmark's items, and items that are not there yet."""
    return {"benchmark_index": STUDY.items_index(name), "new": missing(STUDY.items(name))}


def tokenizer_input(wildcards):
    """The model whose tokenizer a random model borrows, if any."""
    other = STUDY.config["models"][wildcards.model].get("tokenizer", "bytes")
    return [] if other == "bytes" else [STUDY.model_manifest(other)]


def checked(function, *arguments):
    """Return a params function whose errors are one line.

    A plain string would be searched for wildcards: a study called "{input}" would not start.
    """

    def params(wildcards):
        try:
            return function(*(getattr(wildcards, name[1:]) if name[:1] == "@" else name for name in arguments))
        except UserError as error:
            raise WorkflowError(str(error))

    return params


def scheduled():
    """Whether jobs run where a scheduler puts them, or this is one of them."""
    return workflow.remote_exec or not workflow.local_exec


def model_of(wildcards):
    """The model that a job holds."""
    return wildcards.model if hasattr(wildcards, "model") else wildcards.system.split("/")[0]


def model_mb(wildcards, attempt):
    """Memory of a job that holds a model."""
    return budget.scaled_mb(budget.model_mb(STUDY, model_of(wildcards)), attempt)


def gets_gpu(rule):
    """Whether a scheduler is asked for a GPU for a rule's jobs: `--set-resources <rule>:gpu=0` says no."""
    return workflow.resource_settings.overwrite_resources.get(rule, {}).get("gpu") != 0


def finetune_mb(wildcards, attempt):
    """Memory of a finetune job; on this machine as if it had no GPU, which only a job itself finds out."""
    gpu = scheduled() and gets_gpu("finetune")
    return budget.scaled_mb(budget.finetune_mb(STUDY, wildcards.system, gpu), attempt)


def finetune_minutes(wildcards, attempt):
    """Runtime of a finetune job."""
    return budget.finetune_minutes(STUDY, wildcards.system, attempt)


def predict_minutes(tokens, *arguments):
    """Return a resource function: the runtime of a job that runs so many tokens through a system."""
    return lambda wildcards, attempt: budget.predict_minutes(STUDY, wildcards.system, tokens(*arguments), attempt)


def heavy_slots(wildcards, trains):
    """How many finetune or predict jobs this machine runs at once."""
    if trains:
        return devices.cpu_slots(budget.finetune_mb(STUDY, wildcards.system, gpu=False))
    return devices.cpu_slots(budget.model_mb(STUDY, model_of(wildcards)))


def heavy_threads(wildcards, trains=False):
    """Snakemake threads of a finetune or predict job.

    `--cores 8` on a machine with 2 processors must not start 8 of them. So a job takes the share of the
    asked-for cores that corresponds to its share of the real machine, by processors and memory. A scheduler keeps
    count by itself, and the machine that asks is not the one that computes.
    """
    return 8 if scheduled() else max(1, -(-(workflow.cores or 1) // heavy_slots(wildcards, trains)))


def real_threads(wildcards, threads, trains=False):
    """Processors that such a job really uses."""
    return threads if scheduled() else max(1, devices.real_cores() // heavy_slots(wildcards, trains))


def finetune_threads(wildcards):
    """Snakemake threads of a finetune job."""
    return heavy_threads(wildcards, trains=True)


def finetune_real_threads(wildcards, threads):
    """Processors that such a job really uses."""
    return real_threads(wildcards, threads, trains=True)
