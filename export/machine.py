"""On what a benchmark ran."""

import datetime
import os
import platform
import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import tfseg

PACKAGES = ("ai-edge-litert", "tensorflow", "keras", "numpy", "opencv-python-headless", "av")


def describe_machine():
    """CPU, cores, memory, system, versions and date, by name: a dict of strings."""
    versions = ", ".join(f"{package} {_version(package)}" for package in PACKAGES)
    load = f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "not known"
    return {
        "cpu": cpu_model(),
        "cores": str(os.cpu_count()),
        "load before": load,
        "memory": _memory(),
        "system": platform.platform(),
        "versions": f"tfseg {tfseg.__version__}, Python {platform.python_version()}, {versions}",
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
    }


def cpu_model():
    """The processor's name as Linux gives it, with its revision where the name says little; elsewhere Python's."""
    path = Path("/proc/cpuinfo")
    text = path.read_text() if path.exists() else ""
    fields = dict(re.findall(r"^(model name|cpu family|model)\s*: (.+)$", text, re.M))
    if "model name" not in fields:
        return platform.processor() or platform.machine()
    return f"{fields['model name']} (family {fields.get('cpu family', '?')}, model {fields.get('model', '?')})"


def _memory():
    try:
        return f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB"
    except (AttributeError, ValueError, OSError):
        return "not known"


def _version(package):
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"
