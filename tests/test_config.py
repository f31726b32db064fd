import dataclasses

import pytest

from tfseg.console import OneLineParser
from tfseg.encoders import ENCODERS
from training.config import FitConfig, flag, parse
from training.schedules import SCHEDULES

FIELDS = dataclasses.fields(FitConfig)


@pytest.fixture(scope="module")
def help_text():
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("COLUMNS", "200")
        texts = []
        patch.setattr(OneLineParser, "_print_message", lambda self, message, file=None: texts.append(message))
        with pytest.raises(SystemExit) as left:
            parse(["--help"])
    assert left.value.code == 0
    return " ".join(texts[0].split())


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_every_setting_has_a_flag_and_its_help(field, help_text):
    if field.default is False:
        assert parse([flag(field.name)]) == ({field.name: True}, "start")
    else:
        expected = ("3",) if type(field.default) is tuple else type(field.default)("3")
        assert parse([flag(field.name), "3"]) == ({field.name: expected}, "start")
    assert f"{flag(field.name)} " in help_text and field.metadata["help"] in help_text
    if field.default not in ((), False):
        assert f"(default {field.default})" in help_text


def test_only_the_named_settings_are_given_and_folders_add_up():
    assert parse([]) == ({}, "start")
    assert parse(["--resume"]) == ({}, "resume")
    assert parse(["--find-lr"]) == ({}, "find_lr")
    assert parse(["--data", "a", "b", "--data", "c"])[0] == {"data": ("a", "b", "c")}


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
    ],
)
def test_a_setting_out_of_range_is_named_by_its_flag(name, bad, good):
    for value in bad:
        with pytest.raises(ValueError, match=f"^{flag(name)}: {value!r} is out of range"):
            FitConfig(**{name: value})
    for value in good:
        assert getattr(FitConfig(**{name: value}), name) == value


@pytest.mark.parametrize(
    "arguments, named",
    [
        (["--epoks", "3"], "--epoks"),
        (["--epochs", "three"], "--epochs: 'three' is no whole number (passes over the training photos, from 1)"),
        (["--epochs", "1.5"], "--epochs: '1.5' is no whole number"),
        (["--learning-rate", "fast"], "--learning-rate: 'fast' is no number"),
        (["--data"], "--data"),
        (["photos"], "photos"),
        (["--resume", "--find-lr"], "--find-lr"),
    ],
)
def test_a_wrong_command_line_ends_in_exactly_one_line(arguments, named, capsys):
    with pytest.raises(SystemExit) as left:
        parse(arguments)
    printed = capsys.readouterr()
    assert (left.value.code, printed.out) == (2, "")
    assert printed.err.startswith("training.fit: ") and named in printed.err and printed.err.count("\n") == 1
