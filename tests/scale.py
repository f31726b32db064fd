"""What a batch costs on 1 and 2 worker processes, and what follows for more: `make scale`, on a machine at rest.

    python tests/scale.py --photos FOLDER              # prints; 5,000 photos are made from those of the folder
    python tests/scale.py --photos FOLDER --publish    # docs/scaling.md anew, too

Each photo is a crop of one of the folder, perhaps mirrored, lighter or darker, and every thousandth one is damaged.
They are cut out with 1 and with 2 workers, with 2 of which one is killed half-way, and once more when all is there; one
photo is alone. A lost photo, or memory that grows, makes the exit status 1.
"""

import argparse
import json
import math
import os
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import cv2
import numpy as np
from processes import descendants, usage, workers

from tfseg.image import EXTENSIONS, read_image, write_image
from training.section import rewrite

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "scaling.md"
GROWTH = 100  # MB for each process, between the first quarter of a run and its last
MANY = (10, 100, 1_000)
DAY, MILLION = 86_400, 1_000_000


class Run(NamedTuple):
    """A batch as it went: seconds; processor seconds of all its processes; MB of the largest one in the first quarter
    and in the last; what it told; inputs without result and without reason."""

    seconds: float
    processor: float
    early: float
    late: float
    metrics: dict
    lost: int


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--photos", type=Path, required=True, help="folder of photos to make more from")
    parser.add_argument("--count", type=int, default=5_000, help="photos to make (default %(default)s)")
    parser.add_argument("--publish", action="store_true", help=f"write the tables into {PAGE.relative_to(ROOT)}")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        pixels = make_photos(options.photos, folder / "in", options.count)
        one, two = (cut_out(folder, f"out{number}", options.count, number) for number in (1, 2))
        killed = cut_out(folder, "killed", options.count, 2, kill=True)
        again = cut_out(folder, "out2", options.count, 2)
        single = cut_out(folder, "single", 1, 2, pattern="in/0/0.jpg")
    report = tables(options.count, pixels, one, two, killed, again, single)
    print(report)
    if options.publish:
        rewrite(PAGE, "scale", report)
    runs = {"1 worker": one, "2 workers": two, "one killed": killed, "again": again}
    faults = [f"{name}: {run.lost} photos lost" for name, run in runs.items() if run.lost]
    faults += [f"{name}: memory grew" for name, run in runs.items() if run.early and run.late > run.early + GROWTH]
    print(*faults or ["no fault"], sep="\n")
    return len(faults)


def make_photos(source, folder, count):
    """Writes that many photos as JPEG; gives their mean number of pixels."""
    known = [path for path in sorted(source.iterdir()) if path.suffix in EXTENSIONS and "_mask" not in path.name]
    rng, pixels = np.random.default_rng(0), 0
    for index in range(count):
        image = read_image(known[index % len(known)])
        height, width = (round(side * rng.uniform(0.8, 1)) for side in image.shape[:2])
        top, left = (rng.integers(0, side - kept + 1) for side, kept in zip(image.shape, (height, width), strict=False))
        image = image[top : top + height, left : left + width][:, :: rng.choice([1, -1])]
        image = cv2.convertScaleAbs(np.ascontiguousarray(image), alpha=rng.uniform(0.8, 1.2))
        path = folder / f"{index % 10}" / f"{index}.jpg"
        write_image(path, image)
        if index % 1_000 == 999:
            path.write_bytes(path.read_bytes()[:300])
        pixels += height * width
    return pixels / count


