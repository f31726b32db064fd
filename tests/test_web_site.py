"""The site as its builder writes it; what it does in a browser is tested in test_web_page.py."""

import re
import shutil
import subprocess

import pytest

from export.web.__main__ import main
from export.web.packages import LITERT, WASM_UTILS, PackageError, read_package
from export.web.site import PAGE, litert_files
from tfseg.segmenter import BUNDLED

MODULES = sorted(PAGE.glob("*.js"))


@pytest.fixture(scope="session")
def litert():
    """LiteRT.js, from the cache or from npm."""
    try:
        return litert_files()
    except PackageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def site(tmp_path_factory, litert):
    out = tmp_path_factory.mktemp("web") / "site"
    assert main(["--out", str(out)]) == 0
    return out


def contents(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_site_holds_the_page_the_bundle_and_the_runtime(site):
    written = contents(site)
    for name, content in contents(PAGE).items():
        assert name == "service-worker.js" or written[name] == content
    assert contents(site / "model") == contents(BUNDLED)
    assert written["litert/litert_wasm_internal.wasm"].startswith(b"\0asm")


def test_the_runtime_asks_for_no_package_by_its_name(litert):
    imported = re.findall(rb'(?:from|import\()\s*"([^"]+)"', litert["core.js"])
    assert imported == [b"./wasm-utils.js"]


@pytest.mark.parametrize("module", MODULES, ids=[path.name for path in MODULES])
def test_every_file_that_a_module_or_the_page_names_is_there(module):
    text = module.read_text()
    named = re.findall(r'(?:from |import\(|Worker\(|register\()"\.?/?([\w-]+\.js)"', text)
    for name in named:
        assert (PAGE / name).exists()
    assert module.name in "".join(path.read_text() for path in [*MODULES, PAGE / "index.html"] if path != module)


def test_the_service_worker_keeps_what_every_visit_needs_and_nothing_that_is_missing(site):
    script = (site / "service-worker.js").read_text()
    shell = re.findall(r'"([^"]*)"', re.search(r"const SHELL = \[(.*?)\];", script).group(1))
    assert shell[0] == "./" and all((site / name).exists() for name in shell)
    assert {path.name for path in [*MODULES, PAGE / "index.html"]} - {"service-worker.js"} <= set(shell)
    assert "model/model.json" in shell and "litert/core.js" in shell
    assert not [name for name in shell if name.endswith((".wasm", ".tflite"))]


def test_the_same_files_give_the_same_version_and_another_model_another(site, litert, bundle, tmp_path):
    def version(folder):
        return re.search(r'VERSION = "(\w{16})"', (folder / "service-worker.js").read_text()).group(1)

    assert main(["--out", str(tmp_path / "again")]) == 0
    assert contents(tmp_path / "again") == contents(site)
    assert main(["--out", str(tmp_path / "other"), "--bundle", str(bundle)]) == 0
    assert version(tmp_path / "other") != version(site)


def test_a_site_is_replaced_whole_and_nothing_else_is_touched(site, litert, tmp_path, capsys):
    old = shutil.copytree(site, tmp_path / "site")
    (old / "left-over.js").write_text("old")
    assert main(["--out", str(old)]) == 0
    assert contents(old) == contents(site)
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert main(["--out", str(tmp_path / "mine")]) == 2
    error = capsys.readouterr().err
    assert error.startswith("export.web: --out:") and "something else" in error and error.count("\n") == 1
    assert contents(tmp_path / "mine") == {"thesis.txt": b"years of work"}
    assert sorted(path.name for path in tmp_path.iterdir()) == ["mine", "site"]


def test_a_damaged_bundle_makes_no_site(tmp_path, capsys):
    copy = shutil.copytree(BUNDLED, tmp_path / "person")
    (copy / "model.json").write_text("{}")
    assert main(["--out", str(tmp_path / "site"), "--bundle", str(copy)]) == 2
    error = capsys.readouterr().err
    assert error.startswith("export.web: ") and "model.json" in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["person"]


def test_without_npm_the_message_says_what_to_put_where(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", "")
    with pytest.raises(PackageError, match="npm, which is not installed") as caught:
        read_package(LITERT, tmp_path)
    assert LITERT.url in str(caught.value) and str(tmp_path / "litertjs-core-2.5.3.tgz") in str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_npm_says_when_it_fails_is_told(tmp_path, monkeypatch):
    # Stands in for a registry that cannot be reached.
    npm = tmp_path / "bin" / "npm"
    npm.parent.mkdir()
    npm.write_text("#!/bin/sh\necho 'npm error network request to registry failed' >&2\nexit 1\n")
    npm.chmod(0o755)
    monkeypatch.setenv("PATH", f"{npm.parent}:/usr/bin:/bin")
    with pytest.raises(PackageError, match="npm error network request to registry failed") as caught:
        read_package(WASM_UTILS, tmp_path / "cache")
    assert WASM_UTILS.url in str(caught.value)
    assert not list((tmp_path / "cache").iterdir())


def test_another_tarball_than_the_pinned_one_is_refused(tmp_path):
    (tmp_path / LITERT.archive).write_bytes(b"something else")
    with pytest.raises(PackageError, match="its sha512 is another. Delete the file"):
        read_package(LITERT, tmp_path)


def test_npm_fetches_the_pinned_tarball(tmp_path):
    if not shutil.which("npm"):
        pytest.skip("npm is not installed")
    try:
        files = read_package(WASM_UTILS, tmp_path)
    except PackageError as error:
        pytest.skip(str(error))
    assert b"createWasmLib" in files["dist/index.js"]
    assert [path.name for path in tmp_path.iterdir()] == [WASM_UTILS.archive]


@pytest.mark.parametrize("module", MODULES, ids=[path.name for path in MODULES])
def test_every_script_parses(module):
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    kind = "commonjs" if module.name in ("support.js", "worker.js", "service-worker.js") else "module"
    command = ["node", f"--input-type={kind}", "--check"]
    done = subprocess.run(command, input=module.read_text(), capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
