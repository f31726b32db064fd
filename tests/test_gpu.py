"""The training on a graphics card computes what the training for everybody does; without a card it runs here too."""

import cv2
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed: make test-gpu")

import keras  # noqa: E402

from tfseg.data import border  # noqa: E402
from tfseg.image import write_image  # noqa: E402
from tfseg.letterbox import PAD_VALUE, letterbox  # noqa: E402
from tfseg.losses import BCEDice  # noqa: E402
from tfseg.paste import paste  # noqa: E402
from tfseg.unet import unet  # noqa: E402
from training.config import FitConfig  # noqa: E402
from training.gpu import appearance, examples, fit, weights  # noqa: E402
from training.gpu.geometry import draw_frames  # noqa: E402
from training.gpu.loss import bce_dice  # noqa: E402
from training.gpu.network import UNet, load_arrays, to_arrays  # noqa: E402
from training.gpu.photos import SIDE, Photos, Source  # noqa: E402
from training.gpu.validation import Validation  # noqa: E402


@pytest.fixture(scope="module")
def checkpoint(tmp_path_factory):
    """A network whose statistics, and kernels that begin at zero, are not those that it is built with."""
    keras.utils.set_random_seed(0)
    model = unet("mobilenet_v2", 64, 32, weights=None)
    rng = np.random.default_rng(0)
    for layer in [*model.get_layer("encoder").layers, *model.layers]:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([value + rng.uniform(0, 0.3, value.shape) for value in layer.get_weights()])
        elif layer.name.startswith("decoder") and layer.name.endswith("_project"):
            layer.set_weights([rng.normal(0, 0.05, value.shape) for value in layer.get_weights()])
    path = tmp_path_factory.mktemp("checkpoint") / "person.keras"
    model.save(path)
    return path


@pytest.fixture(scope="module")
def init(checkpoint):
    weights.convert(str(checkpoint), str(checkpoint.with_suffix(".npz")))
    return checkpoint.with_suffix(".npz")


@pytest.fixture
def network(init):
    model = UNet()
    load_arrays(model, init)
    return model.eval()


def on_canvas(image, mask):
    """uint8 `[1, SIDE, SIDE, 4]` and the region of the whole photo."""
    canvas = np.zeros((1, SIDE, SIDE, 4), np.uint8)
    height, width = mask.shape
    canvas[0, :height, :width] = np.dstack([image, 255 * mask])
    return torch.from_numpy(canvas), torch.tensor([[0.0, 0, height, width]])


def planes(pixels):
    """uint8 or float `[H, W, ...]` to float `[1, C, H, W]`."""
    return torch.from_numpy(np.atleast_3d(pixels)).permute(2, 0, 1)[None].float()


def test_the_network_answers_as_keras_does(checkpoint, network):
    for height, width in ((64, 32), (32, 64)):
        photo = np.random.default_rng(1).uniform(0, 255, (2, height, width, 3)).astype("float32")
        expected = unet("mobilenet_v2", height, width, str(checkpoint)).predict(photo, verbose=0)
        with torch.no_grad():
            actual = network(torch.from_numpy(photo).permute(0, 3, 1, 2)).permute(0, 2, 3, 1).numpy()
        assert expected.std() > 0.001
        np.testing.assert_allclose(actual, expected, atol=1e-5)


def test_weights_go_to_pytorch_and_back(checkpoint, network, tmp_path):
    arrays = tmp_path / "trained.npz"
    fit.save(network, arrays)
    weights.convert(str(arrays), str(tmp_path / "back.keras"))
    before, after = (unet("mobilenet_v2", 64, 32, str(path)) for path in (checkpoint, tmp_path / "back.keras"))
    for expected, actual in zip(before.get_weights(), after.get_weights(), strict=True):
        np.testing.assert_array_equal(actual, expected)


def test_weights_of_another_network_are_refused(network, tmp_path, capsys):
    arrays = to_arrays(network)
    arrays["stem/kernel"] = arrays.pop("Conv1/kernel")
    np.savez(tmp_path / "other.npz", **arrays)
    with pytest.raises(ValueError, match=r"other\.npz: not of unet_mobilenet_v2: Conv1/kernel and 1 more names differ"):
        load_arrays(network, tmp_path / "other.npz")
    assert weights.main([str(tmp_path / "other.npz"), str(tmp_path / "person.keras")]) == 2
    assert weights.main(["a.npz", "b.npz"]) == 2
    assert [line.split(":")[0] for line in capsys.readouterr().err.splitlines()] == ["training.gpu.weights"] * 2
    assert not (tmp_path / "person.keras").exists()


def test_maps_are_disturbed_in_training_alone(network):
    photo = torch.rand(2, 3, 64, 32) * 255
    with torch.no_grad():
        still = network(photo)
        network.noise.fill_(1.0)
        assert torch.equal(network(photo), still)
        network.train()
        disturbed = [network(photo) for _ in range(2)]
        network.noise.fill_(0.0)
        quiet = [network(photo) for _ in range(2)]
    assert torch.equal(*quiet) and not torch.equal(*disturbed)


