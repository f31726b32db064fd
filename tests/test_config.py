import pytest

from tfseg.encoders import ENCODERS
from training.config import FitConfig, flag
from training.schedules import SCHEDULES


@pytest.mark.parametrize(
    "name, bad, good",
    [
        ("validation_share", (0.0, 1.0), (0.01, 0.99)),
        ("height", (0, 31, 50, -32), (32, 96)),
        ("width", (0, 33), (32, 256)),
        ("epochs", (0, -1), (1,)),
        ("batch_size", (0,), (1,)),
        ("encoder", ("vgg", ""), ENCODERS),
        ("init", ("",), ("auto", "none", "mine.keras")),
        ("out", ("",), ("runs/mine",)),
        ("learning_rate", (0.0, -1.0, float("nan"), float("inf")), (1e-9,)),
        ("warmup_share", (-0.1, 1.0), (0.0, 0.9)),
        ("weight_decay", (-1e-9, float("inf")), (0.0,)),
        ("ema_momentum", (-0.1, 1.0), (0.0, 0.999)),
        ("bce_weight", (-0.1, 1.1), (0.0, 1.0)),
        ("dice_smoothing", (0.0, -1.0, float("inf")), (0.0125, 1.0)),
        ("border_weight", (-1.0, float("inf")), (0.0, 9.0)),
        ("seed", (-1, 2**32), (0, 2**32 - 1)),
        ("person_label", (-2, 256), (-1, 0, 255)),
        ("patience", (-1,), (0, 5)),
        ("schedule", ("linear", ""), SCHEDULES),
        ("cycles", (0, 17), (1, 16)),
        ("plateau_patience", (0,), (1,)),
        ("encoder_rate", (0.0, 1.1, float("nan")), (0.01, 1.0)),
        ("frozen_epochs", (-1,), (0, 3)),
        ("frozen_stride", (-1, 3, 64), (0, 2, 32)),
        ("clip_norm", (-0.1, float("nan"), float("inf")), (0.0, 1.0)),
        ("crop_share", (-0.1, 1.1), (0.0, 1.0)),
        ("paste_share", (-0.1, 0.95, 1.1), (0.0, 0.9)),
        ("person_free_share", (-0.1, 1.1), (0.0, 0.75)),
        ("samples_every", (-1,), (0, 5)),
        ("norms", ("", "moving"), ("auto", "frozen", "trained")),
    ],
)
def test_a_setting_out_of_range_is_named_by_its_flag(name, bad, good):
    for value in bad:
        with pytest.raises(ValueError, match=f"^{flag(name)}: {value!r} is out of range"):
            FitConfig(**{name: value})
    for value in good:
        assert getattr(FitConfig(**{name: value}), name) == value


@pytest.mark.parametrize(
    "settings, frozen",
    [
        ({}, True),
        ({"init": "bundled"}, True),
        ({"init": "runs/mine/best_dice.keras"}, True),
        ({"init": "runs/mine/best_dice.keras", "norms": "trained"}, False),
        ({"encoder": "resnet101"}, False),
        ({"init": "imagenet"}, False),
        ({"init": "mobilenet_v2_notop.h5"}, False),
        ({"init": "none"}, False),
        ({"init": "none", "norms": "frozen"}, True),
    ],
)
def test_norms_are_frozen_where_a_person_segmenter_is_trained_on(settings, frozen):
    assert FitConfig(**settings).frozen_norms is frozen
