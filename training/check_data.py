"""Look through folders of labelled photos before training on them.

    python -m training.check_data photos                # what is in it, what is wrong, what looks wrong
    python -m training.check_data photos photos_val     # and which photos of one are in the other as well

Prints a report and writes into --out: report.json, with every file that has a fault, and suspicious.png, the pairs on
which the shipped model and the mask agree least, with the mask's outline: the eye tells which of the two is wrong.
"""

import argparse
import json
import sys
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from tfseg.console import OneLineParser
from tfseg.duplicates import duplicate_groups
from tfseg.image import read_image
from tfseg.letterbox import within
from tfseg.metrics import dice
from tfseg.pairs import MAX_PIXELS, read_pair
from tfseg.replacing import replacing
from tfseg.segmenter import Segmenter
from training.figures import draw_gallery, outline
from training.survey import fault_table, survey

SHOWN = 12  # pairs in suspicious.png
WORKING_SIDE = 512  # pixels, in which model and mask are compared


def main(arguments=None):
    parser = OneLineParser(
        prog="training.check_data", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folders", nargs="+", metavar="DIR", help="of labelled photos")
    parser.add_argument("--out", type=Path, default=Path("runs/check_data"), help="folder for the report")
    options = parser.parse_args(arguments)
    try:
        surveys = [survey(folder) for folder in options.folders]
        thumbnails = [[_thumbnail(pair) for pair in found.pairs] for found in surveys]
        copies = [groups_of(found.pairs, small) for found, small in zip(surveys, thumbnails, strict=True)]
        leaks = find_leaks(surveys, thumbnails)
        suspicious = rank([pair for found in surveys for pair in found.pairs])[:SHOWN]
        report = {
            "folders": [describe(found, groups) for found, groups in zip(surveys, copies, strict=True)],
            "leaks": [[str(one), str(other)] for one, other in leaks],
            "suspicious": [{"photo": str(pair.image), "dice": round(score, 4)} for score, pair in suspicious],
        }
        with replacing(options.out / "report.json") as temporary:
            temporary.write_text(json.dumps(report, indent=1) + "\n")
        if suspicious:
            draw_gallery([_cell(*each) for each in suspicious], options.out / "suspicious.png")
    except (ValueError, OSError) as error:  # DataError and ImageError among them
        print(f"training.check_data: {error}", file=sys.stderr)
        return 2
    print(written(report, surveys))
    print(f"every file: {options.out / 'report.json'}   pairs to look at: {options.out / 'suspicious.png'}")
    return int(any(found.faults for found in surveys) or bool(leaks))


def groups_of(pairs, thumbnails):
    """Near-duplicates, mirrored ones included: list of lists of pairs, each of two or more."""
    groups = duplicate_groups(thumbnails) if thumbnails else []
    return [[pairs[index] for index in group] for group in groups if len(group) > 1]


def find_leaks(surveys, thumbnails):
    """Photos of one folder that another has as well: list of pairs of paths."""
    leaks = []
    for one, other in combinations(range(len(surveys)), 2):
        pairs = [*surveys[one].pairs, *surveys[other].pairs]
        count = len(surveys[one].pairs)
        groups = duplicate_groups([*thumbnails[one], *thumbnails[other]]) if pairs else []
        for group in groups:
            here, there = ([i for i in group if (i < count) == first] for first in (True, False))
            if here and there:
                leaks.append((pairs[min(here)].image, pairs[min(there)].image))
    return leaks


def rank(pairs):
    """`(Dice, pair)` of the pairs with a mask, against the shipped model, the lowest first."""
    segmenter = Segmenter.load()
    scores = []
    for pair in pairs:
        if pair.mask:
            image, mask = (_shrunk(pixels) for pixels in read_pair(pair))
            scores.append((float(dice(mask, segmenter.mask(image))), pair))
    return sorted(scores)


def describe(found, groups):
    """What report.json says of a folder."""
    areas = sorted(found.sizes, key=lambda size: size[0] * size[1])
    shares = [share for share, pair in zip(found.shares, found.pairs, strict=True) if pair.mask]
    return {
        "folder": found.folder,
        "photos": len(found.pairs),
        "person_free": sum(share == 0 for share in found.shares),
        "smallest": areas and f"{areas[0][1]}x{areas[0][0]}",
        "median": areas and f"{areas[len(areas) // 2][1]}x{areas[len(areas) // 2][0]}",
        "largest": areas and f"{areas[-1][1]}x{areas[-1][0]}",
        "person_share": np.percentile(shares, (0, 25, 50, 75, 100)).round(4).tolist() if shares else [],
        "duplicates": [[str(pair.image) for pair in group] for group in groups],
        "faults": [{"file": str(fault.file), "kind": fault.kind, "reason": fault.text} for fault in found.faults],
    }


def written(report, surveys):
    """The report for people."""
    lines = []
    for folder in report["folders"]:
        lines.append(f"{folder['folder']}")
        lines.append(f"{folder['photos']:6}  photos that can be trained on, {folder['person_free']} without a person")
        if folder["photos"]:
            lines.append(f"        sizes {folder['smallest']} to {folder['largest']}, median {folder['median']}")
        if folder["person_share"]:
            least, lower, median, upper, most = (f"{share:.0%}" for share in folder["person_share"])
            lines.append(f"        share of person {least} to {most}, median {median}, half of them {lower} to {upper}")
        copies = folder["duplicates"]
        more = f", such as {' and '.join(Path(name).name for name in copies[0][:2])}" if copies else ""
        lines.append(f"{sum(len(group) - 1 for group in copies):6}  near-duplicates of another{more}")
    for one, other in report["leaks"][:5]:
        lines.append(f"  leak  {one} is {other}")
    if len(surveys) > 1:
        lines.append(f"{len(report['leaks']):6}  photos of one folder that another has as well")
    faults = sum(len(found.faults) for found in surveys)
    return "\n".join([*lines, fault_table(surveys) if faults else "     0  files that cannot be trained on"])


def _thumbnail(pair):
    return cv2.resize(read_image(pair.image, MAX_PIXELS), (64, 64), interpolation=cv2.INTER_AREA)


def _shrunk(pixels):
    size = within(WORKING_SIDE, *pixels.shape[:2])
    return cv2.resize(pixels, size, interpolation=cv2.INTER_AREA if pixels.ndim == 3 else cv2.INTER_NEAREST_EXACT)


def _cell(score, pair):
    image, mask = (_shrunk(pixels) for pixels in read_pair(pair))
    return f"{pair.image.name}  Dice {score:.2f}", [image, outline(image, mask)]


if __name__ == "__main__":
    sys.exit(main())
