"""Real photos through real engines: Beam's own, in one process and in several, and Prism, which has a server."""

import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import workers

from tfseg.batch import main
from tfseg.cli import choose_recipe
from tfseg.cli import parse as parse_cli
from tfseg.image import read_image, write_image
from tfseg.pairs import find_pairs, read_pair
from tfseg.pseudolabel import pseudo_label
from tfseg.results import develop
from tfseg.sample import portraits
from tfseg.segmenter import Segmenter

PRISM = Path(sys.executable).parent / "prism"
ENGINES = {"DirectRunner": [], "PrismRunner": ["--prism_location", str(PRISM)]}
NAMES = ["a.jpg", "a.png", "x/a.jpg", "x/deep er/b.webp", "c.JPG"]


@pytest.fixture
def beam():
    pytest.importorskip("apache_beam", reason="apache-beam is not installed; make test-beam has it")


@pytest.fixture(params=ENGINES)
def engine(request, beam):
    if request.param == "PrismRunner" and not PRISM.exists():
        pytest.skip("Prism is not there; make test-beam builds it")
    return ["--runner", request.param, *ENGINES[request.param]]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """The current folder, with small portraits as `NAMES` in a tree, and one file that only looks like a photo."""
    monkeypatch.chdir(tmp_path)
    people = [photo for photo, _ in portraits().values()]
    for index, name in enumerate(NAMES):
        write_image(f"photos/{name}", np.ascontiguousarray(people[index % 2][:: 2 + index, :: 2 + index]))
    Path("photos/x/text.jpg").write_text("no picture")
    return tmp_path


def cutout(*arguments, effect="cutout", out="out"):
    return main(["--input", "photos/**", "--output", out, "--effect", effect, *arguments])


def stamps(folder):
    return {
        str(path.relative_to(folder)): path.stat().st_mtime_ns for path in Path(folder).rglob("*") if path.is_file()
    }


def lines(path):
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def expected(name, effect):
    options = parse_cli([effect, "-"])
    return develop(f"photos/{name}", choose_recipe(options), ".jpg" if effect == "blur" else ".png")


REPORTS = {"batch.json", "failed.jsonl", "metrics.json"}


def test_results_are_those_of_tfseg_and_all_photos_are_accounted_for(folder, engine, capfd):
    inputs = stamps("photos")
    assert cutout(*engine) == 1
    assert stamps("photos") == inputs
    assert stamps("out").keys() == {f"{name}.png" for name in NAMES} | REPORTS
    for name in NAMES:
        assert Path(f"out/{name}.png").read_bytes() == expected(name, "cutout"), name
    [failed] = lines("out/failed.jsonl")
    assert failed["file"] == str(folder / "photos/x/text.jpg") and "not a picture" in failed["reason"]
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert [metrics[name] for name in ("photos", "kept", "failures")] == [5, 0, 1]
    assert metrics["bytes_read"] == sum(Path(f"photos/{name}").stat().st_size for name in NAMES)
    assert metrics["bytes_written"] == sum(Path(f"out/{name}.png").stat().st_size for name in NAMES)
    assert 0 < metrics["milliseconds"]["min"] <= metrics["milliseconds"]["mean"] <= metrics["milliseconds"]["max"]
    assert "5 made, 0 there already, 1 failed" in capfd.readouterr().out


@pytest.mark.parametrize("effect, extension", [("mask", "png"), ("blur", "jpg")])
def test_the_other_effects_are_those_of_tfseg(folder, beam, effect, extension):
    assert cutout(effect=effect) == 1
    for name in NAMES:
        assert Path(f"out/{name}.{extension}").read_bytes() == expected(name, effect), name


def test_a_second_run_makes_what_is_missing_and_nothing_else(folder, beam, capfd):
    assert cutout() == 1
    before = stamps("out")
    Path("out/x/a.jpg.png").unlink()
    Path("photos/x/text.jpg").unlink()
    capfd.readouterr()
    assert cutout() == 0
    assert "1 made, 4 there already, 0 failed" in capfd.readouterr().out
    after = stamps("out")
    assert after.keys() == before.keys() and lines("out/failed.jsonl") == []
    assert {name for name in after if after[name] != before[name]} == {"x/a.jpg.png"} | REPORTS


def test_what_cannot_be_written_is_listed_and_stops_nothing(folder, beam):
    Path("out").mkdir()
    Path("out/x").write_text("in the way of a folder")
    assert cutout() == 1
    assert {Path(failed["file"]).name for failed in lines("out/failed.jsonl")} == {"a.jpg", "b.webp", "text.jpg"}
    assert stamps("out").keys() == {"a.jpg.png", "a.png.png", "c.JPG.png", "x"} | REPORTS


