"""The command line of a training: a flag for every field of `FitConfig`, with its help."""

import argparse
import dataclasses

from tfseg.console import OneLineParser
from training.config import FitConfig, flag

MODES = {
    "resume": "go on with the run in --out where it was stopped",
    "find_lr": "train nothing: try rising learning rates and suggest one",
}


def parse(arguments=None, program="training.fit", purpose="Train a person segmenter on labelled photos.", modes=MODES):
    """Reads the command line.

    Args:
        arguments: list of words; None: those of the process.
        program, purpose: what help and complaints call it, and what help says it does.
        modes: what it can be told to do instead of starting a run, with its help.

    Returns:
        `(given, mode)`: a dict of the settings that were named, by field, and what to do: "start" a run, "resume"
        it, or "find_lr".
    """
    parser = OneLineParser(
        prog=program,
        usage=f"python -m {program} [--data DIR ...] [options]",
        description=purpose,
        argument_default=argparse.SUPPRESS,
    )
    instead = parser.add_mutually_exclusive_group()
    for mode, help_text in modes.items():
        instead.add_argument(flag(mode), dest="mode", action="store_const", const=mode, help=help_text)
    groups = {}
    for field in dataclasses.fields(FitConfig):
        name, help_text = field.metadata["group"], field.metadata["help"]
        if name not in groups:
            groups[name] = parser.add_argument_group(name)
        group = groups[name]
        if isinstance(field.default, bool):
            group.add_argument(flag(field.name), help=help_text, action="store_true")
        elif isinstance(field.default, tuple):
            group.add_argument(flag(field.name), help=help_text, nargs="+", action="extend", metavar="DIR")
        else:
            help_text += f" (default {field.default})"
            group.add_argument(flag(field.name), help=help_text, type=reader(field))
    given = vars(parser.parse_args(arguments))
    mode = given.pop("mode", "start")
    return {name: tuple(value) if isinstance(value, list) else value for name, value in given.items()}, mode


def reader(field):
    """What argparse reads a setting with."""

    def read(text):
        try:
            return type(field.default)(text)
        except ValueError as error:
            kind = {int: "whole number", float: "number"}[type(field.default)]
            raise argparse.ArgumentTypeError(f"{text!r} is no {kind} ({field.metadata['help']})") from error

    return read
