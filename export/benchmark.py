"""How fast is a model, stage by stage, beside others and on every delegate that there is?

    python -m export.benchmark                                                 # the shipped models, CPU and GPU
    python -m export.benchmark --model new.tflite old.tflite --threads 1,2 --runs 50 --peer mediapipe --out runs/speed
    python -m export.benchmark --delegate gpu --require-gpu --model person.tflite    # fails unless the GPU takes it all
    python -m export.benchmark --compare runs/speed/benchmark.json             # measure again: what got slower?
    python -m export.benchmark --compare old.json new.json                     # the same of two files; measures nothing
    python -m export.benchmark --adb --benchmark-binary benchmark_model --model person.tflite    # on a phone

All models answer the same photos in turns. Writes benchmark.json (every run), benchmark.csv, benchmark.md and
benchmark.png. What is timed and what is not: docs/benchmarks.md.
"""

import argparse
import json
import shlex
import sys
from pathlib import Path

import cv2

from export import adb
from export.calibration import spread
from export.chart import plot_times
from export.comparison import compare, comparison_table, read_benchmark
from export.contenders import PEER_NAMES, find_models
from export.entries import enter_all, finish_row
from export.jobs import time_jobs, upright
from export.machine import describe_machine
from export.publication import publish
from export.rounds import time_rounds
from export.timings import as_csv, as_markdown, found_table, jobs_table, times_table
from tfseg.console import OneLineParser
from tfseg.image import read_mask
from tfseg.pairs import find_pairs
from tfseg.replacing import replacing
from tfseg.sample import portraits
from tfseg.segmenter import BUNDLED

DELEGATES = ("cpu", "gpu", "keras-gpu")
PHOTO = (640, 480)  # height and width of the photos that are timed if none are named


def main(arguments=None):
    arguments = sys.argv[1:] if arguments is None else arguments
    options = parse(arguments)
    try:
        if options.publish:
            publish(read_benchmark(Path(options.publish) / "benchmark.json"), Path(options.publish))
            return 0
        old = read_benchmark(options.compare[0]) if options.compare else None
        if options.compare and len(options.compare) == 2:
            return compared(old, read_benchmark(options.compare[1]))
        content = {"command": shlex.join(["python", "-m", "export.benchmark", *arguments]), "jobs": []}
        models = find_models(options.model)
        if options.adb:
            content |= adb.benchmark(models, options.benchmark_binary, options.serial, options.runs)
        else:
            content |= {"machine": describe_machine(), "rows": measure(models, options)}
            content["jobs"] = time_jobs() if options.jobs else []
        report(content, Path(options.out))
        status = compared(old, content) if old else 0
        return 1 if complain(content, options.require_gpu) else status
    except (ValueError, ImportError, OSError) as error:
        print(f"export.benchmark: {error}", file=sys.stderr)
        return 2


def parse(arguments):
    parser = OneLineParser(
        prog="export.benchmark", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--model", nargs="+", default=[BUNDLED], metavar="PATH", help="bundles, .tflite, .keras (default: the shipped)"
    )
    parser.add_argument(
        "--delegate", action="append", choices=DELEGATES, help="may be named again (default: cpu and gpu)"
    )
    parser.add_argument("--threads", type=numbers, default=[1, 2], help="of the CPU, such as 1,2 (default 1,2)")
    parser.add_argument("--runs", type=int, default=50, help="timed answers of each model, from 1 (default 50)")
    parser.add_argument("--peer", nargs="+", default=[], choices=PEER_NAMES, help="other networks to put beside")
    parser.add_argument(
        "--data", nargs="+", metavar="DIR", help="labelled photos (default: the two embedded portraits)"
    )
    parser.add_argument("--jobs", action="store_true", help="also time whole commands on a large photo and on videos")
    parser.add_argument("--require-gpu", action="store_true", help="status 1 unless the GPU takes and agrees on all")
    parser.add_argument("--compare", nargs="+", metavar="JSON", help="with an older benchmark.json; status 1 if slower")
    parser.add_argument("--publish", metavar="DIR", help="put the benchmark in this folder into README and docs")
    parser.add_argument("--adb", action="store_true", help="on the phone at this computer instead")
    parser.add_argument("--serial", help="of the phone, where there are several")
    parser.add_argument("--benchmark-binary", metavar="PATH", help="TensorFlow's benchmark_model for the phone")
    parser.add_argument("--out", default="runs/benchmark", metavar="DIR", help="default %(default)s")
    options = parser.parse_args(arguments)
    if options.runs < 1:
        parser.error(f"--runs: {options.runs} is out of range; it starts at 1")
    if options.compare and len(options.compare) > 2:
        parser.error("--compare: takes one benchmark.json to measure against, or two to compare")
    if options.adb and not options.benchmark_binary:
        parser.error("--adb: name your copy of TensorFlow's benchmark_model for Android with --benchmark-binary")
    options.delegate = options.delegate or ["cpu", "gpu"]
    return options


