"""The engine under a batch: Beam's own on this computer, or one that others run."""

import contextlib
import logging
import multiprocessing
import os
import signal
import sys
import threading

import apache_beam as beam
from apache_beam.io.filesystems import FileSystems
from apache_beam.options.pipeline_options import PipelineOptions
from apache_beam.version import __version__

from tfseg.pipeline import NAMESPACE, Batch
from tfseg.products import BatchError

COUNTERS = ("photos", "kept", "failures", "bytes_read", "bytes_written")
LOCAL = "DirectRunner"
TRIES = 3
WATCHER = "run_worker"  # Beam's name of the threads that wait for the end of a worker process


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
        chosen |= {"default_sdk_harness_log_level": "ERROR"}
        parsers = []
        PipelineOptions(further).get_all_options(add_extra_args_fn=parsers.append)
        if unknown := parsers[0].parse_known_args(further)[1]:
            raise BatchError(f"{unknown[0]}: neither an option of tfseg.batch nor of Beam's {LOCAL}.")
    options = PipelineOptions(further, **chosen)
    FileSystems.set_options(options)
    return options


def start(job, runner, workers, further):
    """Runs a batch to its end. A process of several that dies is made up for: all begin anew with what is missing.

    Args:
        job: `tfseg.products.Job`.
        runner, workers, further: as of `choose`.

    Returns:
        dict of metrics: photos (made), kept (were there already), failures, bytes_read, bytes_written, and
        milliseconds, a dict of mean, min and max: from when a photo is opened until its result is written, with the
        wait for those of its batch.

    Raises:
        BatchError: the engine gave up; what had been made is there.
    """
    if runner != LOCAL or workers == 1:
        return run(job, choose(runner, workers, further))
    context = multiprocessing.get_context("spawn")
    for _ in range(TRIES):
        here, there = context.Pipe()
        engine = context.Process(target=guarded, args=(there, job, runner, workers, further))
        engine.start()
        there.close()
        try:
            metrics, fault = here.recv()
            if fault:
                raise BatchError(fault)
            return metrics
        except EOFError:
            print("tfseg.batch: a worker process died; the others begin anew with what is missing.", file=sys.stderr)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(engine.pid, signal.SIGKILL)
            engine.join()
            here.close()
    raise BatchError(f"{runner}: a worker process died {TRIES} times; what had been made is there.")


def guarded(pipe, *arguments):
    """The engine in a process of its own, which ends with any of its workers and with the process that began it."""

    def end(found=None):
        if found is None or found.thread.name == WATCHER:
            os.killpg(0, signal.SIGKILL)

    def outlived():
        with contextlib.suppress(EOFError, OSError):
            pipe.recv()
        end()

    os.setpgid(0, 0)
    logging.getLogger().setLevel(logging.ERROR)
    threading.excepthook = end  # Beam itself would wait for a dead worker for ever
    threading.Thread(target=outlived, daemon=True).start()
    job, runner, workers, further = arguments
    try:
        answer = run(job, choose(runner, workers, further)), None
    except BatchError as error:
        answer = None, str(error)
    pipe.send(answer)


def run(job, options):
    """Runs a batch with the options of `choose`; returns and raises as `start`."""
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
