"""The processes below one, as Linux tells of them."""

import os
from pathlib import Path


def descendants(process):
    """Command line of each process below the one of this number, by its own number."""
    found, parents = {}, {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(status.parent.name)] = int(status.read_text().rpartition(")")[2].split()[1])
            found[int(status.parent.name)] = (status.parent / "cmdline").read_bytes().replace(b"\0", b" ").decode()
        except OSError:  # it has ended
            continue
    below, more = {process}, {process}
    while more := {child for child, parent in parents.items() if parent in below} - below:
        below |= more
    return {child: found[child] for child in below - {process} if child in found}


def workers(process):
    """Numbers of the worker processes of a batch."""
    below = descendants(process).items()
    return [number for number, line in below if "sdk_worker_main" in line and not line.startswith("/bin/sh")]


def usage(process):
    """`(seconds, bytes)`: processor time so far, and resident memory; (0, 0) when it has ended."""
    try:
        fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0, 0
    ticks = sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK"), int(fields[21]) * os.sysconf("SC_PAGE_SIZE")
