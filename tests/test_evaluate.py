import hashlib
import json

import numpy as np
import pytest

from tfseg.image import read_image, write_image
from tfseg.pairs import Pair, find_pairs
from tfseg.segmenter import Segmenter
from training.evaluate import Candidate, evaluate, main
from training.summary import summarise, table


def square(left):
    """A square of 20x20 pixels in a photo of 40x60."""
    mask = np.zeros((40, 60), np.uint8)
    mask[10:30, left : left + 20] = 1
    return mask


class RedIsPerson:
    """Takes a photo's red channel for the person."""

    threshold = 0.5

    def alpha(self, image):
        return image[..., 0].astype(np.float32) / 255


@pytest.fixture
def labelled(tmp_path):
    """Makes a pair from what is found and what is true (None: a photo without a mask)."""

    def make(name, found, truth):
        image = np.zeros((*found.shape, 3), np.uint8)
        image[..., 0] = np.round(found * 255)
        write_image(tmp_path / "images" / f"{name}.png", image)
        if truth is None:
            return Pair(tmp_path / "images" / f"{name}.png", None)
        write_image(tmp_path / "masks" / f"{name}.png", truth * 255)
        return Pair(tmp_path / "images" / f"{name}.png", tmp_path / "masks" / f"{name}.png")

    return make


def test_the_truth_scores_one_everywhere(labelled):
    pair = labelled("a", square(10), square(10))
    (row,) = evaluate(RedIsPerson(), [pair])
    assert row == {
        "image": str(pair.image),
        "mask": str(pair.mask),
        "person_free": False,
        "false_person": 0,
        "dice": 1,
        "iou": 1,
        "boundary_f": 1,
        "mad": 0,
    }


def test_a_square_found_beside_its_place_gets_the_scores_of_hand(labelled):
    (row,) = evaluate(RedIsPerson(), [labelled("a", square(15), square(10))])
    assert row["dice"] == pytest.approx(2 * 15 * 20 / (400 + 400))
    assert row["iou"] == pytest.approx(15 * 20 / (2 * 400 - 15 * 20))
    assert row["mad"] == pytest.approx(2 * 5 * 20 / (40 * 60))
    assert row["false_person"] == pytest.approx(5 * 20 / (40 * 60))
    assert 0 < row["boundary_f"] < 1


def test_alpha_counts_for_the_difference_and_the_threshold_for_the_rest(labelled):
    doubtful = 0.6 * square(10)
    segmenter = RedIsPerson()
    (row,) = evaluate(segmenter, [labelled("a", doubtful, square(10))])
    assert (row["dice"], row["mad"]) == (1, pytest.approx(0.4 * 400 / 2400, abs=1e-3))
    segmenter.threshold = 0.7
    (row,) = evaluate(segmenter, [labelled("a", doubtful, square(10))])
    assert (row["dice"], row["mad"]) == (0, pytest.approx(0.4 * 400 / 2400, abs=1e-3))


def test_photos_without_a_person_are_reported_apart(labelled):
    nothing = np.zeros((40, 60), np.uint8)
    rows = evaluate(
        RedIsPerson(),
        [
            labelled("person", square(15), square(10)),
            labelled("empty", nothing, None),
            labelled("spoilt", square(15), None),
            labelled("masked", nothing, nothing),
        ],
    )
    assert [row["person_free"] for row in rows] == [False, True, True, True]
    summary = summarise(rows)
    assert summary["photos"] == 4
    assert summary["dice"]["mean"] == pytest.approx(0.75), "person-free photos do not count"
    assert summary["person_free"] == {
        "photos": 3,
        "pixels": pytest.approx(400 / 2400 / 3),
        "photos_over_1_percent": pytest.approx(1 / 3),
    }
    assert "dice" not in summarise(rows[1:])
    assert "person_free" not in summarise(rows[:1])


