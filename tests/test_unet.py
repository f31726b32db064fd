import re
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest

from tfseg.encoders import BATCH_NORM_MOMENTUM, ENCODERS, WeightsError
from tfseg.unet import CONTEXT_BLOCKS, DECODER_CHANNELS, load_checkpoint, unet

IMAGENET = Path(__file__).parents[2] / "shared" / "weights" / "mobilenet_v2_imagenet_notop.weights.h5"


@pytest.fixture(scope="module")
def networks():
    return {name: unet(name, 64, 64, weights=None) for name in ENCODERS}


@pytest.fixture(scope="module")
def copies(networks):
    """Networks to load into, of the same architecture and of other weights."""
    return {name: keras.Model.from_config(network.get_config()) for name, network in networks.items()}


@pytest.fixture(scope="module")
def checkpoint(networks, tmp_path_factory):
    path = tmp_path_factory.mktemp("checkpoint") / "person.keras"
    networks["mobilenet_v2"].save(path)
    return path


def photos(height=64, width=64):
    return np.random.default_rng(0).integers(0, 256, (2, height, width, 3)).astype(np.float32)


@pytest.mark.parametrize("name", ENCODERS)
def test_photos_of_raw_bytes_become_logits_of_their_size(networks, name):
    network = networks[name]
    assert network.name == f"unet_{name}"
    assert network.input_shape == (None, 64, 64, 3) and network.output_shape == (None, 64, 64, 1)
    logits = np.array(network(photos()))
    assert logits.shape == (2, 64, 64, 1) and np.isfinite(logits).all() and logits.std() > 0
    assert logits.min() < 0 < logits.max() or abs(logits).max() < 20, "no sigmoid, and no blown up activations"


@pytest.mark.parametrize("name", ENCODERS)
def test_every_stride_reaches_the_logits(networks, name):
    """A network that dropped a skip connection would still train, only worse."""
    network = networks[name]
    taps = network.get_layer("encoder").output_shape
    for stride, tap, channels in zip((16, 8, 4, 2), taps[-2::-1], DECODER_CHANNELS, strict=True):
        size = 64 // stride
        joined = [tuple(tensor.shape) for tensor in network.get_layer(f"decoder_{stride}_skip").input]
        assert joined == [(None, size, size, channels), tap]
        assert network.get_layer(f"decoder_{stride}_pointwise").output.shape == (None, size, size, channels)


def test_context_blocks_begin_as_the_identity_and_can_learn():
    """So blocks can be put into a trained network: they change nothing until their last kernels have been trained."""
    network = unet("mobilenet_v2", 64, 64, weights=None)
    blocks = [layer.name.removesuffix("_add") for layer in network.layers if re.search("context_.*_add$", layer.name)]
    assert len(blocks) == sum(CONTEXT_BLOCKS)
    answer = np.array(network(photos()))
    for block in blocks:
        expand, project = (network.get_layer(f"{block}_{part}") for part in ("expand", "project"))
        expand.set_weights([value + 1 for value in expand.get_weights()])
        np.testing.assert_array_equal(network(photos()), answer)
        project.set_weights([value + 0.01 for value in project.get_weights()])
        assert np.abs(np.array(network(photos())) - answer).max() > 0.001 * answer.std(), block
        project.set_weights([0 * value for value in project.get_weights()])


@pytest.mark.parametrize("name", ENCODERS)
def test_every_batch_norm_follows_a_short_training(networks, name):
    layers = networks[name]._flatten_layers()
    momenta = [layer.momentum for layer in layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(momenta) > 32 and set(momenta) == {BATCH_NORM_MOMENTUM}


@pytest.mark.parametrize("name", ENCODERS)
def test_a_network_made_from_its_configuration_answers_the_same(networks, copies, name):
    copies[name].set_weights(networks[name].get_weights())
    np.testing.assert_allclose(copies[name](photos()), networks[name](photos()), atol=1e-5)


def test_a_saved_network_loads_alone_and_answers_the_same(networks, checkpoint):
    loaded = keras.models.load_model(checkpoint)
    np.testing.assert_allclose(loaded(photos()), networks["mobilenet_v2"](photos()), atol=1e-5)


def test_a_checkpoint_of_another_input_size_gives_the_same_weights(networks, checkpoint):
    larger = unet(height=96, width=128, weights=checkpoint)
    assert larger.output_shape == (None, 96, 128, 1)
    for one, other in zip(larger.get_weights(), networks["mobilenet_v2"].get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("argument", ["height", "width"])
@pytest.mark.parametrize("value", [0, -32, 100, 16])
def test_a_side_that_cannot_be_halved_five_times_is_named(argument, value):
    with pytest.raises(ValueError, match=f"{argument} must be a positive multiple of 32; received {value}"):
        unet(**{"height": 64, "width": 64, "weights": None} | {argument: value})


def test_an_unknown_encoder_is_named():
    with pytest.raises(ValueError, match="mobilenet_v2, .*received 'mobilenet'"):
        unet("mobilenet", 64, 64, None)


def scribbled(path, content):
    middle = len(content) // 2
    path.write_bytes(content[:middle] + bytes(1000) + content[middle + 1000 :])


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize(
    "make",
    [
        lambda path, content: None,
        lambda path, content: path.write_bytes(b""),
        lambda path, content: path.write_text("no checkpoint"),
        lambda path, content: path.mkdir(),
        lambda path, content: path.write_bytes(content[:-1000]),
        scribbled,
        lambda path, content: keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save(path),
    ],
    ids=["missing", "empty", "text", "folder", "truncated", "scribbled", "another-network"],
)
def test_a_checkpoint_that_does_not_fit_is_named_in_one_line(tmp_path, copies, checkpoint, make):
    path = tmp_path / "best.keras"
    make(path, checkpoint.read_bytes())
    reasons = "cannot be loaded into unet_mobilenet_v2: .|damaged, no .keras checkpoint: .|No such file|Is a directory"
    with pytest.raises(ValueError, match=f"^{re.escape(str(path))}: ({reasons})") as error:
        load_checkpoint(copies["mobilenet_v2"], path)
    assert "\n" not in str(error.value)


@pytest.mark.filterwarnings("error::UserWarning")
def test_a_checkpoint_of_another_encoder_is_refused(copies, checkpoint):
    with pytest.raises(ValueError, match="person.keras: cannot be loaded into unet_resnet101: .*--init bundled"):
        load_checkpoint(copies["resnet101"], checkpoint)


def test_missing_encoder_weights_are_named(tmp_path):
    with pytest.raises(WeightsError, match="nowhere.h5: no such weights file"):
        unet(height=64, width=64, weights=tmp_path / "nowhere.h5")


def test_imagenet_weights_reach_the_encoder_and_leave_the_decoder_fresh():
    if not IMAGENET.is_file():
        pytest.skip("no ImageNet weights of MobileNetV2 at ../shared/weights")
    kernels = []
    with h5py.File(IMAGENET) as file:
        file.visititems(lambda _, item: kernels.append(item[:]) if getattr(item, "shape", 0) == (3, 3, 3, 32) else None)
    network = unet(height=64, width=64, weights=IMAGENET)
    np.testing.assert_array_equal(network.get_layer("encoder").get_layer("Conv1").get_weights()[0], kernels[0])
    _, _, mean, variance = network.get_layer("encoder").get_layer("bn_Conv1").get_weights()
    assert np.std(mean) > 0 and np.std(variance) > 0, "running statistics of a trained network"
    _, _, mean, variance = network.get_layer("decoder_16_reduce_norm").get_weights()
    assert not mean.any() and (variance == 1).all()
