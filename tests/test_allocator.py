import platform
import subprocess
import sys

import pytest

COUNT = """
import resource, sys
import numpy as np
from tfseg.allocator import keep_freed_memory
if sys.argv[1] == "kept":
    keep_freed_memory()
def frame():
    return np.ones((720, 1280, 3), np.float32)
frame()
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(10):
    frame()
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="the setting is glibc's")
def test_freed_arrays_are_used_again_instead_of_new_pages():
    kept = int(subprocess.run([sys.executable, "-c", COUNT, "kept"], capture_output=True, check=True).stdout)
    assert kept < 100, f"{kept} new pages for ten arrays of 11 MB"