def test_the_command_writes_every_photos_scores_and_a_picture_of_the_worst(converted, photos, tmp_path, capsys):
    empty = tmp_path / "empty"
    write_image(empty / "images" / "grey.png", np.full((80, 50, 3), 120, np.uint8))
    out = tmp_path / "out"
    assert main(["--model", str(converted["int8"]), "--data", str(photos), str(empty), "--out", str(out)]) == 0
    results = json.loads((out / "results.json").read_text())
    segmenter = Segmenter.load(converted["int8"])
    rows = {str(photos): evaluate(segmenter, find_pairs(photos)), str(empty): evaluate(segmenter, find_pairs(empty))}
    assert results["photos"] == rows
    assert results["summary"] == {name: summarise(scores) for name, scores in rows.items()}
    assert results["beside"] == []
    assert results["sha256"] == hashlib.sha256(converted["int8"].read_bytes()).hexdigest()
    assert (results["model"], results["threshold"]) == (str(converted["int8"]), 0.5)
    assert table(results["summary"]) in capsys.readouterr().out
    assert sorted(path.name for path in out.iterdir()) == ["results.json", "worst.png"]
    # 21 photos in rows of four.
    assert read_image(out / "worst.png").shape[0] == 6 * (22 + 240 + 4)


def test_several_models_are_measured_on_the_same_photos(converted, photos, tmp_path, capsys):
    files = [str(converted["int8"]), str(converted["float16"])]
    assert main(["--model", *files, "--mirror", "--data", str(photos), "--out", str(tmp_path)]) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    names = [converted["int8"].name, f"{converted['int8'].name}, mirrored too", converted["float16"].name]
    assert [one["name"] for one in (results, *results["beside"])] == names
    assert results["beside"][1]["photos"] == {str(photos): evaluate(Segmenter.load(files[1]), find_pairs(photos))}
    lines = [line for line in capsys.readouterr().out.splitlines() if line.startswith(f"| {photos}")]
    assert [line.split(" | ")[0] for line in lines] == [f"| {photos}, {name}" for name in names]
    assert f" {results['beside'][1]['summary'][str(photos)]['dice']['mean']:.4f} [" in lines[2]


def test_a_mirrored_candidate_takes_the_mean_of_both_answers():
    left = Segmenter(lambda frame: np.tile(np.linspace(0, 1, 32, dtype=np.float32), (32, 1)), 32, 32)
    image = np.zeros((32, 32, 3), np.uint8)
    assert np.ptp(Candidate(left).alpha(image)) > 0.8
    np.testing.assert_allclose(Candidate(left, mirror=True).alpha(image), 0.5, atol=1e-6)


def test_a_bundle_is_measured_in_every_kind_that_is_named(bundle, photos, tmp_path):
    command = ["--model", str(bundle), "--kind", "float16", "int8", "--data", str(photos), "--out", str(tmp_path)]
    assert main(command) == 0
    results = json.loads((tmp_path / "results.json").read_text())
    assert ["float16" in results["name"], "int8" in results["beside"][0]["name"]] == [True, True]


@pytest.mark.parametrize(
    "arguments, named",
    [
        (
            ["--model", "{bundle}", "--kind", "int4", "--data", "{photos}"],
            "holds no 'int4' model, but int8, int8_float_edges, float16",
        ),
        (["--model", "{model}", "--peer", "rembg", "--data", "{photos}"], "'rembg' is not known"),
        (["--model", "missing.tflite", "--data", "{photos}", "--out", "out"], "missing.tflite: no such model"),
        (["--model", "{model}", "--data", "missing", "--out", "out"], "missing: no such folder"),
        (["--model", "{model}", "--data", "{photos}", "missing", "--out", "out"], "missing: no such folder"),
        (["--model", "{model}", "--data", "{photos}", "--out", "file/out"], "file"),
        (["--model", "{model}"], "--data"),
    ],
)
def test_what_cannot_be_evaluated_ends_in_one_line(
    arguments, named, converted, bundle, photos, tmp_path, capsys, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "file").write_text("in the way")
    try:
        status = main([word.format(photos=photos, model=converted["int8"], bundle=bundle) for word in arguments])
    except SystemExit as left:
        status = left.code
    error = capsys.readouterr().err
    assert status == 2
    assert error.startswith("training.evaluate: ") and named in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
