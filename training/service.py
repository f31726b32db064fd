"""Photos made ready by other hosts: tf.data service over the shards of a tensorflow-datasets set.

    python -m tfseg.builder photos --shards 8                                         # where all hosts see it
    python -m training.service dispatcher --port 5050                                 # on 10.0.0.1
    python -m training.service worker --dispatcher 10.0.0.1:5050 --host 10.0.0.2      # on 10.0.0.2, and so on

    from training.service import served
    model.fit(served("person_photos", "train", 320, 256, 16, "10.0.0.1:5050"), epochs=20)

The workers read, decode, frame and mirror; each takes a shard when it has done with the last, so a set needs more
shards than there are workers. `training.fit` does not use them: its augmentation is Python, which tf.data cannot send
to another process, and shows the same photos in the same order on every run, which the service does not.
"""

import argparse
import sys

import tensorflow as tf
import tensorflow_datasets as tfds

import tfseg.builder  # noqa: F401  registers person_photos
from tfseg.letterbox import PAD_VALUE


def served(name, split, height, width, batch_size, dispatcher):
    """A pass over a set in batches that tf.data service makes ready.

    Args:
        name: of the set, as `tfds.builder` takes it, with the features `image` and `segmentation_mask`; dispatcher and
            workers find it in the same place.
        split: of the set, "train" or the like.
        height, width: of the network's input, pixels.
        batch_size: photos in a batch; the last one of each worker may be short.
        dispatcher: "host:port".

    Returns:
        `tf.data.Dataset` of `(image, mask)`: float32 `[B, H, W, 3]` in 0..255, letterboxed and mirrored half of the
        time, and float32 `[B, H, W, 1]` in {0, 1}. Every photo is seen once in a pass, in no certain order.
    """

    def framed(example):
        image = tf.cast(example["image"], tf.float32) - PAD_VALUE
        image = tf.image.resize_with_pad(image, height, width, antialias=True) + PAD_VALUE
        mask = tf.cast(example["segmentation_mask"] != 0, tf.float32)
        mask = tf.image.resize_with_pad(mask, height, width, "nearest")
        mirrored = tf.random.uniform([]) < 0.5
        image, mask = (tf.where(mirrored, pixels[:, ::-1], pixels) for pixels in (image, mask))
        return tf.clip_by_value(image, 0, 255), mask

    # A worker reads one shard at a time, of which it cannot know in advance how many photos they hold.
    reading = tfds.ReadConfig(interleave_cycle_length=1, assert_cardinality=False)
    photos = tfds.builder(name).as_dataset(split=split, shuffle_files=True, read_config=reading)
    batches = photos.map(framed, num_parallel_calls=tf.data.AUTOTUNE).batch(batch_size)
    dynamic = tf.data.experimental.service.ShardingPolicy.DYNAMIC
    distribute = tf.data.experimental.service.distribute(dynamic, f"grpc://{dispatcher}")
    return batches.apply(distribute).prefetch(tf.data.AUTOTUNE)


def main(arguments=None):
    """Runs a dispatcher or a worker until it is stopped."""
    parser = argparse.ArgumentParser(
        prog="python -m training.service", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    roles = parser.add_subparsers(dest="role", required=True)
    for role in ("dispatcher", "worker"):
        roles.add_parser(role).add_argument("--port", type=int, default=0, help="to listen on (default: any free one)")
    roles.choices["worker"].add_argument("--dispatcher", required=True, metavar="HOST:PORT")
    roles.choices["worker"].add_argument("--host", default="localhost", help="by which the trainer reaches this host")
    options = parser.parse_args(arguments)
    service = tf.data.experimental.service
    try:
        if options.role == "dispatcher":
            server = service.DispatchServer(service.DispatcherConfig(options.port))
            print(f"dispatcher at {server.target}", flush=True)
        else:  # waits for the dispatcher
            address = f"{options.host}:{options.port or '%port%'}"
            server = service.WorkerServer(service.WorkerConfig(options.dispatcher, address, options.port))
            print(f"worker of {options.dispatcher}", flush=True)
        server.join()
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
