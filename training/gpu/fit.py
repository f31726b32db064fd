"""Train on one graphics card for a number of minutes.

    python -m training.gpu.fit --init init.npz --data photos=1 --val-data val --minutes 10 --out trained.npz

Every source is a folder of labelled photos with its share of the examples; of a --coarse one the outlines are a few
pixels off, and count for less. The learning rate rises and falls by the clock, and the augmentation grows gentler. OUT
gets the moving average of the weights, at the end and, with the part of the time in its name, on the way.
"""

import argparse
import copy
import math
import sys
import time
from pathlib import Path

import numpy as np
import torch

from tfseg.console import OneLineParser
from tfseg.replacing import replacing
from training.gpu.examples import draw_batch, mixture
from training.gpu.loss import bce_dice
from training.gpu.network import UNet, load_arrays, to_arrays, variables
from training.gpu.photos import Photos, Source
from training.gpu.validation import Validation

HEIGHT, WIDTH = 320, 256
BORDER_WEIGHT, COARSE_BORDER_WEIGHT = 2.0, 0.5
NOISE_FROM = 0.6  # from this part of the time on maps are disturbed as int8 disturbs them
WARMUP = 0.03  # part of the time in which the learning rate rises
EMA_MOMENTUM = 0.999
CLIP_NORM = 1.0
KEPT = (0.6, 0.85)  # parts of the time after which the average is written too
WARM_STEPS, TIMED_STEPS = 3, 8


def main(arguments=None):
    parser = OneLineParser(
        prog="training.gpu.fit", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=source, action="append", default=[], metavar="DIR=SHARE")
    parser.add_argument("--coarse", type=source, action="append", default=[], metavar="DIR=SHARE")
    parser.add_argument("--val-data", nargs="+", required=True, metavar="DIR")
    parser.add_argument("--init", required=True, metavar="FILE.npz", help="of training.gpu.weights")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE.npz")
    parser.add_argument("--minutes", type=above_zero, default=10.0, help="of training (default %(default)s)")
    parser.add_argument("--batch-size", type=int, default=96, help="default %(default)s")
    parser.add_argument("--learning-rate", type=above_zero, default=1e-3, help="at its peak (default %(default)s)")
    parser.add_argument("--encoder-rate", type=float, default=0.5, help="the encoder's share (default %(default)s)")
    parser.add_argument("--weight-decay", type=float, default=0.02, help="of kernels (default %(default)s)")
    parser.add_argument("--noise", type=float, default=1.0, help="in steps of int8 (default %(default)s)")
    parser.add_argument("--validate-every", type=float, default=45.0, help="seconds (default %(default)s)")
    parser.add_argument("--compile", action="store_true", help="let PyTorch compile the network; takes a minute")
    parser.add_argument("--seed", type=int, default=0, help="default %(default)s")
    options = parser.parse_args(arguments)
    try:
        if not options.data + options.coarse:
            raise ValueError("--data: name at least one folder of labelled photos.")
        if options.out.suffix != ".npz":
            raise ValueError(f"--out: {options.out} must end in .npz.")
        fit(options)
    except (ValueError, OSError) as error:  # DataError and ImageError among them
        print(f"training.gpu.fit: {error}", file=sys.stderr)
        return 2
    return 0


def source(text):
    folder, _, share = text.rpartition("=")
    try:
        return folder, above_zero(share)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not DIR=SHARE, with a share above 0") from None


def above_zero(text):
    value = float(text)
    if not 0 < value < math.inf:
        raise ValueError
    return value


def fit(options):
    """Trains as the command line says. Raises ValueError and OSError for data or weights that cannot be used."""
    device = "cuda" if torch.cuda.is_available() else "cpu"
    torch.manual_seed(options.seed)
    torch.backends.cudnn.benchmark = True
    torch.backends.cudnn.allow_tf32 = torch.backends.cuda.matmul.allow_tf32 = True
    model = UNet()
    load_arrays(model, options.init)
    sources = [Source(*named, BORDER_WEIGHT) for named in options.data]
    sources += [Source(*named, COARSE_BORDER_WEIGHT) for named in options.coarse]
    validation = Validation(options.val_data, HEIGHT, WIDTH, device)
    photos = Photos(sources, device)
    model.to(device, memory_format=torch.channels_last)
    average = copy.deepcopy(model)
    say(f"{len(photos)} photos, {photos.lying_share:.0%} of the frames lying; validation Dice", validation(average))
    network = model
    if options.compile:
        torch._dynamo.config.automatic_dynamic_shapes = False  # the two frames are two shapes, each with its own code
        network = torch.compile(model)
    warm_up(model, network, options.batch_size, device)
    train(model, network, average, photos, validation, options, device)
    save(average, options.out)
    say("validation Dice at the end", validation(average))


