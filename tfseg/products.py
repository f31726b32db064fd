"""What a batch makes of each photo, and under which names: files that follow from the photo's own address alone."""

import json
import posixpath
import re
from typing import NamedTuple

import numpy as np

from tfseg.cli import parse
from tfseg.effects import choose_effect, choose_finish
from tfseg.encoding import encode
from tfseg.image import EXTENSIONS
from tfseg.pseudolabel import pseudo_label

PSEUDO_LABEL = "pseudo-label"
EFFECTS = ("cutout", "mask", "blur", PSEUDO_LABEL)


class BatchError(ValueError):
    """What keeps a batch from being run; the message names the option and what to do."""


class Job(NamedTuple):
    """What every worker is told.

    `pattern`: of the photos, as Beam's file systems understand it, absolute. `output`: folder, or address of one.
    `effect`: one of `EFFECTS`. `model`: as `Segmenter.load` takes it. `min_confidence`: 0..1, from which on a
    pseudo-label is kept.
    """

    pattern: str
    output: str
    effect: str
    model: str | None = None
    min_confidence: float = 0.0


class Products:
    """The files that are made of a photo.

    A picture is named as its photo with an extension more, `a.jpg.png`, below the output as the photo is below the
    pattern's fixed part, so that no two photos share a name. A pseudo-label is an image, a mask and a score, each in a
    folder of its own and without folders below it, as trainings want them; the slashes of the photo's name are escaped.

    Args:
        job: `Job`.
    """

    def __init__(self, job):
        self.job, self.top = job, fixed_part(job.pattern)
        self.records = "labels" if job.effect == PSEUDO_LABEL else None
        self.options = None if self.records else parse([job.effect, "-"])  # those that tfseg has by itself

    def last(self, source):
        """Address of the file that is written last: when it is there, so are the others."""
        name = source.removeprefix(self.top)
        if self.records:
            return f"{self.job.output}/scores/{flat(name)}.json"
        return f"{self.job.output}/{name}{'.jpg' if self.job.effect == 'blur' else '.png'}"

    def make(self, photo, alpha, threshold):
        """Makes the files of a photo.

        Args:
            photo: `tfseg.pipeline.Photo`.
            alpha: float32 `[H, W]` in 0..1.
            threshold: 0..1, of the model.

        Returns:
            dict of address to bytes, in the order in which they are to be written.

        Raises:
            ImageError: the format cannot hold the result.
        """
        if self.records:
            return self._label(photo, alpha, threshold)
        last = self.last(photo.source)
        finished = choose_finish(self.options, threshold)(alpha, photo.image)
        pixels = choose_effect(self.options)(photo.image, finished, 0)
        return {last: encode(pixels, posixpath.splitext(last)[1], photo.extras)}

    def _label(self, photo, alpha, threshold):
        mask, confidence = pseudo_label(alpha, threshold)
        kept = confidence >= self.job.min_confidence
        name, extension = flat(photo.source.removeprefix(self.top)), posixpath.splitext(photo.source)[1].lower()
        pair = {
            f"images/{name}{extension if extension in EXTENSIONS else '.jpg'}": photo.content,
            f"masks/{name}.png": encode(mask * np.uint8(255), ".png"),
        }
        score = {"file": photo.source, "confidence": round(confidence, 4), "kept": kept}
        made = {f"{self.job.output}/{path}": content for path, content in pair.items() if kept}
        return made | {self.last(photo.source): json.dumps(score).encode()}


def fixed_part(pattern):
    """Of a pattern, the folder that all files which it matches have in common, with the slash at its end."""
    return re.split(r"[*?\[]", pattern)[0].rpartition("/")[0] + "/"


def flat(name):
    """A name without slashes and not hidden, another one for every name."""
    name = name.replace("%", "%25").replace("/", "%2F")
    return f"%2E{name[1:]}" if name.startswith(".") else name