def cut_out(folder, out, count, number, kill=False, pattern="in/**"):
    """Runs a batch and watches it."""
    command = ["-m", "tfseg.batch", "--input", str(folder / pattern), "--output", str(folder / out)]
    command += ["--effect", "cutout", "--workers", str(number)]
    begun, seen = time.monotonic(), {}
    with open(folder / "said", "w") as said:
        batch = subprocess.Popen([sys.executable, *command], cwd=ROOT, stdout=said, stderr=said)
        memory = []
        while batch.poll() is None:
            made = sum(1 for _ in (folder / out).rglob("[!.]*.png"))
            now = {process: usage(process) for process in [batch.pid, *descendants(batch.pid)]}
            seen.update((process, seconds) for process, (seconds, _) in now.items() if seconds)
            memory.append((made, max(size for _, size in now.values()) / 1e6))
            if kill and made > count / 2 and (running := workers(batch.pid)):
                os.kill(running[0], signal.SIGKILL)
                kill = False
            time.sleep(1)
    seconds = time.monotonic() - begun
    early = [size for made, size in memory if 0 < made <= count / 4] or [0]
    late = [size for made, size in memory if made >= count * 3 / 4] or [0]
    metrics = json.loads((folder / out / "metrics.json").read_text())
    failed = (folder / out / "failed.jsonl").read_text().splitlines()
    results = {path.relative_to(folder / out) for path in (folder / out).rglob("[!.]*.png")}
    lost = count - len(results) - len({json.loads(line)["file"] for line in failed})
    return Run(seconds, sum(seen.values()), max(early), max(late), metrics, lost)


def tables(count, pixels, one, two, killed, again, single):
    """The measurements and what the model makes of them, in Markdown."""
    rate = [count / run.seconds for run in (one, two)]
    rows = [
        f"{count:,} photos of {pixels / 1e6:.2f} million pixels on average, `{os.cpu_count()}` processors:",
        "",
        "| run | s | photos/s | processor s per 1,000 photos | MB of a process, early / late | "
        "made / there already / failed / lost |",
        "|---|--:|--:|--:|--:|--:|",
    ]
    named = {"1 worker": one, "2 workers": two, "2 workers, one killed": killed, "2 workers, all there": again}
    for name, run in named.items():
        told = " / ".join(str(run.metrics[word]) for word in ("photos", "kept", "failures"))
        rows.append(
            f"| {name} | {run.seconds:.0f} | {count / run.seconds:.2f} "
            f"| {1000 * run.processor / count:.0f} | {run.early:.0f} / {run.late:.0f} | {told} / {run.lost} |"
        )
    work, start, alone = model(count, two, again, single)
    rows += [
        "",
        f"2 workers do {rate[1] / rate[0]:.2f} times what 1 does, an efficiency of {rate[1] / rate[0] / 2:.2f}.",
        "",
        f"Into the model: start {start:.1f} s, work {work:.3f} s a photo on one worker, alone {1000 * alone:.2f} ms.",
        "",
        "| workers | hours for a million photos | photos/s | efficiency | processor hours |",
        "|--:|--:|--:|--:|--:|",
    ]
    hours = MILLION * two.processor / count / 3600
    for number in (1, 2, *MANY):
        seconds = predict(number, MILLION, work, start, alone)
        share = predict(1, MILLION, work, start, alone) / seconds / number
        rows.append(f"| {number:,} | {seconds / 3600:.2f} | {MILLION / seconds:.1f} | {share:.2f} | {hours:.0f} |")
    left = DAY - start - MILLION * alone
    least = math.ceil(MILLION * work / left) if left > 0 else 0
    needed = f"takes {least:,} worker{'s' * (least > 1)}" if least else "is out of reach: names take longer"
    return "\n".join([*rows, "", f"A million photos in a day {needed}."])


def model(count, two, again, single):
    """`(work, start, alone)`: seconds of a worker for a photo, of a batch of one photo, and for each name."""
    start = single.seconds
    alone = max(0, again.seconds - start) / count
    return 2 * (two.seconds - start - count * alone) / count, start, alone


def predict(number, photos, work, start, alone):
    """Seconds of a batch on so many workers."""
    return start + photos * alone + math.ceil(photos / number) * work


if __name__ == "__main__":
    sys.exit(main())
