"""Cut people out of photos.

    tfseg cutout me.jpg -o me.png
    tfseg cutout photos/*.jpg -o cutouts/

Every result has its photo's full size and a transparent background. Photos are only ever read.
"""

import argparse
import sys
from pathlib import Path

from tfseg.composite import cut_out
from tfseg.image import EXTENSIONS, ImageError, read_image, write_image
from tfseg.matte import firm
from tfseg.segmenter import Segmenter


def main(arguments=None):
    parser = argparse.ArgumentParser(
        prog="tfseg", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    cutout = commands.add_parser("cutout", help="the person on a transparent background")
    cutout.add_argument("photos", nargs="+", metavar="PHOTO", help="photos to cut people out of")
    cutout.add_argument("-o", "--out", required=True, help="a .png or .webp file for one photo, or a folder")
    cutout.add_argument("--model", help="bundle folder, .tflite or .keras (default: the shipped model)")
    options = parser.parse_args(arguments)
    try:
        results = name_results([Path(photo) for photo in options.photos], Path(options.out))
        segmenter = Segmenter.load(options.model)
    except (ValueError, ImportError) as error:
        print(f"tfseg: {error}", file=sys.stderr)
        return 2
    failed = cut_out_all(segmenter, results)
    return 0 if not failed else 2 if failed == len(results) else 1


def name_results(photos, out):
    """Decides where each result goes.

    Args:
        photos: list of paths.
        out: a file that ends in .png or .webp, for one photo, or else a folder.

    Returns:
        A list of `(photo, result)` paths.

    Raises:
        ImageError: several photos for one file, a format without transparency, or a result that would replace a photo.
    """
    if out.suffix.lower() in EXTENSIONS and not out.is_dir():
        if len(photos) > 1:
            raise ImageError(f"{out}: one file for {len(photos)} photos; name a folder.")
        if out.suffix.lower() not in (".png", ".webp"):
            raise ImageError(f"{out}: {out.suffix} cannot hold transparency; write .png or .webp.")
        results = [(photos[0], out)]
    else:
        results = [(photo, out / f"{photo.stem}.png") for photo in photos]
    taken = {}
    for photo, result in results:
        if result.exists() and any(other.exists() and result.samefile(other) for other in photos):
            raise ImageError(f"{result}: the result would replace a photo; name another folder.")
        if result in taken:
            raise ImageError(f"{taken[result]} and {photo}: both would be written to {result}; cut them out apart.")
        taken[result] = photo
    return results


def cut_out_all(segmenter, results):
    """Cuts out every photo; a bad one is reported and does not stop the others. Returns how many failed."""
    failed = 0
    for photo, result in results:
        try:
            image = read_image(photo)
            write_image(result, cut_out(image, firm(segmenter.alpha(image))))
            print(result)
        except ImageError as error:
            failed += 1
            print(f"tfseg: {error}", file=sys.stderr)
    if failed and len(results) > 1:
        print(f"tfseg: {failed} of {len(results)} photos failed.", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