def test_a_frame_without_augmentation_is_the_letterboxed_photo_or_its_mirror_image(draw):
    for size in ((72, 60), (60, 90)):
        image, mask = draw(3, *size)
        framed, box = letterbox(image, 64, 64)
        whole, seen, inside = draw_frames(*on_canvas(image, mask), 64, 64, crop_share=0.0, strength=0.0)
        rows, columns = np.nonzero(inside[0, 0].numpy())
        found_box = rows.min(), columns.min(), np.ptp(rows) + 1, np.ptp(columns) + 1
        assert np.abs(np.subtract(found_box, box)).max() <= 1
        found = np.where(inside[0, 0].numpy()[..., None], 255 * whole[0].permute(1, 2, 0).numpy(), PAD_VALUE)
        differences = [np.abs(one - framed).mean() for one in (found, found[:, ::-1])]
        assert min(differences) < 8 and max(differences) > 40
        expected = letterbox(mask, 64, 64, value=0)[0]
        found = seen[0, 0].numpy()
        assert min((one != expected).mean() for one in (found, found[:, ::-1])) < 0.01


def test_the_mask_stays_on_the_person_through_every_frame():
    mask = np.zeros((160, 120), np.uint8)
    mask[32:128, 30:60] = mask[96:128, 30:100] = 1
    canvas, region = on_canvas(np.where(mask[..., None] == 1, 255, np.full((160, 120, 3), 64)).astype(np.uint8), mask)
    torch.manual_seed(0)
    image, found, inside = draw_frames(canvas.expand(200, -1, -1, -1), region.expand(200, -1), 64, 48, 0.5, 1.0)
    bright = (image.mean(1, keepdim=True) > 0.625) & inside
    assert (bright != found.bool()).float().mean() < 0.002
    shares = found.flatten(1).mean(1)
    assert shares.min() < 0.15 and shares.max() > 0.5, "people come small and large"
    assert 0.3 < (~inside).flatten(1).any(1).float().mean() < 0.7, "half of the frames are crops"


def test_light_and_sharpness_leave_alone_what_they_are_to_leave():
    torch.manual_seed(0)
    image = torch.rand(20, 3, 32, 24)
    assert torch.allclose(appearance.vary_light(image, 0.0), image.clamp_min(1e-4), atol=1e-5)
    assert torch.equal(appearance.vary_sharpness(image, 0.0), image)
    varied = appearance.vary_sharpness(appearance.vary_light(image, 1.0), 1.0)
    assert varied.min() >= 0 and varied.max() <= 1
    changed = (appearance.vary_sharpness(image, 1.0) != image).flatten(1).any(1)
    assert changed.sum() == 7, "a share of .35"


def test_jpeg_and_blur_keep_a_plain_colour_and_take_detail():
    torch.manual_seed(0)
    plain = torch.tensor([0.8, 0.4, 0.2]).view(1, 3, 1, 1).expand(5, 3, 32, 24)
    noisy = (plain + 0.1 * torch.randn(5, 3, 32, 24)).clamp(0, 1)
    for change in (appearance._compressed, appearance._blurred, appearance._shaken, appearance._downscaled):
        assert (change(plain) - plain).abs().max() < 0.02, change
        assert change(noisy).var((2, 3)).mean() < 0.9 * noisy.var((2, 3)).mean(), change


def test_border_and_paste_are_those_of_the_training_for_everybody(draw):
    (image, mask), (other, other_mask) = draw(1, 160, 128), draw(2, 160, 128)
    np.testing.assert_array_equal(examples.border(planes(mask))[0, 0].numpy(), border(mask))
    expected, expected_mask = paste(image, mask, other, other_mask)
    pasted, both = examples.paste(planes(image) / 255, planes(mask), planes(other) / 255, planes(other_mask))
    assert np.abs(255 * pasted[0].permute(1, 2, 0).numpy() - expected).max() < 3
    np.testing.assert_array_equal(both[0, 0].numpy(), expected_mask)


def test_the_loss_is_that_of_the_training_for_everybody():
    rng = np.random.default_rng(0)
    logits, weight = rng.normal(0, 2, (3, 8, 6, 1)).astype("f"), rng.uniform(1, 3, (3, 8, 6, 1)).astype("f")
    mask = (rng.random((3, 8, 6, 1)) < 0.3).astype("f")
    mask[0] = 0
    smoothing = FitConfig().dice_smoothing * 8 * 6
    loss, _ = bce_dice(*(torch.from_numpy(one).permute(0, 3, 1, 2) for one in (logits, mask, weight)))
    assert float(loss) == pytest.approx(float(BCEDice(0.5, smoothing)(mask, logits, weight)), rel=1e-5)


