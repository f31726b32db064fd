"""Much work in one process: does memory grow, is a mask wrong, is a file left open? By hand: `make load`.

2,000 calls of one `Segmenter` from 4 threads are compared with the answers of one, and 2,000 photos are cut out by
`tfseg cutout`.
"""

import os
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np

from tfseg import cli
from tfseg.image import write_image
from tfseg.sample import portraits
from tfseg.segmenter import Segmenter

CALLS, THREADS, WARM_UP, GROWTH = 2_000, 4, 200, 50  # the last in MB


def main():
    photo = portraits()["grace_hopper"][0]
    photos = [
        np.ascontiguousarray(np.roll(photo[:, ::side], shift, 1)) for side in (1, -1) for shift in range(0, 80, 10)
    ]
    faults = call_from_threads(photos) + cut_out_many(photos)
    print(*faults or ["no fault"], sep="\n")
    return len(faults)


def call_from_threads(photos):
    segmenter = Segmenter.load()
    expected = [segmenter.mask(photo) for photo in photos]

    def wrong(index):
        return not np.array_equal(segmenter.mask(photos[index % len(photos)]), expected[index % len(photos)])

    with ThreadPoolExecutor(THREADS) as pool:
        errors = sum(pool.map(wrong, range(WARM_UP)))
        before = resident()
        errors += sum(pool.map(wrong, range(CALLS)))
    grown = resident() - before
    print(f"{CALLS} calls from {THREADS} threads: {errors} wrong masks, {grown:+.0f} MB")
    return [f"{errors} wrong masks"] * bool(errors) + [f"memory grew by {grown:.0f} MB"] * (grown > GROWTH)


def cut_out_many(photos):
    with tempfile.TemporaryDirectory() as folder:
        folder = Path(folder)
        for index, photo in enumerate(photos):
            write_image(folder / "few" / f"{index}.jpg", photo)
        for index in range(CALLS):
            os.makedirs(folder / "many", exist_ok=True)
            os.link(folder / "few" / f"{index % len(photos)}.jpg", folder / "many" / f"{index}.jpg")
        with open(os.devnull, "w") as silence:
            kept, sys.stdout = sys.stdout, silence
            cli.main(["cutout", str(folder / "few"), "-o", str(folder / "warm")])
            before, open_before = resident(), len(os.listdir("/proc/self/fd"))
            status = cli.main(["cutout", str(folder / "many"), "-o", str(folder / "cuts")])
            grown, left = resident() - before, len(os.listdir("/proc/self/fd")) - open_before
            sys.stdout = kept
        made = len(list((folder / "cuts").iterdir()))
    print(f"{made} photos cut out, exit status {status}: {grown:+.0f} MB, {left:+d} open files")
    faults = [f"{made} of {CALLS} made"] * (made != CALLS) + [f"{left} files left open"] * (left > 0)
    return faults + [f"memory grew by {grown:.0f} MB"] * (grown > GROWTH)


def resident():
    """Memory of this process, MB."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") / 1e6


if __name__ == "__main__":
    sys.exit(main())
