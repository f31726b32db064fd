import dataclasses

import pytest

from tfseg.console import OneLineParser
from training.arguments import parse
from training.config import FitConfig, flag

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