def train(model, network, average, photos, validation, options, device):
    """The steps; `network` is `model`, compiled or not, and `average` follows its weights."""
    optimizer = torch.optim.AdamW(parameter_groups(model, options), fused=device == "cuda")
    tensors, averages = ([tensor for _, tensor, _ in variables(one)] for one in (model, average))
    step, begun, shown, kept = 0, time.monotonic(), time.monotonic(), 0
    sums, summed = torch.zeros(3, device=device), 0
    model.train()
    while (progress := (time.monotonic() - begun) / (60 * options.minutes)) < 1:
        rate = options.learning_rate * min(1, (progress + 1e-4) / WARMUP) * (1 + math.cos(math.pi * progress)) / 2
        for group in optimizer.param_groups:
            group["lr"] = rate * group["share"]
        model.noise.fill_(options.noise if progress >= NOISE_FROM else 0.0)
        image, mask, weight = draw_batch(photos, mixture(progress), options.batch_size, HEIGHT, WIDTH)
        loss, dice = bce_dice(answer(network, image, device), mask, weight)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        norm = torch.nn.utils.clip_grad_norm_(model.parameters(), CLIP_NORM)
        optimizer.step()
        step += 1
        with torch.no_grad():
            torch._foreach_lerp_(averages, tensors, 1 - min(EMA_MOMENTUM, (1 + step) / (10 + step)))
            sums += torch.stack([loss, dice, norm])
        if time.monotonic() - shown > options.validate_every:
            say_state(step, begun, sums / (step - summed), rate, options, validation(average))
            sums, summed, shown = torch.zeros_like(sums), step, time.monotonic()
        if kept < len(KEPT) and progress >= KEPT[kept]:
            save(average, options.out.with_stem(f"{options.out.stem}_{100 * KEPT[kept]:.0f}"))
            kept += 1
    say(f"{step} steps of {options.batch_size} photos in {time.monotonic() - begun:.0f} s")


def answer(network, image, device):
    """The logits, computed in bfloat16 where that is fast."""
    with torch.autocast(device, torch.bfloat16, enabled=device == "cuda"):
        return network(image.contiguous(memory_format=torch.channels_last))


def parameter_groups(model, options):
    """The encoder's and the decoder's weights, kernels with decay and all others without."""
    groups = {}
    for name, parameter in model.named_parameters():
        decoder = name.startswith(("layers.decoder", "layers.head"))
        groups.setdefault((decoder, parameter.ndim > 1), []).append(parameter)
    return [
        {
            "params": parameters,
            "share": 1.0 if decoder else options.encoder_rate,
            "weight_decay": options.weight_decay if kernels else 0.0,
        }
        for (decoder, kernels), parameters in groups.items()
    ]


def warm_up(model, network, batch_size, device):
    """Compiles and tunes for both frames before the clock runs, says the speed, and leaves the weights as they were."""
    if device == "cpu":
        return
    state = copy.deepcopy(model.state_dict())
    model.train()
    for frame in ((WIDTH, HEIGHT), (HEIGHT, WIDTH)):
        image = 255 * torch.rand(batch_size, 3, *frame, device=device)
        for step in range(WARM_STEPS + TIMED_STEPS):
            if step == WARM_STEPS:
                torch.cuda.synchronize()
                begun = time.monotonic()
            answer(network, image, device).mean().backward()
    torch.cuda.synchronize()
    spent = (time.monotonic() - begun) / TIMED_STEPS
    say(f"{batch_size / spent:.0f} photos a second through the network alone")
    model.zero_grad(set_to_none=True)
    model.load_state_dict(state)


def say_state(step, begun, means, rate, options, scores):
    spent, (loss, dice, norm) = time.monotonic() - begun, means.tolist()
    if not math.isfinite(loss):
        raise ValueError(f"the loss became {loss} before step {step}; start again with a lower --learning-rate.")
    say(
        f"{spent:.0f} s, {step} steps, {step * options.batch_size / spent:.0f} photos/s, rate {rate:.1e}, "
        f"loss {loss:.4f}, Dice {dice:.4f}, gradient {norm:.2f}; validation Dice",
        scores,
    )


def say(text, scores=()):
    print(text, *(f"{score:.4f}" for score in scores), flush=True)


def save(model, path):
    with replacing(path) as temporary:
        np.savez(temporary, **to_arrays(model))


if __name__ == "__main__":
    sys.exit(main())
