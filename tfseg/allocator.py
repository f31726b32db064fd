"""Memory that is freed and asked for again, frame after frame.

glibc gives arrays of megabytes back to the system when they are freed. The next frame's arrays are then new pages, each
of which the system fills with zeros first: about half of the time of a video's effect.
"""

import contextlib
import ctypes

TRIM_THRESHOLD, MMAP_THRESHOLD = -1, -3  # glibc's names of the settings, malloc.h
LARGEST = (
    32 * 2**20
)  # bytes; of what is freed, up to here goes on being used: a float frame of 1920x1080 has 25 million
KEPT = 256 * 2**20  # bytes that stay with the process


def keep_freed_memory():
    """Has freed memory used again, in the whole process from here on; where the allocator is not glibc's, nothing."""
    with contextlib.suppress(OSError, AttributeError, TypeError):  # no such library, or no such setting in it
        settings = ctypes.CDLL(None)
        settings.mallopt(MMAP_THRESHOLD, LARGEST)
        settings.mallopt(TRIM_THRESHOLD, KEPT)
