"""Cut people out of photos and videos.

    tfseg cutout me.jpg -o me.png                             the person on a transparent background
    tfseg blur me.jpg -o me-blurred.jpg                       the background out of focus
    tfseg replace me.jpg --background beach.jpg -o me2.jpg    another background, or a colour such as '#00b140'
    tfseg mask me.jpg -o me-mask.png                          white person, black background
    tfseg cutout photos -o cutouts                            a folder and all below it; a second run goes on
    tfseg blur talk.mp4 -o talk-blurred.mp4                   a video with its sound, or an animated GIF
    cat me.jpg | tfseg cutout - > me.png                      standard input to standard output

Without -o a result lies beside its input: me-cutout.png, photos-cutout/. Inputs are only ever read.
"""

import argparse
import os
import sys
import warnings
from functools import partial
from pathlib import Path

from tfseg.composite import MAX_STRENGTH, SHAPES
from tfseg.console import printable, terminable
from tfseg.effects import choose_effect, choose_finish, fit
from tfseg.folder import formats, plan
from tfseg.image import MAX_BYTES, MAX_PIXELS, ImageError
from tfseg.matte import MAX_FEATHER, MAX_OPENING
from tfseg.results import Recipe, develop, run, watch, write
from tfseg.segmenter import ModelError, Segmenter
from tfseg.videoreader import VideoError

