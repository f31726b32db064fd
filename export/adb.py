"""Models on the phone that adb reaches, timed by the user's copy of TensorFlow's `benchmark_model`.

Everything goes into one folder on the phone, which is removed again whatever happens. A delegate that gave the graph
back to the CPU is reported and never quoted as that delegate's time.
"""

import contextlib
import datetime
import hashlib
import re
import shutil
import subprocess
from pathlib import Path

from export.graph import read_operators
from export.macs import tflite_macs
from export.transcript import read_transcript

FOLDER = "/data/local/tmp/tfseg_benchmark"
PATIENCE = 300  # seconds for one command
PROPERTIES = {"maker": "ro.product.manufacturer", "phone": "ro.product.model", "platform": "ro.board.platform",
              "Android": "ro.build.version.release"}  # fmt: skip
# delegate, threads, what benchmark_model is told, and what the delegate calls itself
CONFIGURATIONS = (
    *(("cpu", n, (f"--num_threads={n}", "--use_xnnpack=true"), "TfLiteXNNPackDelegate") for n in (1, 2, 4)),
    *((f"gpu, {kind}", 1, ("--use_gpu=true", f"--gpu_precision_loss_allowed={allowed}"), "TfLiteGpuDelegateV2")
      for kind, allowed in (("float16 allowed", "true"), ("float32", "false"))),
    ("nnapi", 1, ("--use_nnapi=true",), "TfLiteNnapiDelegate"),
)  # fmt: skip
LOST = re.compile(r"device '.*' not found|device offline|no devices/emulators found|device still|error: closed", re.I)


class AdbError(ValueError):
    """The phone cannot be used; the message says why and what to do."""


class DeviceLost(AdbError):
    """The phone went away in the middle."""


def benchmark(models, binary, serial, runs):
    """Times every .tflite file in every configuration.

    Args:
        models: paths of .tflite files.
        binary: path of `benchmark_model` for the phone's processor.
        serial: of the phone; None where there is one only.
        runs: timed runs of each, at least.

    Returns:
        `{"machine", "rows", "lost"}`: as of the other delegates; `lost` is None, or why the phone went away. Rows that
        were finished before are kept. Percentiles are the tool's; one too old to print any gives mean, least and most.

    Raises:
        AdbError: no phone can be used, or the binary does not run there.
    """
    if not Path(binary).is_file():
        raise AdbError(f"--benchmark-binary: {binary}: no such file.")
    if others := [str(model) for model in models if model.suffix != ".tflite"]:
        raise AdbError(f"--adb: {', '.join(others)}: phones take .tflite files.")
    phone, rows, lost = Phone(serial), [], None
    try:
        machine = phone.describe()
        phone.adb("shell", f"mkdir -p {FOLDER}")
        phone.adb("push", str(binary), f"{FOLDER}/benchmark_model")
        phone.adb("shell", f"chmod 755 {FOLDER}/benchmark_model")
        for model in models:
            phone.adb("push", str(model), f"{FOLDER}/model.tflite")
            for configuration in CONFIGURATIONS:
                rows.append(_row(phone, model, runs, *configuration))
    except DeviceLost as error:
        if not rows:
            raise
        lost = str(error)
    finally:
        phone.clean_up()
    return {"machine": machine, "rows": rows, "lost": lost}


class Phone:
    """The one phone that commands go to. Raises AdbError where that is not clear."""

    def __init__(self, serial=None):
        self.program = shutil.which("adb")
        if self.program is None:
            raise AdbError("--adb: no adb on the PATH; it comes with Android's platform tools (Debian: adb).")
        lines = subprocess.run([self.program, "devices"], capture_output=True, text=True, timeout=PATIENCE).stdout
        states = dict(re.findall(r"^(\S+)\t(.+)$", lines, re.M))
        if serial and serial not in states:
            raise AdbError(f"--serial: {serial} is not connected; connected: {', '.join(states) or 'none'}.")
        if not states:
            raise AdbError("--adb: no device; connect a phone with USB debugging switched on.")
        if not serial and len(states) > 1:
            raise AdbError(f"--adb: {len(states)} devices; name one with --serial: {', '.join(states)}.")
        self.serial = serial or next(iter(states))
        state = states[self.serial].strip()
        if state == "unauthorized":
            raise AdbError(f"--adb: {self.serial} is unauthorised; allow USB debugging in the phone's dialogue.")
        if state != "device":
            raise AdbError(f"--adb: {self.serial} is not ready: {state}.")

    def adb(self, *arguments, check=True):
        """Runs an adb command on the phone; its output, both streams. Raises DeviceLost, AdbError."""
        command = [self.program, "-s", self.serial, *arguments]
        try:
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            raise DeviceLost(f"--adb: {self.serial} has not answered for {PATIENCE} seconds.") from None
        output = done.stdout.decode(errors="replace").replace("\r", "")
        if done.returncode and LOST.search(output):
            raise DeviceLost(f"--adb: {self.serial} was lost: {output.strip().splitlines()[-1]}")
        if done.returncode and check:
            words = output.strip().splitlines() or ["nothing was printed"]
            raise AdbError(f"--adb: `{' '.join(arguments)[:120]}` failed: {words[-1][:200]}")
        return output

    def describe(self):
        """Maker, model, platform, Android version and date: a dict of strings."""
        known = {name: self.adb("shell", f"getprop {key}").strip() for name, key in PROPERTIES.items()}
        return known | {"serial": self.serial, "date": datetime.datetime.now(datetime.UTC).date().isoformat()}

    def clean_up(self):
        """Removes the folder from the phone, if that is still there."""
        with contextlib.suppress(AdbError):
            self.adb("shell", f"rm -rf {FOLDER}", check=False)


def _row(phone, model, runs, delegate, threads, flags, name):
    command = [f"{FOLDER}/benchmark_model", f"--graph={FOLDER}/model.tflite", f"--num_runs={runs}", *flags]
    output = phone.adb("shell", " ".join([*command, "--report_peak_memory_footprint=true"]), check=False)
    content = model.read_bytes()
    row = {
        "name": model.stem, "file": str(model), "delegate": delegate, "threads": threads, "fault": False,
        "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest(), "macs": tflite_macs(content),
        "operators": len(read_operators(content)), "samples": {},
    }  # fmt: skip
    return row | read_transcript(output, name)
