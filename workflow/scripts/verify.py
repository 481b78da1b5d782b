"""Compare every file in results with what the present config and code would make, without trusting time stamps."""

import argparse
import os
from pathlib import Path
from types import SimpleNamespace

from maple.errors import UserError
from maple.logs import run, setup_logging

ROOT = Path(__file__).resolve().parents[2]


def makers(configfile: str):
    """Return a function from a file to the rule that makes it, as Snakemake reads the rules.

    Asked of Snakemake itself, so that a rule needs no second entry anywhere.
    """
    from snakemake.api import SnakemakeApi
    from snakemake.exceptions import WorkflowError
    from snakemake.settings.types import ConfigSettings, OutputSettings, Quietness, ResourceSettings

    from maple.audit import Maker

    # Rules are only read: whether Snakemake has records of the results does not matter here.
    os.environ["MAPLE_ADOPTING"] = "1"
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL})) as api:
        found = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[Path(configfile)]),
            snakefile=ROOT / "Snakefile",
        )
        rules = list(found.dag().workflow_api._workflow.rules)

    def maker(path: str) -> Maker | None:
        for rule in rules:
            if rule.output and rule.is_producer(path):
                spec, code = rule.params.spec, rule.params.code
                try:
                    spec = spec(SimpleNamespace(**rule.get_wildcards(path))) if callable(spec) else spec
                except WorkflowError as error:
                    raise UserError(str(error)) from None
                return Maker(rule.name, spec, code)
        return None

    return maker


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--remove-bad", action="store_true", help="delete wrong results and what came from them")
    args = parser.parse_args(argv)
    setup_logging()
    from maple import audit, config
    from maple.study import Study

    study = Study(config.load(args.configfile))
    done = audit.Audit(study, makers(args.configfile)).run()
    for finding in done.findings:
        print(f"{finding.path}: {finding.reason}" + (f" (rule {finding.rule} makes it)" if finding.rule else ""))
    if args.remove_bad:
        for file in audit.remove(done):
            print(f"removed {file}")
    print(f"{done.right} right, {len(done.findings)} wrong")
    if done.kept:
        print(f"{len(done.kept)} sound but not of this config (first: {done.kept[0]})")
    left = [finding for finding in done.findings if not args.remove_bad or not finding.files]
    return 1 if left else 0


if __name__ == "__main__":
    run(main)
