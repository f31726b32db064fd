"""More devices than one: all GPUs of a host, or with the JAX backend those of several hosts.

    export KERAS_BACKEND=jax KERAS_DISTRIBUTION_JOB_ADDRESSES=10.0.0.1:1234 KERAS_DISTRIBUTION_NUM_PROCESSES=2
    KERAS_DISTRIBUTION_PROCESS_ID=0 python -m training.fit --data photos --out /shared/runs/mine    # on 10.0.0.1
    KERAS_DISTRIBUTION_PROCESS_ID=1 python -m training.fit --data photos --out /shared/runs/mine    # on the other

Every process computes the same weights from its share of each step's photos. The first writes the run; the others read
it from --out when it is resumed, so that folder has to be one that all hosts see.
"""

import contextlib
import dataclasses
import json
import os
import shutil
import tempfile
import zlib
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf

PROCESSES = "KERAS_DISTRIBUTION_NUM_PROCESSES"
RECORD = ("run.json", "split.json", "history.csv", "last.keras")  # what resuming a run takes
PATHS = ("data", "val_data", "out")  # which may differ from host to host


@contextlib.contextmanager
def shared(config):
    """Lets Keras share each training step among all devices, those of the other processes included.

    On JAX batch norm takes the statistics of the whole step, so that the number of devices changes nothing; on
    TensorFlow each device takes those of its own photos. With PyTorch one device is used.

    Args:
        config: `FitConfig`.

    Yields:
        The `FitConfig` of this process: all but the first write into a folder that is thrown away at the end.

    Raises:
        ValueError: the environment asks for processes that cannot be had, or these differ in settings or checkpoint.
    """
    join()
    with contextlib.ExitStack() as stack:
        process, _ = place()
        last = Path(config.out) / "last.keras"
        agree(
            settings={name: value for name, value in dataclasses.asdict(config).items() if name not in PATHS},
            checkpoint=zlib.crc32(last.read_bytes()) if last.exists() else None,
        )
        if process:
            print(f"process {process} trains along with process 0, which writes {config.out}/")
            scratch = stack.enter_context(tempfile.TemporaryDirectory())
            config = follow(config, Path(scratch))
            stack.enter_context(contextlib.redirect_stdout(stack.enter_context(open(os.devnull, "w"))))
        if keras.backend.backend() == "tensorflow" and count() > 1:
            stack.enter_context(tf.distribute.MirroredStrategy(keras.distribution.list_devices()).scope())
        elif keras.backend.backend() == "jax" and count() > 1:
            # The pipeline gives each process its own photos: otherwise each would decode those of all.
            stack.enter_context(keras.distribution.DataParallel(auto_shard_dataset=False).scope())
        yield config


def join():
    """Meets the other processes that the environment names; each waits here for all."""
    backend = keras.backend.backend()
    if backend != "tensorflow":
        tf.config.set_visible_devices([], "GPU")  # the pipeline needs none, and would take the memory of all of them
    if PROCESSES not in os.environ:
        return
    if backend != "jax":
        raise ValueError(f"{PROCESSES}: several processes need KERAS_BACKEND=jax; received {backend}.")
    try:
        keras.distribution.initialize()
    except (ValueError, RuntimeError) as error:
        reason = str(error).splitlines()[0]
        raise ValueError(f"the processes of KERAS_DISTRIBUTION_JOB_ADDRESSES do not meet: {reason}") from error


def follow(config, scratch):
    """The settings of a process that only trains along: it resumes what the first does, and writes into `scratch`."""
    for name in RECORD:
        if (Path(config.out) / name).exists():
            shutil.copy(Path(config.out) / name, scratch)
    return dataclasses.replace(config, out=str(scratch))


def place():
    """`(process, processes)`: the number of this process, from 0, and how many there are."""
    if keras.backend.backend() != "jax":
        return 0, 1
    import jax

    return jax.process_index(), jax.process_count()


def count():
    """Devices that share a step, over all processes."""
    return 1 if keras.backend.backend() == "torch" else len(keras.distribution.list_devices())


def check_step(photos):
    """Raises ValueError when the photos of a step cannot be shared evenly."""
    if photos % count():
        raise ValueError(
            f"--batch-size: {photos} photos cannot be shared evenly by {count()} devices; name a multiple of "
            f"{count()}, and have as many photos at least."
        )


def filled(pairs):
    """Pairs to validate on, as many as devices can share evenly: with the first ones again at the end."""
    return pairs + (pairs * count())[: -len(pairs) % count()]


def agree(**facts):
    """Raises ValueError, on every process, where they are not all about to train the same; `facts` fit into JSON."""
    processes = place()[1]
    if processes == 1:
        return
    from jax.experimental import multihost_utils

    mine = np.array([zlib.crc32(json.dumps(fact).encode()) for fact in facts.values()], np.uint32)
    same = (multihost_utils.process_allgather(mine) == mine).all(axis=0)
    if not same.all():
        different = " and ".join(name for name, equal in zip(facts, same, strict=True) if not equal)
        raise ValueError(f"the {processes} processes differ in their {different}; start all of them alike.")
