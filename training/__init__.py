"""Training and evaluation: `python -m training.fit`, `python -m training.evaluate`."""

import importlib.util
import os

from tfseg.console import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

for _package in ("tensorflow", "keras", "albumentations", "matplotlib"):
    if importlib.util.find_spec(_package) is None:
        raise SystemExit(f"training needs {_package}; install it with: pip install 'tfseg[train]'")

with quiet():  # TensorFlow tells of every GPU that is not there
    import tensorflow  # noqa: F401
