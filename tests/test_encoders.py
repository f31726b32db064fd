import sys

import keras
import numpy as np
import pytest

from tfseg.encoders import BATCH_NORM_MOMENTUM, ENCODERS, STRIDES, WeightsError, build_encoder, freeze, normalise

HEIGHT, WIDTH = 64, 96


@pytest.fixture(scope="module", params=ENCODERS)
def built(request):
    return request.param, build_encoder(request.param, HEIGHT, WIDTH, weights=None)


def test_taps_are_five_maps_at_strides_2_to_32(built):
    _, encoder = built
    assert STRIDES == (2, 4, 8, 16, 32)
    assert [shape[1:3] for shape in encoder.output_shape] == [(HEIGHT // stride, WIDTH // stride) for stride in STRIDES]
    taps = encoder(np.random.default_rng(0).uniform(-1, 1, (1, HEIGHT, WIDTH, 3)).astype(np.float32))
    assert all(np.std(tap) > 0 for tap in taps)


def test_encoder_takes_any_normalised_photo_and_is_called_encoder(built):
    _, encoder = built
    assert encoder.name == "encoder" and encoder.input_shape == (None, HEIGHT, WIDTH, 3)


def test_every_batch_norm_follows_a_short_training(built):
    _, encoder = built
    momenta = [layer.momentum for layer in encoder.layers if isinstance(layer, keras.layers.BatchNormalization)]
    assert len(momenta) > 20 and set(momenta) == {BATCH_NORM_MOMENTUM}


def test_freezing_keeps_the_finer_stages_and_trains_the_coarser():
    encoder = build_encoder("mobilenet_v2", HEIGHT, WIDTH, weights=None)
    freeze(encoder, "mobilenet_v2", 4)
    image = np.random.default_rng(0).uniform(-1, 1, (4, HEIGHT, WIDTH, 3)).astype(np.float32)
    trainable = {weight.path for weight in encoder.trainable_weights}
    before = [keras.ops.convert_to_numpy(tap) for tap in encoder(image, training=True)]
    again = [keras.ops.convert_to_numpy(tap) for tap in encoder(image, training=True)]
    assert any("block_3" in path for path in trainable) and not any("block_2" in path for path in trainable)
    np.testing.assert_array_equal(before[1], again[1], "batch norm of a frozen stage keeps its statistics")
    statistics = [layer for layer in encoder.layers if "moving_mean" in str([w.path for w in layer.weights])]
    moved = [layer.name for layer in statistics if np.any(keras.ops.convert_to_numpy(layer.moving_mean))]
    assert "block_3_expand_BN" in moved and "block_2_project_BN" not in moved and "bn_Conv1" not in moved

    freeze(whole := build_encoder("mobilenet_v2", HEIGHT, WIDTH, weights=None), "mobilenet_v2", 0)
    assert len(whole.trainable_weights) > len(encoder.trainable_weights)


def test_every_stage_can_be_frozen_and_trained_again(built):
    name, encoder = built
    for stride in (0, *STRIDES, 0):
        freeze(encoder, name, stride)
        trainable = {layer.name: layer.trainable for layer in encoder.layers}
        assert [not trainable[tap] for tap in ENCODERS[name].taps] == [tap_stride <= stride for tap_stride in STRIDES]
        assert bool(encoder.trainable_weights) == (stride < STRIDES[-1])


def test_it_is_saved_and_loaded_with_its_weights_and_what_is_frozen(built, tmp_path):
    name, encoder = built
    image = np.random.default_rng(0).uniform(-1, 1, (1, HEIGHT, WIDTH, 3)).astype(np.float32)
    freeze(encoder, name, 8)
    encoder.save(tmp_path / "encoder.keras")
    frozen = len(encoder.trainable_weights)
    freeze(encoder, name, 0)
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    assert len(loaded.trainable_weights) == frozen < len(encoder.trainable_weights)
    for tap, expected in zip(loaded(image), encoder(image), strict=True):
        np.testing.assert_allclose(tap, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("name", ENCODERS)
def test_normalisation_is_what_the_backbone_was_trained_with(name):
    image = keras.Input((8, 9, 3))
    network = keras.Model(image, normalise(image, name))
    pixels = np.random.default_rng(0).integers(0, 256, (2, 8, 9, 3)).astype(np.float32)
    official = sys.modules[ENCODERS[name].application.__module__].preprocess_input
    np.testing.assert_allclose(network(pixels), official(pixels.copy()), rtol=1e-5, atol=1e-4)


def test_weights_come_from_a_file_without_top_whatever_the_input_size(tmp_path):
    path = tmp_path / "mine.weights.h5"
    source = ENCODERS["mobilenet_v2"].application(include_top=False, weights=None, input_shape=(32, 32, 3))
    source.save_weights(path)
    for given in (path, str(path)):
        encoder = build_encoder("mobilenet_v2", 64, 32, given)
        for one, other in zip(encoder.get_weights(), source.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)


def test_an_unknown_encoder_is_refused_with_the_known_ones():
    with pytest.raises(ValueError, match=f"{', '.join(ENCODERS)}; received 'vgg'"):
        build_encoder("vgg", 64, 64, None)


@pytest.mark.parametrize("name", ENCODERS)
def test_a_failed_download_says_what_to_do_instead(monkeypatch, name):
    def offline(**_):
        raise Exception("URL fetch failure: no network")

    monkeypatch.setitem(ENCODERS, name, ENCODERS[name]._replace(application=offline))
    with pytest.raises(WeightsError, match=f"{name}.*no network.*--init bundled.*--init PATH.*--init none"):
        build_encoder(name, 64, 64, "imagenet")


def test_a_missing_weights_file_is_named(tmp_path):
    for path in (tmp_path / "nowhere.weights.h5", tmp_path):
        with pytest.raises(WeightsError, match=f"{path}: no such weights file"):
            build_encoder("mobilenet_v2", 64, 64, path)


@pytest.mark.filterwarnings("error::UserWarning")
@pytest.mark.parametrize("fault", ["another network", "damaged"])
@pytest.mark.parametrize("suffix", [".weights.h5", ".h5"])
def test_weights_that_do_not_fit_are_refused_in_one_line(tmp_path, fault, suffix):
    path = tmp_path / f"other{suffix}"
    if fault == "another network":
        other = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)])
        (other.save if suffix == ".h5" else other.save_weights)(path)
    else:
        path.write_text("no weights at all")
    with pytest.raises(WeightsError, match=f"other{suffix}: does not fit mobilenet_v2") as error:
        build_encoder("mobilenet_v2", 64, 64, path)
    assert "\n" not in str(error.value) and len(str(error.value)) < 500
