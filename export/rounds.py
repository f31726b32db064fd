"""Models timed in turns, so that whatever else the machine does falls on all of them alike."""

import random
import sys
import time

from tfseg.image import read_image
from tfseg.metrics import dice

BURST = 5  # photos in a row, as a camera gives them, after one that is not counted
SETTLE = 0.02  # seconds for the threads of the model before to come to rest


def time_rounds(contenders, photos, runs, seed=0):
    """Times every contender on the same photos, in rounds of bursts and in another order each round.

    Args:
        contenders: list of what has `answer` and `name`, as in `export.contenders`.
        photos: list of `(bytes of the file, mask uint8 [H, W] in {0, 1} or None)`.
        runs: timed answers of each, at least 1.
        seed: of the order.

    Returns:
        a list of `(samples, dice)`, one for each contender: by time (`export.timings.TIMES`) the milliseconds of each
        run, empty where they cannot be told; and mean Dice over the photos it was asked about, None without masks.
    """
    orders, count = random.Random(seed), len(contenders)
    samples = [{} for _ in contenders]
    scores = [{} for _ in contenders]
    bursts = [min(BURST, runs - start) for start in range(0, runs, BURST)]
    for number, burst in enumerate(bursts):
        for index in orders.sample(range(count), count):
            time.sleep(SETTLE)
            for turn in range(-1, burst):
                which = (number * BURST + max(0, turn)) % len(photos)
                times, alpha = _timed(contenders[index], photos[which][0])
                if turn < 0:
                    continue
                for name, seconds in times.items():
                    samples[index].setdefault(name, []).extend([] if seconds is None else [1000 * seconds])
                mask = photos[which][1]
                if mask is not None and which not in scores[index]:
                    scores[index][which] = dice(mask, alpha >= 0.5)
        if sys.stderr.isatty():
            print(f"\rround {number + 1}/{len(bursts)}", end="\n" if number + 1 == len(bursts) else "", file=sys.stderr)
    means = [sum(found.values()) / len(found) if found else None for found in scores]
    return list(zip(samples, means, strict=True))


def _timed(contender, content):
    start = time.perf_counter()
    image = read_image(content)
    decode = time.perf_counter() - start
    answer = contender.answer(image)
    stages = {"preprocess": answer.preprocess, "infer": answer.infer, "postprocess": answer.postprocess}
    times = {"decode": decode} | stages | {"whole": answer.whole, "total": decode + answer.whole}
    return times, answer.alpha
