"""Training and evaluation: `python -m training.fit`, `python -m training.evaluate`."""

import importlib.util
import os

from tfseg.console import quiet

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

for _package in ("tensorflow", "keras", "albumentations", "matplotlib"):
    if importlib.util.find_spec(_package) is None:
        raise SystemExit(f"training needs {_package}; install it with: pip install 'tfseg[train]'")

_backend = os.environ.get("KERAS_BACKEND") or "tensorflow"
_packages = {"tensorflow": "'tfseg[train]'", "jax": "'tfseg[train,jax]'", "torch": "torch"}
if _backend not in _packages:
    raise SystemExit(f"KERAS_BACKEND must be one of {', '.join(_packages)}; received {_backend!r}.")
if importlib.util.find_spec(_backend) is None:
    raise SystemExit(f"KERAS_BACKEND={_backend} needs {_backend}; install it with: pip install {_packages[_backend]}")

with quiet():  # TensorFlow tells of every GPU that is not there
    import tensorflow  # noqa: F401