FORMATS = ("png", "webp", "jpg", "mp4", "webm", "mov", "gif")
JOBS = max(1, min(4, (os.cpu_count() or 1) // 2))  # an interpreter has two threads, a large photo takes its memory


def main(arguments=None):
    options = parse(arguments)
    if sys.stdout:
        sys.stdout.reconfigure(errors="surrogateescape")  # names that are no text go out as they came in
    warnings.filterwarnings("ignore", module="PIL")  # of a damaged file, which is named by our own line
    streamed = options.inputs == ["-"]
    if "-" in options.inputs and not streamed:
        print("tfseg: - stands for standard input and comes alone.", file=sys.stderr)
        return 2
    if options.watch and not all(map(os.path.isdir, options.inputs)):
        print("tfseg: --watch: watches folders; name nothing but folders that are there.", file=sys.stderr)
        return 2
    find = partial(plan, options.inputs, options.out, options.command, options.format, options.watch)
    try:
        with terminable():
            tasks = [] if streamed else find()
            recipe = choose_recipe(options)
            if streamed:
                return stream(recipe, options)
            if options.watch:
                watch(find, recipe, options.overwrite, options.jobs)
            return report(run(tasks, recipe, options.overwrite, options.jobs), len(tasks))
    except KeyboardInterrupt:
        print("tfseg: stopped; the same command goes on from there.", file=sys.stderr)
        return 130
    except BrokenPipeError:  # nobody reads any further, as before "head"
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (ImageError, VideoError, ModelError, ImportError) as error:
        print(f"tfseg: {printable(error)}", file=sys.stderr)
        return 2


def parse(arguments):
    shared = argparse.ArgumentParser(add_help=False)
    shared.add_argument("inputs", nargs="+", metavar="INPUT", help="photos, videos, folders, or - for standard input")
    shared.add_argument("-o", "--out", help="a file for one input, or a folder (default: beside the input)")
    shared.add_argument("--format", choices=FORMATS, help="of the results (default: png or jpg, webm or mp4, gif)")
    shared.add_argument("--overwrite", action="store_true", help="make results anew that are there already")
    shared.add_argument("--watch", action="store_true", help="go on with what is put into the folder, until stopped")
    shared.add_argument("--jobs", type=count, default=JOBS, help="photos worked on at a time (default %(default)s)")
    shared.add_argument("--model", help="bundle folder, .tflite or .keras (default: the shipped model)")
    shared.add_argument("--threshold", type=float, help="probability that counts as half (default: the model's own)")
    shared.add_argument("--largest-only", action="store_true", help="the largest person alone")
    shared.add_argument(
        "--feather",
        type=float,
        default=0,
        metavar="SHARE",
        help=f"blur of the outline, a share of the longer side, 0..{MAX_FEATHER} (default %(default)s)",
    )
    shared.add_argument(
        "--opening",
        type=float,
        default=0,
        metavar="SHARE",
        help="radius, a share of the longer side, of a disc that fits into all that is left of the outline: takes "
        f"spikes off, and fingers; 0..{MAX_OPENING} (default %(default)s)",
    )
    shared.add_argument(
        "--refine",
        choices=("guided", "closed-form"),
        default="guided",
        help="how the outline follows the photo; closed-form is slower, better in hair, and needs the matting extra "
        "(default %(default)s)",
    )
    shared.add_argument("--max-side", type=count, metavar="PIXELS", help="shrink to at most this longer side")
    shared.add_argument(
        "--max-pixels",
        type=count,
        default=MAX_PIXELS,
        metavar="PIXELS",
        help="refuse larger photos and frames before decoding them (default %(default)s)",
    )
    shared.add_argument("--keep-exif", action="store_true", help="keep a photo's EXIF: time, place, owner")
    shared.add_argument("--every", type=count, default=1, metavar="N", help="of a video, one frame in N")
    shared.add_argument("--no-smooth", dest="smooth", action="store_false", help="each frame of a video by itself")
    blended = argparse.ArgumentParser(add_help=False)
    blended.add_argument(
        "--decontaminate",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="take the old background's colour out of the edges (default: do)",
    )
    parser = argparse.ArgumentParser(
        prog="tfseg", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("cutout", parents=[shared, blended], help="the person on a transparent background")
    commands.add_parser("mask", parents=[shared], help="white person, black background")
    blur = commands.add_parser("blur", parents=[shared, blended], help="the background out of focus")
    blur.add_argument(
        "--strength",
        type=float,
        default=0.03,
        metavar="SHARE",
        help=f"radius as a share of the longer side, 0..{MAX_STRENGTH} (default %(default)s)",
    )
    blur.add_argument("--shape", choices=SHAPES, default="disc", help="of a point of light (default %(default)s)")
    replace = commands.add_parser("replace", parents=[shared, blended], help="another background")
    replace.add_argument(
        "--background", required=True, metavar="COLOUR|PICTURE|VIDEO", help="'#00b140', 'white', or a file"
    )
    return parser.parse_args(arguments)


def count(text):
    if not (text.isascii() and text.isdecimal() and len(text) < 19) or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is no whole number from 1 on")
    return int(text)


def choose_recipe(options):
    effect = choose_effect(options)
    segmenter = Segmenter.load(options.model, copies=options.jobs)
    finish = choose_finish(options, segmenter.threshold)
    shrink = partial(fit, max_side=options.max_side)
    return Recipe(
        segmenter, shrink, finish, effect, options.keep_exif, options.every, options.smooth, options.max_pixels
    )


def stream(recipe, options):
    """A photo from standard input to a file or standard output."""
    out = Path(options.out or "-")
    to_file = str(out) != "-"
    usual = "png" if options.command in ("cutout", "mask") else "jpg"
    extension = out.suffix.lower() if to_file else f".{options.format or usual}"
    if extension not in formats(options.command, video=False):
        raise ImageError(f"{out}: {extension or 'a name without extension'} cannot hold this result.")
    if not to_file and sys.stdout.isatty():
        raise ImageError("standard output is a terminal; send it to a file with > or name one with -o.")
    try:
        content = develop(sys.stdin.buffer.read(MAX_BYTES + 1), recipe, extension)
    except ImageError as error:
        raise ImageError(f"standard input: {str(error).removeprefix('image: ')}") from error
    if to_file:
        write(out, content)
        return 0
    try:
        with open(sys.stdout.fileno(), "wb", closefd=False) as pipe:  # sys.stdout may be unbuffered and stop half-way
            pipe.write(content)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise ImageError(f"standard output: cannot be written: {error.strerror}") from error
    return 0


def report(outcome, total):
    """The last line, where there was more than one result to make, and the exit status."""
    if total > 1:
        kept = f", {outcome.kept} there already" if outcome.kept else ""
        print(f"tfseg: {outcome.made} made{kept}, {outcome.failed} failed.", file=sys.stderr)
    elif outcome.kept:
        print("tfseg: the result is there already; --overwrite makes it anew.", file=sys.stderr)
    return 0 if not outcome.failed else 2 if outcome.failed == total else 1


if __name__ == "__main__":
    sys.exit(main())
