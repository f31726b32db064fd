"""The engine under a batch: Beam's own on this computer, or one that others run."""

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.version import __version__

from tfseg.pipeline import NAMESPACE, Batch
from tfseg.products import BatchError

COUNTERS = ("photos", "kept", "failures", "bytes_read", "bytes_written")
LOCAL = "DirectRunner"


def choose(runner, workers, further):
    """Options of Beam.

    Args:
        runner: name of the engine.
        workers: processes of the DirectRunner, from 1.
        further: list of further arguments of a command line.

    Raises:
        BatchError: they do not fit together, or the DirectRunner knows no such argument.
    """
    if workers < 1 or workers > 1 and runner != LOCAL:
        raise BatchError(
            f"--workers: received {workers} for {runner}; the {LOCAL} takes a number from 1 on, the others have "
            "options of their own."
        )
    chosen = {"runner": runner}
    if runner == LOCAL:
        # It first tries to download another engine, unless told of a version to be compatible with.
        chosen |= {"update_compatibility_version": __version__, "direct_num_workers": workers}
        chosen |= {"direct_running_mode": "multi_processing" if workers > 1 else "in_memory"}
        parsers = []
        PipelineOptions(further).get_all_options(add_extra_args_fn=parsers.append)
        if unknown := parsers[0].parse_known_args(further)[1]:
            raise BatchError(f"{unknown[0]}: neither an option of tfseg.batch nor of Beam's {LOCAL}.")
    options = PipelineOptions(further, **chosen)
    FileSystems.set_options(options)
    return options


def start(job, options):
    """Runs a batch to its end.

    Args:
        job: `tfseg.products.Job`.
        options: of `choose`.

    Returns:
        dict of metrics: photos (made), kept (were there already), failures, bytes_read, bytes_written, and
        milliseconds, from a photo's first byte to its result's last: a dict of mean, min and max.

    Raises:
        BatchError: the engine gave up; what had been made is there.
    """
    try:
        pipeline = beam.Pipeline(options=options)
        pipeline | Batch(job)
        result = pipeline.run()
        result.wait_until_finish()
        if result.state != "DONE":
            raise RuntimeError(f"it ended as {result.state}")
    except Exception as error:  # an engine raises whatever it wants to
        reason = (str(error).strip() or type(error).__name__).splitlines()[-1]
        raise BatchError(f"{options.get_all_options()['runner']} gave up: {reason}") from error
    return measured(result.metrics().query(beam.metrics.MetricsFilter().with_namespace(NAMESPACE)))


def measured(metrics):
    counted = dict.fromkeys(COUNTERS, 0)
    for counter in metrics["counters"]:
        counted[counter.key.metric.name] += counter.result
    latency = {"mean": 0, "min": 0, "max": 0}
    for distribution in metrics["distributions"]:
        found = distribution.result
        latency = {"mean": round(found.mean), "min": found.min, "max": found.max}
    return counted | {"milliseconds": latency}
