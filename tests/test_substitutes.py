"""The fused batch norm computes what Keras's own does."""

import keras
import numpy as np
import pytest

from tfseg.encoders import freeze
from tfseg.unet import unet
from training.substitutes import substitute

tensorflow_only = pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="TensorFlow backend only")


def one_layer():
    keras.utils.set_random_seed(0)
    norm = keras.layers.BatchNormalization(momentum=0.9, gamma_initializer="random_normal", name="norm")
    model = keras.Sequential([keras.Input((4, 3, 2)), keras.layers.Conv2D(2, 1), norm])
    model.compile(keras.optimizers.SGD(0.1), "mse")
    return model


@tensorflow_only
def test_a_step_is_that_of_keras_but_for_the_running_variance():
    image, target = np.random.default_rng(0).normal(3, 5, (2, 5, 4, 3, 2)).astype("float32")
    apart, fused = one_layer(), substitute(one_layer())
    for model in (apart, fused):
        model.train_on_batch(image, target)
    names = [weight.path for weight in apart.weights]
    for name, expected, actual in zip(names, apart.get_weights(), fused.get_weights(), strict=True):
        if name.endswith("moving_variance"):
            values = 5 * 4 * 3
            expected = 0.9 + (expected - 0.9) * values / (values - 1)
        np.testing.assert_allclose(actual, expected, rtol=1e-4, atol=1e-5, err_msg=name)


@tensorflow_only
def test_frozen_layers_keep_their_statistics():
    model = substitute(one_layer())
    model.get_layer("norm").trainable = False
    model.compile(keras.optimizers.SGD(0.1), "mse")
    before = model.get_layer("norm").get_weights()
    model.train_on_batch(np.full((2, 4, 3, 2), 7, "float32"), np.zeros((2, 4, 3, 2), "float32"))
    for old, new in zip(before, model.get_layer("norm").get_weights(), strict=True):
        np.testing.assert_array_equal(new, old)


def test_answers_and_the_saved_network_stay(tmp_path):
    model = unet(height=32, width=32, weights=None)
    photo = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    expected = model.predict(photo, verbose=0)
    substitute(model).save(tmp_path / "fused.keras")
    np.testing.assert_array_equal(model.predict(photo, verbose=0), expected)
    loaded = keras.models.load_model(tmp_path / "fused.keras")
    np.testing.assert_allclose(loaded.predict(photo, verbose=0), expected, rtol=1e-5, atol=1e-6)


def frozen_norms():
    """Convolutions of every kind with batch norms that are not trained, and none of whose numbers is 0 or 1."""
    norms = [keras.layers.BatchNormalization(trainable=False) for _ in range(4)]
    convolutions = [
        keras.layers.Conv2D(6, 3, strides=2, use_bias=False),
        keras.layers.DepthwiseConv2D(3, padding="same", use_bias=False),
        keras.layers.Conv2D(4, 1),
        keras.layers.DepthwiseConv2D(3, strides=2),
    ]
    pairs = zip(convolutions, norms, strict=True)
    model = keras.Sequential([keras.Input((16, 16, 3)), *(layer for pair in pairs for layer in pair)])
    random = np.random.default_rng(0)
    model.set_weights([random.uniform(0.5, 1.5, weight.shape) for weight in model.weights])
    return model


@tensorflow_only
def test_a_folded_norm_answers_and_is_differentiated_as_keras_does():
    import tensorflow as tf

    image = np.random.default_rng(1).normal(0, 1, (2, 16, 16, 3)).astype("float32")
    apart, folded = frozen_norms(), substitute(frozen_norms())
    results = []
    for model in (apart, folded):
        with tf.GradientTape() as tape:
            answer = model(image, training=True)
            loss = tf.reduce_mean(answer * tf.range(answer.shape[-1], dtype="float32"))
        results.append([answer, *tape.gradient(loss, [weight.value for weight in model.trainable_weights])])
    assert len(results[0]) == 1 + 4 + 2, "answer, kernels and biases; no scale or offset of a norm"
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(other, one, rtol=1e-4, atol=1e-4)


@tensorflow_only
def test_norms_are_folded_only_where_they_are_frozen():
    import tensorflow as tf

    def added_biases_and_trained_norms(frozen):
        model = unet(height=32, width=32, weights=None)
        freeze(model.get_layer("encoder"), "mobilenet_v2", frozen)
        graph = tf.function(lambda image: substitute(model)(image, training=True))
        concrete = graph.get_concrete_function(tf.TensorSpec((2, 32, 32, 3)))
        norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
        trained = [layer for layer in norms if layer.trainable]
        kinds = [operation.type for operation in concrete.graph.get_operations()]
        assert kinds.count("FusedBatchNormV3") == len(trained) > 0
        return kinds.count("BiasAdd"), len(trained)

    (before, all_trained), (after, some_trained) = map(added_biases_and_trained_norms, (0, 32))
    assert after - before == all_trained - some_trained > 0


@tensorflow_only
def test_the_network_is_trained_by_the_fused_operation():
    import tensorflow as tf

    model = substitute(unet(height=32, width=32, weights=None))
    graph = tf.function(lambda image: model(image, training=True)).get_concrete_function(tf.TensorSpec((2, 32, 32, 3)))
    kinds = [operation.type for operation in graph.graph.get_operations()]
    norms = [layer for layer in model._flatten_layers() if isinstance(layer, keras.layers.BatchNormalization)]
    assert kinds.count("FusedBatchNormV3") == len(norms) > 50


@tensorflow_only
def test_one_graph_takes_frames_that_stand_and_that_lie_and_answers_as_networks_of_their_sizes():
    keras.utils.set_random_seed(0)
    model = substitute(unet(height=None, width=None, weights=None))
    model.compile("sgd", "mse")
    for height, width in ((64, 32), (32, 64)):
        photo = np.random.default_rng(0).uniform(0, 255, (1, height, width, 3)).astype("float32")
        fixed = unet(height=height, width=width, weights=None)
        fixed.set_weights(model.get_weights())
        np.testing.assert_allclose(model.predict(photo, verbose=0), fixed.predict(photo, verbose=0), atol=1e-5)
        assert np.isfinite(model.train_on_batch(photo, photo[..., :1] / 255))