def test_a_photo_that_the_model_fails_on_stops_no_other(folder, beam, monkeypatch):
    """Stands in for a photo that takes more memory than there is."""
    height = read_image("photos/a.png").shape[0]

    def alpha(self, image, mirror, whole=Segmenter.alpha):
        if image.shape[0] == height:
            raise MemoryError("cannot allocate")
        return whole(self, image, mirror)

    monkeypatch.setattr(Segmenter, "alpha", alpha)
    assert cutout() == 1
    failed = {Path(failed["file"]).name: failed["reason"] for failed in lines("out/failed.jsonl")}
    assert failed.keys() == {"a.png", "text.jpg"} and failed["a.png"] == "cannot allocate"
    assert stamps("out").keys() == {f"{name}.png" for name in NAMES if name != "a.png"} | REPORTS


def test_pseudo_labels_are_pairs_to_train_on(folder, engine):
    assert cutout(*engine, effect="pseudo-label", out="labels") == 1
    pairs = find_pairs("labels")
    assert [pair.image.name for pair in pairs] == sorted(
        f"{name.replace('/', '%2F')}{Path(name).suffix.lower()}" for name in NAMES
    )
    segmenter = Segmenter.load()
    for pair in pairs:
        image, mask = read_pair(pair)
        assert pair.image.read_bytes() == Path("photos", pair.image.stem.replace("%2F", "/")).read_bytes()
        np.testing.assert_array_equal(mask, pseudo_label(segmenter.alpha(image, mirror=True), segmenter.threshold)[0])
    assert {label["file"] for label in lines("labels/labels.jsonl")} == {
        str(folder / "photos" / name) for name in NAMES
    }


def test_unsure_pseudo_labels_are_listed_and_dropped(folder, beam, capfd):
    cutout(effect="pseudo-label", out="all")
    scores = sorted(label["confidence"] for label in lines("all/labels.jsonl"))
    between = str((scores[1] + scores[2]) / 2)
    for _ in range(2):  # the second run tells of what the first has made
        assert cutout("--min-confidence", between, effect="pseudo-label", out="sure") == 1
        labels = lines("sure/labels.jsonl")
        assert sorted(label["confidence"] for label in labels) == scores
        assert len(find_pairs("sure")) == sum(label["kept"] for label in labels) == 3
        assert {label["file"] for label in labels if not label["kept"]} == {
            label["file"] for label in lines("all/labels.jsonl") if label["confidence"] in scores[:2]
        }


def test_a_training_takes_pseudo_labels(folder, beam, fit_small):
    pytest.importorskip("tensorflow", reason="TensorFlow is not installed beside apache-beam; make test-beam has it")
    cutout(effect="pseudo-label", out="labels")
    assert fit_small(folder / "run", "--data", "labels", "--epochs", "1") == 0
    assert (folder / "run/best_dice.keras").exists()


@pytest.mark.parametrize(
    "arguments, said",
    [
        (["--input", "photos/*.tiff"], "--input: {}/photos/*.tiff matches nothing"),
        (["--input", "gs://nowhere/*.jpg"], "--input: gs://nowhere/*.jpg: "),
        (["--output", "photos/out"], "--output: photos/out lies where --input looks for photos"),
        (["--output", "photos/c.JPG/out", "--input", "photos/*.png"], "--output: {}/photos/c.JPG/out: "),
        (["--effect", "mask"], "--output: {}/there holds results of another batch (effect cutout)"),
        (["--input", "photos/x/*"], "--output: {}/there holds results of another batch (below {}/photos/)"),
        (["--min-confidence", "2"], "--min-confidence: 2.0 is out of range"),
        (["--min-confidence", "0.5"], "--min-confidence: is for --effect pseudo-label"),
        (["--workers", "0"], "--workers: received 0 for DirectRunner"),
        (["--workers", "2", "--runner", "FlinkRunner"], "--workers: received 2 for FlinkRunner"),
        (["--wokers", "2"], "--wokers: neither an option of tfseg.batch nor of Beam's DirectRunner"),
        (["--model", "missing.tflite"], "missing.tflite: no such model"),
    ],
)
def test_what_is_asked_wrongly_is_told_in_a_line(folder, beam, capfd, arguments, said):
    there = {"below": f"{folder}/photos/", "effect": "cutout", "model": None, "min_confidence": 0}
    Path("there").mkdir()
    Path("there/batch.json").write_text(json.dumps(there))
    before = stamps(".")
    assert cutout(*arguments, out="there") == 2
    [line] = capfd.readouterr().err.splitlines()
    assert line.startswith("tfseg.batch: " + said.replace("{}", str(folder)))
    assert stamps(".") == before


def test_without_beam_it_says_what_to_install(folder, monkeypatch, capsys):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert cutout() == 2
    assert capsys.readouterr().err == "tfseg.batch: needs Apache Beam; install it with: pip install 'tfseg[beam]'\n"


