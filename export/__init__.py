"""From a checkpoint to what an app takes: `python -m export.tflite_convert`, `python -m export.bundle`."""

import importlib.util
import os

from tfseg.console import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("KERAS_BACKEND", "tensorflow")  # the only backend that exports

for _package in ("tensorflow", "keras"):
    if importlib.util.find_spec(_package) is None:
        raise SystemExit(f"export needs {_package}; install it with: pip install 'tfseg[train]'")

with quiet():  # TensorFlow tells of every GPU that is not there
    import tensorflow  # noqa: F401
