"""Check results that Snakemake has no records of and, if their digests are right, take them over."""

import argparse
import os
import subprocess
import sys

from maple.errors import UserError
from maple.logs import run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    args = parser.parse_args(argv)
    setup_logging()
    from maple import config, integrity
    from maple.study import Study

    study = Study(config.load(args.configfile))
    good, bad = integrity.check(study)
    if bad:
        for node, reason in bad:
            print(f"{node.path}: {reason}")
        raise UserError(
            f"{len(bad)} results do not match this config and code: restore them, or delete them with "
            f"`python workflow/scripts/verify.py --configfile {args.configfile} --remove-bad`"
        )
    if not good:
        print("nothing to adopt")
        return 0
    command = [sys.executable, "-m", "snakemake", "--cores", "1", "--quiet", "all", "--configfile", args.configfile]
    command += ["--touch", "--forceall", "--rerun-triggers", "mtime", "--", *(node.path for node in good)]
    done = subprocess.run(command, env=os.environ | {"MAPLE_ADOPTING": "1"}, capture_output=True, text=True)
    if done.returncode:
        raise UserError(f"snakemake could not record the results: {done.stdout[-300:]}{done.stderr[-600:]}")
    print(f"{len(good)} results checked and adopted")
    return 0


if __name__ == "__main__":
    run(main)