def complain(content, require_gpu):
    """Says what makes a benchmark that was written a failure all the same; whether there was anything."""
    faults = [
        f"--require-gpu: {row['name']}: {row['status']}" for row in content["rows"] if require_gpu and row["fault"]
    ]
    faults += [content["lost"]] if content.get("lost") else []
    for fault in faults:
        print(f"export.benchmark: {fault}", file=sys.stderr)
    return bool(faults)


def numbers(text):
    if not all(part.isdecimal() and int(part) for part in text.split(",")):
        raise argparse.ArgumentTypeError(f"{text!r} is no list of whole numbers from 1 on, such as 1,2")
    return [int(part) for part in text.split(",")]


def measure(models, options):
    """The rows of every model on every delegate, and of the peers, timed in turns."""
    photos = read_photos(options.data, options.runs)
    entries = enter_all(models, options.delegate, options.threads, options.peer, [content for content, _ in photos])
    timed = [entry for entry in entries if entry.contender]
    try:
        results = time_rounds([entry.contender for entry in timed], photos, options.runs)
    finally:
        for entry in timed:
            entry.contender.close()
    for entry, (samples, dice) in zip(timed, results, strict=True):
        finish_row(entry.row, samples, dice)
    return [entry.row for entry in entries]


def read_photos(folders, count):
    """`(bytes of a file, mask or None)` of at most `count` labelled photos, evenly spread; by default two portraits."""
    if not folders:
        pictures = [[cv2.resize(upright(each), PHOTO[::-1], interpolation=cv2.INTER_LINEAR_EXACT) for each in pair]
                    for pair in portraits().values()]  # fmt: skip
        return [(cv2.imencode(".jpg", image[..., ::-1])[1].tobytes(), mask) for image, mask in pictures]
    pairs = spread([pair for folder in folders for pair in find_pairs(folder)], count)
    return [(Path(pair.image).read_bytes(), read_mask(pair.mask) if pair.mask else None) for pair in pairs]


def report(content, out):
    """Prints the tables; writes benchmark.json, benchmark.csv, benchmark.md and benchmark.png into the folder `out`."""
    print(times_table(content["rows"]), found_table(content["rows"]), jobs_table(content["jobs"]), sep="\n\n")
    for name, text in (
        ("benchmark.json", json.dumps(content, indent=1) + "\n"),
        ("benchmark.csv", as_csv(content["rows"])),
        ("benchmark.md", as_markdown(content)),
    ):
        with replacing(out / name) as temporary:
            temporary.write_text(text)
    machine = content["machine"]
    plot_times(content["rows"], f"{machine.get('cpu') or machine['phone']}, {machine['date']}", out / "benchmark.png")
    print(f"\nevery run: {out / 'benchmark.json'}; as a picture: {out / 'benchmark.png'}")


def compared(old, new):
    """Prints what changed; status 1 where something got slower than noise."""
    rows = compare(old, new)
    if not rows:
        raise ValueError("--compare: the two benchmarks have no model, delegate and number of threads in common.")
    print(comparison_table(rows))
    return 1 if any(row["slower"] for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
