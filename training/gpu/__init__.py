"""The long training on one graphics card, by PyTorch: photos, augmentation and network all live on the card.

    python -m training.gpu.weights person.keras init.npz
    python -m training.gpu.fit --init init.npz --data photos=1 --val-data val --minutes 10 --out trained.npz
    python -m training.gpu.weights trained.npz person.keras

`training.fit` is the training for everybody: it runs everywhere, stops and resumes. Its photos are augmented by the
processor, which keeps a large card waiting; here nothing waits, and nothing can be resumed either. It was tried with
PyTorch 2.11; in one process with TensorFlow, 2.15 ends in an abort while it loads Triton.
"""

import importlib.util

if importlib.util.find_spec("torch") is None:
    raise SystemExit("training.gpu needs PyTorch; install it with: pip install torch==2.11.0")
