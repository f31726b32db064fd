import hashlib
import json
import shutil

import cv2
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from export.bundle import KINDS, check_bundle, main
from export.graph import check_operators, read_operators
from export.modelcard import measured_table, read_results
from tfseg.image import read_image
from tfseg.letterbox import letterbox
from tfseg.matte import DOUBT
from tfseg.sample import person_free, portraits
from tfseg.segmenter import BUNDLED, Segmenter
from training import evaluate
from training.summary import table


@pytest.fixture(params=["drawn", "shipped"])
def folder(request):
    """The bundle of the small network, and the one that ships."""
    return BUNDLED if request.param == "shipped" else request.getfixturevalue("bundle")


def contract(folder):
    return json.loads((folder / "model.json").read_text())


def files(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def rebuild(out, trained, photos, *arguments):
    given = {
        "--model": trained / "best_dice.keras",
        "--calibration": photos,
        "--out": out,
        "--report": trained.with_name("bundle_parity"),
    }
    return main([*(str(word) for pair in given.items() for word in pair), *arguments])


def test_checksums_cover_every_other_file_and_hold(folder):
    contents = files(folder)
    listed = dict(reversed(line.split("  ")) for line in contents.pop("SHA256SUMS").decode().splitlines())
    assert listed == {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    assert list(listed) == sorted(listed)


def test_every_model_holds_only_what_a_phone_runs(folder):
    for kind, model in contract(folder)["models"].items():
        integers = kind in ("int8", "int8_landscape")
        check_operators(read_operators((folder / model["file"]).read_bytes()), int8=integers)


def test_the_contract_says_what_the_interpreter_reports(folder):
    model_json = contract(folder)
    assert (model_json["format"], model_json["name"], model_json["default"]) == (1, folder.name, "int8")
    assert set(model_json["models"]) >= {"int8", "float16"}
    for kind, model in model_json["models"].items():
        content = (folder / model["file"]).read_bytes()
        assert (model["bytes"], model["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
        interpreter = Interpreter(model_content=content, num_threads=1)
        for end, (detail,) in (
            ("input", interpreter.get_input_details()),
            ("output", interpreter.get_output_details()),
        ):
            assert model[end]["shape"] == detail["shape"].tolist()
            assert model[end]["dtype"] == np.dtype(detail["dtype"]).name
            bytes_at_the_ends = kind in ("int8", "int8_landscape")
            assert model[end]["dtype"] == ("uint8" if bytes_at_the_ends else "float32")
            scale, zero_point = detail["quantization"] if bytes_at_the_ends else (1, 0)
            assert (model[end]["scale"], model[end]["zero_point"]) == (scale, zero_point)
        size = [model_json["input"]["height"], model_json["input"]["width"]]
        assert model["input"]["shape"] == [1, *(size[::-1] if kind.endswith("landscape") else size), 3]
    assert model_json["models"]["int8"]["input"]["scale"] == 1 and model_json["threshold"] == 0.5


@pytest.mark.parametrize("kind", [*KINDS, *(f"{kind}_landscape" for kind in KINDS)])
def test_a_port_that_knows_only_the_contract_replays_the_golden_pairs(folder, kind):
    model_json = contract(folder)
    if kind not in model_json["models"]:
        pytest.skip(f"{folder.name} was bundled without {kind}")
    model, golden = model_json["models"][kind], model_json["golden"]
    interpreter = Interpreter(str(folder / model["file"]), num_threads=2)
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    pairs = [pair for pair in golden["pairs"] if kind in pair]
    assert len(pairs) == 3
    for pair in pairs:
        frame, expected = (np.asarray(Image.open(folder / pair[name])) for name in ("input", kind))
        values = frame / model["input"]["scale"] + model["input"]["zero_point"]
        interpreter.set_tensor(taken["index"], values[None].astype(model["input"]["dtype"]))
        interpreter.invoke()
        answer = interpreter.get_tensor(given["index"])[0, ..., 0].astype(np.float32)
        probability = (answer - model["output"]["zero_point"]) * model["output"]["scale"]
        step = model["output"]["scale"] if model["output"]["dtype"] == "uint8" else 1 / 255
        assert expected.shape == probability.shape and expected.dtype == np.uint8
        assert np.abs(probability / step - expected).mean() <= golden["mean_absolute_tolerance"]


def test_the_golden_inputs_are_the_embedded_photos_letterboxed_by_the_contract(folder):
    model_json = contract(folder)
    height, width, rule = (model_json["input"][name] for name in ("height", "width", "resize"))
    assert (rule["rule"], rule["place"]) == ("letterbox", "centre")
    photos = [image for image, _ in portraits().values()] + [person_free()]
    pairs = model_json["golden"]["pairs"]
    for pair, photo in zip(pairs[:3], photos, strict=True):
        frame = np.asarray(Image.open(folder / pair["input"]))
        assert np.array_equal(frame, letterbox(photo, height, width, rule["pad_value"])[0])
    for pair, photo in zip(pairs[3:], photos if pairs[3:] else [], strict=True):
        frame = np.asarray(Image.open(folder / pair["input"]))
        assert np.array_equal(frame, letterbox(photo, width, height, rule["pad_value"])[0])


def test_the_golden_photos_show_every_stage_between_photo_and_alpha(bundle):
    """A port that knows only the contract's numbers, with the network's answer taken from the picture."""
    model_json = contract(bundle)
    photos, rule = model_json["golden"]["photos"], model_json["output"]["upsample"]
    landscape = []
    for golden in photos:
        pixels = {stage: read_image(bundle / golden[stage]) for stage in ("photo", "frame", "answer", "alpha")}
        model, photo = model_json["models"][golden["model"]], pixels["photo"]
        height, width = model["input"]["shape"][1:3]
        frame, box = letterbox(photo, height, width, model_json["input"]["resize"]["pad_value"])
        assert np.array_equal(pixels["frame"], frame)
        inside = np.s_[box.top : box.top + box.height, box.left : box.left + box.width]
        probability = pixels["answer"][inside][..., 0] * np.float32(model["output"]["scale"])
        side = 2 * rule["radius"] + 1

        def mean(values, side=side):
            return cv2.blur(values, (side, side), borderType=cv2.BORDER_REFLECT)

        def grey(pixels):
            return np.round(pixels @ np.float32(rule["grey"])) / 255

        guide = grey(frame[inside])
        slope = (mean(guide * probability) - mean(guide) * mean(probability)) / (
            mean(guide * guide) - mean(guide) ** 2 + rule["epsilon"]
        )
        offset = mean(probability) - slope * mean(guide)
        slope, offset = (cv2.resize(mean(values), photo.shape[1::-1]) for values in (slope, offset))
        alpha = np.clip(slope * grey(photo) + offset, 0, 1)
        assert np.abs(alpha * 255 - pixels["alpha"][..., 0]).mean() < 0.5
        landscape.append(golden["model"].endswith("landscape"))
    assert sorted(landscape) == [False, False, True] and model_json["doubt"] == DOUBT


def test_the_same_inputs_give_the_same_bytes(bundle, trained, photos, tmp_path):
    assert rebuild(tmp_path / "person", trained, photos) == 0
    again = files(tmp_path / "person")
    assert again == files(bundle)
    assert len(again) == 6 + 3 + 2 * 3 * 4 + 3 * 4


def test_without_an_evaluation_the_model_card_says_so(bundle):
    card = (bundle / "MODEL_CARD.md").read_text()
    assert card.startswith("# Model card: person\n")
    assert "Not yet." in card and "Not stated" in card
    for model in contract(bundle)["models"].values():
        assert f"`{model['file']}` | {model['bytes'] / 1e6:.2f} |" in card


def test_the_model_card_takes_its_table_from_an_evaluation_of_this_model(bundle, trained, photos, tmp_path):
    # Two sets of one name: neither may take the other's place.
    sets = [shutil.copytree(photos, tmp_path / parent / "val") for parent in ("one", "two")]
    results = tmp_path / "evaluation"
    assert evaluate.main(["--model", str(bundle), "--data", *map(str, sets), "--out", str(results)]) == 0
    (tmp_path / "provenance.md").write_text("Drawn ellipses.")
    extra = ["--evaluation", str(results / "results.json"), "--provenance", str(tmp_path / "provenance.md")]
    assert rebuild(tmp_path / "person", trained, photos, *extra) == 0
    card = (tmp_path / "person" / "MODEL_CARD.md").read_text()
    summary = json.loads((results / "results.json").read_text())["summary"]
    assert "The int8 file, at threshold 0.5:" in card and table(summary) in card
    assert "Drawn ellipses." in card and "Not yet" not in card and "Not stated" not in card
    before, after = files(bundle), files(tmp_path / "person")
    assert {name for name in before if before[name] != after[name]} == {"MODEL_CARD.md", "SHA256SUMS"}


def test_a_set_is_called_by_its_folders_name_in_the_model_card(bundle, trained, photos, tmp_path):
    content = (bundle / contract(bundle)["models"]["float16"]["file"]).read_bytes()
    score = {"mean": 0.5, "p5": 0.25, "interval": [0.4, 0.6]}
    summary = {"some/where/val": {"photos": 3} | dict.fromkeys(("dice", "iou", "boundary_f", "mad"), score)}
    results = OTHER_MODEL | {"sha256": hashlib.sha256(content).hexdigest(), "summary": summary}
    (tmp_path / "results.json").write_text(json.dumps(results))
    assert rebuild(tmp_path / "person", trained, photos, "--evaluation", str(tmp_path / "results.json")) == 0
    card = (tmp_path / "person" / "MODEL_CARD.md").read_text()
    assert "The float16 file" in card and "| val | 3 | 0.5000 [0.4000, 0.6000] | 0.250 |" in card
    assert "some/where" not in card


OTHER_MODEL = {"name": "other", "sha256": "0" * 64, "summary": {}, "threshold": 0.5, "beside": []}


@pytest.mark.parametrize("content", [{"summary": {}}, []])
def test_only_the_results_of_an_evaluation_are_taken(tmp_path, content):
    (tmp_path / "results.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match="results.json: not a results.json"):
        read_results(tmp_path / "results.json")


def test_only_an_evaluation_of_this_model_is_taken():
    with pytest.raises(ValueError, match="measured on another model"):
        measured_table(OTHER_MODEL, {"int8": b"this model"})


def test_an_evaluation_of_another_model_is_refused_before_anything_is_written(trained, photos, tmp_path, capsys):
    (tmp_path / "results.json").write_text(json.dumps(OTHER_MODEL))
    assert rebuild(tmp_path / "person", trained, photos, "--evaluation", str(tmp_path / "results.json")) == 2
    error = capsys.readouterr().err
    assert error.startswith("export.bundle: ") and "another model" in error and error.count("\n") == 1
    assert not (tmp_path / "person").exists()


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--model", "{here}/missing.keras"], "missing.keras"),
        (["--calibration", "{here}/missing"], "missing: no such folder"),
        (["--provenance", "{here}/missing.md"], "missing.md"),
        (["--out", "{here}/file/person"], "file"),
    ],
)
def test_what_cannot_be_bundled_ends_in_one_line(trained, photos, tmp_path, capsys, arguments, named):
    (tmp_path / "file").write_text("in the way")
    assert rebuild(tmp_path / "person", trained, photos, *(word.format(here=tmp_path) for word in arguments)) == 2
    error = capsys.readouterr().err
    assert error.startswith("export.bundle: ") and named in error and error.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_both_orientations_hold_the_same_weights_and_the_photo_decides(bundle):
    upright, wide = (Segmenter.load(bundle), Segmenter.load(bundle).landscape)
    assert (upright.height, upright.width, wide.height, wide.width) == (96, 64, 64, 96)
    photo = portraits()["grace_hopper"][0]
    assert photo.shape[0] > photo.shape[1]
    turned = np.rot90(photo).copy()
    assert np.array_equal(upright.alpha(turned), wide.alpha(turned))
    wide.network = upright.landscape.network = lambda frame: np.ones(frame.shape[:2], np.float32)
    assert upright.alpha(turned).min() == 1 and upright.alpha(photo).min() < 1


def test_a_bundle_that_was_not_touched_passes_its_check(folder, capsys):
    assert main(["--check", str(folder)]) == 0
    assert capsys.readouterr().out == f"{folder}: checksums, contract and golden pairs hold\n"


def test_one_changed_byte_of_any_file_is_found_and_the_file_named(bundle, tmp_path, capsys):
    copy = shutil.copytree(bundle, tmp_path / "person")
    for path in sorted(path for path in copy.rglob("*") if path.is_file()):
        content = path.read_bytes()
        path.write_bytes(
            content[: len(content) // 2] + bytes([content[len(content) // 2] ^ 1]) + content[len(content) // 2 + 1 :]
        )
        assert main(["--check", str(copy)]) == 2
        error = capsys.readouterr().err
        assert error.startswith("export.bundle: ") and path.name in error and error.count("\n") == 1
        path.write_bytes(content)
    assert main(["--check", str(copy)]) == 0


def test_any_changed_byte_of_the_list_of_checksums_is_found(bundle, tmp_path):
    copy = shutil.copytree(bundle, tmp_path / "person")
    listed = copy / "SHA256SUMS"
    content = listed.read_bytes()
    ends = [content.index(b"\n"), len(content) - 1]  # where a line ends; other control characters end lines too
    for place in (0, 64, 66, *ends):
        for bit in (1, 2, 4, 8, 128):
            listed.write_bytes(content[:place] + bytes([content[place] ^ bit]) + content[place + 1 :])
            with pytest.raises(ValueError, match="SHA256SUMS"):
                check_bundle(copy)


def resum(folder):
    """Makes the checksums right again, as someone does who repacks a bundle."""
    names = sorted(name for name in files(folder) if name != "SHA256SUMS")
    sums = [f"{hashlib.sha256((folder / name).read_bytes()).hexdigest()}  {name}\n" for name in names]
    (folder / "SHA256SUMS").write_text("".join(sums))


def exchanged_scale(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"scale": 0.00390625', '"scale": 0.0078125'))
    return "model.json: output of person_int8.tflite differ"


def other_golden(folder):
    (folder / "golden" / "astronaut_int8.png").write_bytes((folder / "golden" / "no_person.png").read_bytes())
    return "astronaut_int8.png: person_int8.tflite answers otherwise"


def other_frame(folder):
    (folder / "golden" / "astronaut_frame.png").write_bytes((folder / "golden" / "grace_hopper_frame.png").read_bytes())
    return "astronaut_frame.png: not what becomes of astronaut_photo.png"


def other_size(folder):
    text = (folder / "model.json").read_text()
    (folder / "model.json").write_text(text.replace('"height": 96', '"height": 128'))
    return "model.json: height and width of input differ"


def one_too_many(folder):
    (folder / "notes.txt").write_text("new")
    return "notes.txt: not in SHA256SUMS"


def one_missing(folder):
    (folder / "MODEL_CARD.md").unlink()
    return "MODEL_CARD.md: missing, but listed in SHA256SUMS"


@pytest.mark.parametrize(
    "change, again",
    [
        (exchanged_scale, True),
        (other_size, True),
        (other_golden, True),
        (other_frame, True),
        (one_too_many, False),
        (one_missing, False),
    ],
)
def test_the_check_names_what_does_not_hold(bundle, tmp_path, capsys, change, again):
    copy = shutil.copytree(bundle, tmp_path / "person")
    named = change(copy)
    if again:
        resum(copy)
    assert main(["--check", str(copy)]) == 2
    error = capsys.readouterr().err
    assert named in error and error.count("\n") == 1


def test_a_folder_that_is_no_bundle_is_named(tmp_path, capsys):
    for path in (tmp_path, tmp_path / "missing"):
        assert main(["--check", str(path)]) == 2
        assert capsys.readouterr().err == f"export.bundle: {path}: not a bundle: it holds no SHA256SUMS.\n"


def test_without_a_task_the_command_says_what_to_name(capsys):
    with pytest.raises(SystemExit) as left:
        main([])
    assert left.value.code == 2 and "--calibration and --out" in capsys.readouterr().err
