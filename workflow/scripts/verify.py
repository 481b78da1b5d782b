"""Compare all results with what the present config and code would make, without trusting time stamps."""

import argparse

from maple.logs import run, setup_logging


def main(argv=None) -> int:
    """Run the command."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--configfile", default="config/config.yaml", help="the study")
    parser.add_argument("--remove-bad", action="store_true", help="delete wrong results and what came from them")
    args = parser.parse_args(argv)
    setup_logging()
    from maple import config, integrity
    from maple.study import Study

    study = Study(config.load(args.configfile))
    good, bad = integrity.check(study)
    for node, reason in bad:
        print(f"{node.path}: {reason} (rule {node.rule} makes it)")
    if args.remove_bad:
        for file in integrity.remove(study, bad):
            print(f"removed {file}")
    print(f"{len(good)} right, {len(bad)} wrong")
    return 1 if bad and not args.remove_bad else 0


if __name__ == "__main__":
    run(main)
