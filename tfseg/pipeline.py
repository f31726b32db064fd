"""What Beam does with every photo of a batch: find it, read it, ask the model, make the result, write it.

    with beam.Pipeline(options=options) as pipeline:
        pipeline | Batch(Job("/photos/**.jpg", "/cutouts", "cutout"))

A `Job` is one of `tfseg.products`. A photo is read and its result written in one step of one worker, so that only
names travel between workers. Whatever befalls a photo ends as a line of `failed.jsonl`; whatever befalls a worker is
the engine's to repeat, which does no harm, since a result takes its name when it is whole and is not made twice.
"""

import json
import secrets
import time
from typing import NamedTuple

import apache_beam as beam
import cv2
import numpy as np
from apache_beam.io.fileio import MatchFiles
from apache_beam.io.filesystem import CompressionTypes
from apache_beam.io.filesystems import FileSystems
from apache_beam.metrics import Metrics
from apache_beam.ml.inference.base import ModelHandler, RunInference

from tfseg.encoding import read_extras
from tfseg.image import MAX_BYTES, read_image
from tfseg.products import Products
from tfseg.segmenter import Segmenter

BATCH = 4  # photos decoded at a time; a large one takes its memory
NAMESPACE = "tfseg"


class Photo(NamedTuple):
    """A photo on its way: address, uint8 `[H, W, 3]` RGB, `read_extras` of it, its bytes, when it was begun (s)."""

    source: str
    image: np.ndarray
    extras: dict
    content: bytes
    started: float


class Batch(beam.PTransform):
    """Every photo of a `Job`: results, `failed.jsonl` with a line for each photo without one, and metrics."""

    def __init__(self, job):
        super().__init__()
        self.job = job

    def expand(self, pipeline):
        job, products = self.job, Products(self.job)
        found = pipeline | MatchFiles(job.pattern) | beam.Reshuffle()
        fresh = found | "Skip" >> beam.ParDo(Skip(products)).with_outputs("records", main="files")
        photos = fresh.files | "Read" >> beam.ParDo(Read()).with_outputs("failed", main="photos")
        made = (
            photos.photos
            | RunInference(SegmenterHandler(job.model))
            | "Write" >> beam.ParDo(Write(products)).with_outputs("failed", "records")
        )
        (photos.failed, made.failed) | "Failures" >> beam.Flatten() | "failed.jsonl" >> lines(job.output, "failed")
        if products.records:
            (
                (fresh.records, made.records)
                | "Records" >> beam.Flatten()
                | f"{products.records}.jsonl" >> lines(job.output, products.records)
            )


class Skip(beam.DoFn):
    """Lets those files pass whose results are not there; of the others it passes on the records."""

    def __init__(self, products):
        self.products = products
        self.kept = Metrics.counter(NAMESPACE, "kept")

    def process(self, file):
        last = self.products.last(file.path)
        if not FileSystems.exists(last):
            yield file.path
            return
        self.kept.inc()
        if self.products.records:
            yield beam.pvalue.TaggedOutput("records", read(last).decode())


class Read(beam.DoFn):
    """Addresses to `Photo`."""

    def __init__(self):
        self.bytes, self.failures = (Metrics.counter(NAMESPACE, name) for name in ("bytes_read", "failures"))

    def process(self, source):
        try:
            started, content = time.time(), read(source, MAX_BYTES + 1)
            image, extras = read_image(content), read_extras(content)
        except Exception as error:  # a store raises whatever its client raises
            self.failures.inc()
            yield beam.pvalue.TaggedOutput("failed", failure(source, error))
            return
        self.bytes.inc(len(content))
        yield Photo(source, image, extras, content, started)


class SegmenterHandler(ModelHandler):
    """`Segmenter` as Beam asks for it: one for each worker process, with one thread; more processes use more cores."""

    def __init__(self, model=None):
        super().__init__(min_batch_size=1, max_batch_size=BATCH)
        self.model = model

    def load_model(self):
        cv2.setNumThreads(1)
        return Segmenter.load(self.model, threads=1)

    def run_inference(self, batch, model, inference_args=None):
        """Yields `(photo, alpha, threshold)` for each `Photo`; alpha float32 `[H, W]` in 0..1, or what was raised."""
        for photo in batch:
            try:
                alpha = model.alpha(photo.image, mirror=True)
            except Exception as error:  # the others of the batch go on
                alpha = error
            yield photo, alpha, model.threshold

    def get_num_bytes(self, batch):
        return sum(photo.image.nbytes for photo in batch)


class Write(beam.DoFn):
    """Makes and writes what is to be had of a photo and its alpha."""

    def __init__(self, products):
        self.products = products
        self.photos, self.bytes, self.failures = (
            Metrics.counter(NAMESPACE, name) for name in ("photos", "bytes_written", "failures")
        )
        self.milliseconds = Metrics.distribution(NAMESPACE, "milliseconds")

    def process(self, answered):
        photo, alpha, threshold = answered
        try:
            if isinstance(alpha, Exception):
                raise alpha
            made = self.products.make(photo, alpha, threshold)
            for path, content in made.items():
                write(path, content)
        except Exception as error:  # a store raises whatever its client raises
            self.failures.inc()
            yield beam.pvalue.TaggedOutput("failed", failure(photo.source, error))
            return
        self.photos.inc()
        self.bytes.inc(sum(map(len, made.values())))
        self.milliseconds.update(round(1000 * (time.time() - photo.started)))
        if self.products.records:
            yield beam.pvalue.TaggedOutput("records", made[self.products.last(photo.source)].decode())


def lines(output, name):
    """Writes texts as the lines of one file, which is there also when there are none."""
    return beam.io.WriteToText(f"{output}/{name}", ".jsonl", num_shards=1, shard_name_template="")


def failure(source, error):
    reason = " ".join(str(error).split()).removeprefix("image: ") or type(error).__name__
    return json.dumps({"file": source, "reason": reason})


def read(path, most=-1):
    """The bytes of a file on any file system, at most so many."""
    with FileSystems.open(path, compression_type=CompressionTypes.UNCOMPRESSED) as file:
        return file.read(most)


def write(path, content):
    """Writes bytes on any file system; the name appears when the file is whole."""
    folder, name = FileSystems.split(path)
    temporary = FileSystems.join(folder, f".{secrets.token_hex(6)}.{name.rpartition('.')[2]}")
    try:
        with FileSystems.create(temporary, compression_type=CompressionTypes.UNCOMPRESSED) as file:
            file.write(content)
        FileSystems.rename([temporary], [path])
    except BaseException:
        if FileSystems.exists(temporary):
            FileSystems.delete([temporary])
        raise
