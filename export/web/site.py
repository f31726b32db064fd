"""The files of the page: its own, the bundle, and LiteRT.js."""

import hashlib
import json
import os
import re
import secrets
import shutil
from pathlib import Path

from export.bundle import check_bundle
from export.web.packages import CACHE, LITERT, WASM_UTILS, read_package
from tfseg.image import write_image
from tfseg.sample import portraits

PAGE = Path(__file__).parent / "page"
# What LiteRT.js chooses among: with and without relaxed SIMD, and with threads on a host that isolates the page.
WASM = ("litert_wasm_internal", "litert_wasm_compat_internal", "litert_wasm_threaded_internal")
# Kept for offline use when they are first used, since a visitor needs few of them.
ON_DEMAND = re.compile(r"litert/litert_wasm|.*\.(tflite|png)$|service-worker\.js")


def build(out, bundle, cache=CACHE):
    """Writes the site, whole or not at all.

    Args:
        out: folder that does not exist, is empty, or holds a site that was written before, which is replaced.
        bundle: folder of the model, as `export.bundle` writes it.
        cache: folder that keeps what comes from the npm registry.

    Returns:
        Bytes of all files.

    Raises:
        ValueError: `out` holds something else, the bundle is damaged, or LiteRT.js cannot be had.
    """
    if out.exists() and (not out.is_dir() or (any(out.iterdir()) and not (out / "service-worker.js").exists())):
        raise ValueError(f"--out: {out} holds something else than a site; name a new folder.")
    check_bundle(bundle)
    litert = litert_files(cache)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".{secrets.token_hex(6)}")
    try:
        shutil.copytree(PAGE, draft)
        shutil.copytree(bundle, draft / "model")
        write_image(draft / "example.jpg", portraits()["grace_hopper"][0])
        for name, content in litert.items():
            path = draft / "litert" / name
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(content)
        _write_service_worker(draft)
        size = sum(path.stat().st_size for path in draft.rglob("*") if path.is_file())
        if out.exists():
            shutil.rmtree(out)
        os.replace(draft, out)
    finally:
        shutil.rmtree(draft, ignore_errors=True)
    return size


def litert_files(cache=CACHE):
    """LiteRT.js as the page loads it: name to bytes. Raises PackageError."""
    core, utils = read_package(LITERT, cache), read_package(WASM_UTILS, cache)
    # A worker has no import map: the one import by a package's name becomes one by path.
    script = core["dist/index.js"].replace(b'"@litertjs/wasm-utils"', b'"./wasm-utils.js"')
    files = {"core.js": script, "wasm-utils.js": utils["dist/index.js"]}
    return files | {f"{name}{end}": core[f"wasm/{name}{end}"] for name in WASM for end in (".js", ".wasm")}


def _write_service_worker(site):
    """Tells the service worker which files there are, and a version that changes with any of them."""
    files = {path.relative_to(site).as_posix(): path for path in site.rglob("*") if path.is_file()}
    names = sorted(files)
    sums = "".join(f"{hashlib.sha256(files[name].read_bytes()).hexdigest()} {name}\n" for name in names)
    version = hashlib.sha256(sums.encode()).hexdigest()[:16]
    shell = ["./", *(name for name in names if not ON_DEMAND.match(name))]
    worker = site / "service-worker.js"
    script = worker.read_text()
    for name, value in {"VERSION": version, "SHELL": shell}.items():
        script = re.sub(rf"const {name} = .*?;", f"const {name} = {json.dumps(value)};", script)
    worker.write_text(script)