def write_people(folder, boxes, height=40, width=60):
    """Grey photos with a brighter person in a box of rows and columns."""
    for index, (top, bottom, left, right) in enumerate(boxes):
        mask = np.zeros((height, width), np.uint8)
        mask[top:bottom, left:right] = 255
        write_image(folder / "images" / f"{index}.png", cv2.merge([100 + mask // 2] * 3))
        write_image(folder / "masks" / f"{index}.png", mask)


def test_photos_are_drawn_by_share_and_orientation(tmp_path):
    write_people(tmp_path / "wide", [(5, 35, 5, 20)] * 3)
    write_people(tmp_path / "high", [(5, 55, 5, 35)] * 5, height=60, width=40)
    photos = Photos([Source(tmp_path / "wide", 0.25, 2.0), Source(tmp_path / "high", 0.75, 0.5)], "cpu")
    assert len(photos) == 8 and photos.border_weights.tolist() == [2.0] * 3 + [0.5] * 5
    assert photos.lying_share == pytest.approx(0.25 * 0.8 + 0.75 * 0.2)
    torch.manual_seed(0)
    for lying, expected in ((True, 0.2 / 0.35), (False, 0.05 / 0.65)):
        indices, regions = photos.draw(4000, lying)
        assert (indices < 3).float().mean() == pytest.approx(expected, abs=0.03)
        assert torch.equal(regions[:, 2:].unique(dim=0), torch.tensor([[40.0, 60], [60.0, 40]]))


def test_person_free_strips_hold_nobody_and_may_be_missing(tmp_path):
    write_people(tmp_path / "left", [(5, 35, 5, 20)])
    write_people(tmp_path / "full", [(2, 38, 2, 58)])
    photos = Photos([Source(tmp_path / "left", 1, 2.0), Source(tmp_path / "full", 1, 2.0)], "cpu")
    indices, regions = photos.draw_person_free(50)
    assert indices.unique().tolist() == [0] and regions.unique(dim=0).tolist() == [[0, 20, 40, 40]]
    torch.manual_seed(0)
    image, mask, weight = examples.draw_batch(photos, examples.Mixture(0.5, 1.0, 0.25, 0.5), 16, 64, 32)
    assert image.shape[1:] in ((3, 64, 32), (3, 32, 64)) and weight.min() == 1 and weight.max() == 3
    assert not mask[:8].any() and mask[8:].any()
    crowded = Photos([Source(tmp_path / "full", 1, 2.0)], "cpu")
    assert len(crowded.draw_person_free(5)[0]) == 0
    assert examples.draw_batch(crowded, examples.Mixture(0.5, 1.0, 0.25, 0.5), 4, 64, 32)[0].shape[0] == 4


def test_validation_gives_the_dice_of_each_folder(tmp_path):
    write_people(tmp_path / "wide", [(0, 40, 0, 30)])
    write_people(tmp_path / "high", [(0, 30, 0, 20), (0, 60, 0, 40)], height=60, width=40)

    class LeftHalf(torch.nn.Module):
        def forward(self, image):
            logits = torch.full_like(image[:, :1], -1.0)
            logits[..., : image.shape[3] // 2] = 1.0
            return logits

    scores = Validation([tmp_path / "wide", tmp_path / "high"], 96, 64, "cpu")(LeftHalf())
    assert scores == pytest.approx([1.0, (2 * 0.25 / 0.75 + 2 * 0.5 / 1.5) / 2], abs=1e-3)


def test_a_short_training_changes_the_weights_and_writes_them(photos, init, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(fit, "HEIGHT", 64)
    monkeypatch.setattr(fit, "WIDTH", 64)
    out = tmp_path / "new" / "trained.npz"
    command = f"--data {photos}=0.7 --coarse {photos}=0.3 --val-data {photos} --init {init} --out {out}"
    assert fit.main(f"{command} --minutes 0.2 --batch-size 4 --validate-every 1".split()) == 0
    assert {path.name for path in out.parent.iterdir()} <= {"trained.npz", "trained_60.npz", "trained_85.npz"}
    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("40 photos") and printed[-1].startswith("validation Dice at the end")
    with np.load(init) as before, np.load(out) as after:
        assert all(np.isfinite(after[name]).all() for name in after.files)
        assert all((before[name] != after[name]).any() for name in before.files if name.endswith("kernel"))


@pytest.mark.parametrize(
    "wrong, told",
    [
        ("--out trained.keras", "--out: trained.keras must end in .npz."),
        ("--init {photos}/images/0.png", "0.png"),
        ("--val-data {photos}/none", "none: no such folder."),
    ],
)
def test_what_cannot_be_trained_with_ends_in_one_line(wrong, told, photos, init, tmp_path, capsys):
    command = (
        f"--data {photos}=1 --val-data {photos} --init {init} --out {tmp_path}/a.npz {wrong.format(photos=photos)}"
    )
    assert fit.main(command.split()) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("training.gpu.fit: ") and told in line
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("wrong", ["photos", "photos=", "photos=0", "photos=much"])
def test_a_source_without_its_share_is_explained(wrong, capsys):
    with pytest.raises(SystemExit):
        fit.main(["--data", wrong, "--val-data", "v", "--init", "i.npz", "--out", "o.npz"])
    assert f"{wrong!r} is not DIR=SHARE" in capsys.readouterr().err