@pytest.mark.parametrize("option, there_is", [("--effect", "pseudo-label"), ("--runner", "FlinkRunner")])
def test_an_unknown_effect_or_engine_is_refused_with_those_there_are(folder, capsys, option, there_is):
    with pytest.raises(SystemExit, match="2"):
        cutout(option, "sharpen")
    assert there_is in capsys.readouterr().err


def test_beam_is_imported_only_to_run_a_batch():
    code = "import sys, tfseg, tfseg.batch, tfseg.products; print('apache_beam' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "False\n"


def start_two_workers(count):
    """A batch of so many photos in two processes."""
    people = [photo for photo, _ in portraits().values()]
    for index in range(count):
        write_image(f"many/{index}.jpg", people[index % 2])
    command = ["-m", "tfseg.batch", "--input", "many/*", "--output", "out", "--effect", "mask", "--workers", "2"]
    return subprocess.Popen(
        [sys.executable, *command],
        env=os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def working(batch):
    """The worker processes of a batch, once there are results and still photos to do."""
    until = time.monotonic() + 300
    while len(list(Path("out").glob("*.png"))) < 2:
        assert batch.poll() is None and time.monotonic() < until, batch.communicate()
        time.sleep(0.05)
    return workers(batch.pid)


def test_a_worker_that_is_killed_loses_nothing(folder, beam):
    batch = start_two_workers(24)
    os.kill(working(batch)[0], signal.SIGKILL)
    printed, error = batch.communicate(timeout=600)
    assert batch.returncode == 0 and "a worker process died" in error, error
    metrics = json.loads(Path("out/metrics.json").read_text())
    assert metrics["photos"] + metrics["kept"] == 24 and metrics["kept"] >= 2
    assert {path.name for path in Path("out").glob("[!.]*.png")} == {f"{index}.jpg.png" for index in range(24)}


def test_a_batch_that_is_killed_takes_its_workers_along_and_goes_on(folder, beam):
    batch = start_two_workers(24)
    processes = working(batch)
    batch.kill()
    batch.communicate(timeout=60)
    until = time.monotonic() + 60
    while any(Path(f"/proc/{process}/cmdline").exists() for process in processes):
        assert time.monotonic() < until
        time.sleep(0.1)
    before = {path: path.stat().st_mtime_ns for path in Path("out").glob("[!.]*.png")}
    assert 2 <= len(before) < 24
    assert main(["--input", "many/*", "--output", "out", "--effect", "mask"]) == 0
    assert json.loads(Path("out/metrics.json").read_text())["kept"] == len(before)
    assert len(list(Path("out").glob("[!.]*.png"))) == 24
    assert {path: path.stat().st_mtime_ns for path in before} == before


@pytest.fixture
def store(beam):
    """A real S3 server on the loopback, with a bucket "mine"; gives a client, and the options that lead to it."""
    server = pytest.importorskip("moto.server", reason="moto is not installed; make test-beam has it")
    import boto3

    server = server.ThreadedMotoServer(port=0, verbose=False)
    server.start()
    address, keys = "http://{}:{}".format(*server.get_host_and_port()), ("some", "secret")
    session = boto3.Session(*keys, region_name="us-east-1")
    client = session.client("s3", endpoint_url=address)
    client.create_bucket(Bucket="mine")
    options = ["--s3_endpoint_url", address, "--s3_access_key_id", keys[0], "--s3_secret_access_key", keys[1]]
    yield client, [*options, "--s3_region_name", "us-east-1"]
    server.stop()


@pytest.mark.parametrize("workers", ["1", "2"])
def test_from_an_object_store_into_it(folder, store, workers):
    client, options = store
    for name in [*NAMES, "x/text.jpg"]:
        client.upload_file(f"photos/{name}", "mine", f"in/{name}")
    command = ["--input", "s3://mine/in/**", "--output", "s3://mine/out", "--effect", "mask", "--workers", workers]
    assert main([*command, *options]) == 1

    def stored():
        entries = client.list_objects_v2(Bucket="mine", Prefix="out/")["Contents"]
        return {entry["Key"].removeprefix("out/"): entry["LastModified"] for entry in entries}

    assert stored().keys() == {f"{name}.png" for name in NAMES} | REPORTS
    for name in NAMES:
        assert client.get_object(Bucket="mine", Key=f"out/{name}.png")["Body"].read() == expected(name, "mask")
    [failed] = client.get_object(Bucket="mine", Key="out/failed.jsonl")["Body"].read().splitlines()
    assert json.loads(failed)["file"] == "s3://mine/in/x/text.jpg"
    assert main([*command, *options]) == 1
    metrics = json.loads(client.get_object(Bucket="mine", Key="out/metrics.json")["Body"].read())
    assert [metrics[name] for name in ("photos", "kept", "failures")] == [0, 5, 1]
