"""Cut people out of photos past one machine: Apache Beam on this computer, Flink, Spark or Dataflow.

    python -m tfseg.batch --input 'photos/**.jpg' --output cutouts --effect cutout --workers 2
    python -m tfseg.batch --input 'photos/**.jpg' --output labels --effect pseudo-label --min-confidence 0.8
    python -m tfseg.batch --input 'gs://mine/*.jpg' --output gs://mine/blurred --effect blur --runner DataflowRunner ...

Photos are named by a pattern of Beam's: ** goes through folders, * does not. Further options go to Beam. Results that
are there already are kept, so that the same command goes on where it was stopped. Beside the results, --output gets
failed.jsonl (a line for each photo without a result: file, reason), metrics.json and batch.json (the settings); with
pseudo-label also labels.jsonl (file, confidence, kept), and images/ and masks/, which training.fit --data takes.
"""

import argparse
import contextlib
import importlib.util
import json
import logging
import os
import sys
import time

from tfseg.console import printable, terminable
from tfseg.image import ImageError
from tfseg.products import EFFECTS, PSEUDO_LABEL, BatchError, Job, fixed_part
from tfseg.segmenter import ModelError, Segmenter

RUNNERS = ("DirectRunner", "PrismRunner", "FlinkRunner", "SparkRunner", "DataflowRunner", "PortableRunner")


def main(arguments=None):
    options, further = parse(arguments)
    if importlib.util.find_spec("apache_beam") is None:
        print("tfseg.batch: needs Apache Beam; install it with: pip install 'tfseg[beam]'", file=sys.stderr)
        return 2
    logging.getLogger().setLevel(logging.ERROR)  # Beam warns of much that is none of the user's business
    try:
        with terminable():
            return run(options, further)
    except KeyboardInterrupt:
        print("tfseg.batch: stopped; the same command goes on from there.", file=sys.stderr)
        return 130
    except (BatchError, ImageError, ModelError, ImportError) as error:
        print(f"tfseg.batch: {printable(error)}", file=sys.stderr)
        return 2


def parse(arguments):
    """`(options, further)`: ours, and the list of what is left for Beam."""
    parser = argparse.ArgumentParser(
        prog="python -m tfseg.batch",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--input", required=True, metavar="PATTERN", help="of the photos; local, gs:// or s3://")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder of the results; local, gs:// or s3://")
    parser.add_argument("--effect", required=True, choices=EFFECTS, help="what to make of a photo")
    parser.add_argument("--runner", default=RUNNERS[0], choices=RUNNERS, help="Beam's engine (default %(default)s)")
    parser.add_argument("--workers", type=int, default=1, help="processes of the DirectRunner (default %(default)s)")
    parser.add_argument("--model", help="bundle folder, .tflite or .keras on every worker (default: the shipped model)")
    parser.add_argument(
        "--min-confidence", type=float, default=0, help="0..1, of pseudo-labels to keep (default %(default)s, all)"
    )
    return parser.parse_known_args(arguments)


def run(options, further):
    """Runs a batch, prints what came of it and gives the exit status. Raises BatchError, ModelError, ImportError."""
    from tfseg.engine import choose, start

    job = read_job(options)
    choose(options.runner, options.workers, further)  # tells what is wrong with them
    Segmenter.load(job.model, threads=1)  # what is wrong with it is told before the engine starts
    check_places(job)
    begun = time.monotonic()
    metrics = start(job, options.runner, options.workers, further)
    return report(job, metrics | {"seconds": round(time.monotonic() - begun, 1)})


def read_job(options):
    """What the command line asks for, as a `Job`. Raises BatchError."""
    if not 0 <= options.min_confidence <= 1:
        raise BatchError(f"--min-confidence: {options.min_confidence} is out of range; it lies in 0..1.")
    if options.min_confidence and options.effect != PSEUDO_LABEL:
        raise BatchError(f"--min-confidence: is for --effect {PSEUDO_LABEL}; received {options.effect}.")
    pattern, output = (path if "://" in path else os.path.abspath(path) for path in (options.input, options.output))
    output, top = output.rstrip("/"), fixed_part(pattern)
    if f"{output}/".startswith(top) and ("/" in pattern[len(top) :] or "**" in pattern):
        raise BatchError(f"--output: {options.output} lies where --input looks for photos; name another folder.")
    return Job(pattern, output, options.effect, options.model, options.min_confidence)


def check_places(job):
    """Raises BatchError where nothing is to be read, nothing can be written, or other results are there already."""
    from apache_beam.io.filesystems import FileSystems

    from tfseg.pipeline import read, write

    asked = {"below": fixed_part(job.pattern), **job._asdict()}
    place, _, _ = f"{job.output}/batch.json", asked.pop("pattern"), asked.pop("output")
    with named("--input", job.pattern):
        found = FileSystems.match([job.pattern], [1])[0].metadata_list
    if not found:
        raise BatchError(f"--input: {job.pattern} matches nothing; ** goes through folders, * does not.")
    with named("--output", job.output):
        there = json.loads(read(place)) if FileSystems.exists(place) else asked
    if there != asked:
        different = ", ".join(f"{name} {value}" for name, value in there.items() if value != asked.get(name))
        raise BatchError(f"--output: {job.output} holds results of another batch ({different}); name another folder.")
    with named("--output", job.output):
        write(place, json.dumps(asked, indent=1).encode())


@contextlib.contextmanager
def named(option, place):
    """Whatever a file system raises becomes a BatchError that names the option and the place."""
    try:
        yield
    except Exception as error:
        reason = getattr(error, "strerror", None) or " ".join(str(error).split())
        raise BatchError(f"{option}: {place}: {reason}") from error


def report(job, metrics):
    """Writes metrics.json, prints a line and gives the exit status."""
    from tfseg.pipeline import write

    with named("--output", job.output):
        write(f"{job.output}/metrics.json", json.dumps(metrics, indent=1).encode())
    latency = metrics["milliseconds"]
    print(
        f"tfseg.batch: {metrics['photos']} made, {metrics['kept']} there already, {metrics['failures']} failed in "
        f"{metrics['seconds']} s; {metrics['bytes_read']:,} bytes read, {metrics['bytes_written']:,} written; "
        f"{latency['mean']} ms a photo, {latency['min']} to {latency['max']}."
    )
    if metrics["failures"]:
        print(f"tfseg.batch: {job.output}/failed.jsonl names what failed.", file=sys.stderr)
    return 1 if metrics["failures"] else 0


if __name__ == "__main__":
    sys.exit(main())
