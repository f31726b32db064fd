"""Cut people out of photos.

    tfseg cutout me.jpg -o me.png                             the person on a transparent background
    tfseg blur me.jpg -o me-blurred.jpg                       the background out of focus
    tfseg replace me.jpg --background beach.jpg -o me2.jpg    another background, or a colour such as '#00b140'
    tfseg mask me.jpg -o me-mask.png                          white person, black background
    tfseg cutout photos/*.jpg -o cutouts/                     many photos into a folder

Every result has its photo's full size. Photos are only ever read.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import ImageColor

from tfseg.composite import MAX_STRENGTH, blur_background, cut_out, replace_background
from tfseg.image import EXTENSIONS, WRITABLE, ImageError, read_image, write_image
from tfseg.matte import clean_mask, firm
from tfseg.segmenter import Segmenter

TRANSPARENT = (".png", ".webp")


def main(arguments=None):
    options = parse(arguments)
    try:
        formats = TRANSPARENT if options.command == "cutout" else WRITABLE
        results = name_results([Path(photo) for photo in options.photos], Path(options.out), formats)
        effect = choose_effect(options)
        segmenter = Segmenter.load(options.model)
    except (ValueError, ImportError) as error:
        print(f"tfseg: {error}", file=sys.stderr)
        return 2
    failed = process(segmenter, effect, results)
    return 0 if not failed else 2 if failed == len(results) else 1


def parse(arguments):
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("photos", nargs="+", metavar="PHOTO")
    shared.add_argument("-o", "--out", required=True, help="a picture file for one photo, or a folder")
    shared.add_argument("--model", help="bundle folder, .tflite or .keras (default: the shipped model)")
    parser = argparse.ArgumentParser(
        prog="tfseg", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("cutout", parents=[shared], help="the person on a transparent background")
    commands.add_parser("mask", parents=[shared], help="white person, black background")
    blur = commands.add_parser("blur", parents=[shared], help="the background out of focus")
    blur.add_argument(
        "--strength",
        type=float,
        default=0.03,
        help="radius as a share of the longer side, 0..0.2 (default %(default)s)",
    )
    replace = commands.add_parser("replace", parents=[shared], help="another background")
    replace.add_argument("--background", required=True, metavar="COLOUR|PICTURE", help="'#00b140', 'white', a file")
    return parser.parse_args(arguments)


def choose_effect(options):
    """What to make of a photo and its alpha: `(image, alpha) -> pixels` as `write_image` takes them.

    Raises:
        ValueError: the strength is out of range, or the background neither a colour nor a picture.
    """
    if options.command == "cutout":
        return cut_out
    if options.command == "mask":
        return lambda image, alpha: np.round(alpha * 255).astype(np.uint8)
    if options.command == "blur":
        if not 0 <= options.strength <= MAX_STRENGTH:
            raise ValueError(f"--strength: {options.strength} is out of range; it is a share, 0..{MAX_STRENGTH}.")
        return lambda image, alpha: blur_background(image, alpha, options.strength)
    background = read_background(options.background)
    return lambda image, alpha: replace_background(image, alpha, background)


def read_background(text):
    """A colour by name or code, else a picture file. Raises ImageError when it is neither."""
    try:
        return ImageColor.getcolor(text, "RGB")
    except ValueError:
        if not Path(text).exists():
            raise ImageError(f"--background: {text!r} is no colour and no such file.") from None
    return read_image(text)


def name_results(photos, out, formats):
    """Decides where each result goes.

    Args:
        photos: list of paths.
        out: a picture file, for one photo, or else a folder.
        formats: extensions that can hold the result, the first for results in a folder.

    Returns:
        A list of `(photo, result)` paths.

    Raises:
        ImageError: several photos for one file, a format that cannot hold the result, or a result that would replace
            a photo or another result.
    """
    if out.suffix.lower() in EXTENSIONS and not out.is_dir():
        if len(photos) > 1:
            raise ImageError(f"{out}: one file for {len(photos)} photos; name a folder.")
        if out.suffix.lower() not in formats:
            raise ImageError(f"{out}: {out.suffix} cannot hold this result; write {' or '.join(formats)}.")
        results = [(photos[0], out)]
    else:
        results = [(photo, out / f"{photo.stem}{formats[0]}") for photo in photos]
    taken = {}
    for photo, result in results:
        if result.exists() and any(other.exists() and result.samefile(other) for other in photos):
            raise ImageError(f"{result}: the result would replace a photo; name another folder.")
        if result in taken:
            raise ImageError(f"{taken[result]} and {photo}: both would be written to {result}; name them apart.")
        taken[result] = photo
    return results


def process(segmenter, effect, results):
    """Writes every result; a bad photo is reported and does not stop the others. Returns how many failed."""
    failed = 0
    for photo, result in results:
        try:
            image = read_image(photo)
            write_image(result, effect(image, firm(clean_mask(segmenter.alpha(image), segmenter.threshold))))
            print(result)
        except ImageError as error:
            failed += 1
            print(f"tfseg: {error}", file=sys.stderr)
    if failed and len(results) > 1:
        print(f"tfseg: {failed} of {len(results)} photos failed.", file=sys.stderr)
    return failed


if __name__ == "__main__":
    sys.exit(main())
