"""`tfseg.unet` over MobileNetV2 in PyTorch: the same layers by the same names, so that weights go to and fro."""

import zipfile

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

# Expansion, channels, blocks and first stride of each stage (Sandler et al. 2018, arXiv:1801.04381, table 2).
STAGES = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
TAPS = {0: 16, 2: 24, 5: 32, 12: 96}  # channels of the skip connections, by the block that they come from
DECODER = {16: (128, 2), 8: (64, 2), 4: (48, 1), 2: (32, 0)}  # channels and context blocks by stride
CONTEXT_EXPANSION, CONTEXT_KERNEL = 4, 5
BATCH_NORM_MOMENTUM = 0.03  # PyTorch's is one less Keras'
COARSE_IN_BYTES = ("bn_Conv1", "expanded_conv_project_BN", "block_1_project_BN", "block_2_project_BN")


class UNet(nn.Module):
    """Image float `[B, 3, H, W]`, RGB 0..255, to logits float32 `[B, 1, H, W]`.

    While it trains, the maps that lose most as bytes (`COARSE_IN_BYTES`, of the finest strides) are disturbed by up to
    half a step of such a byte, times `noise`: so the weights learn to bear what int8 will do to them.
    """

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleDict()
        self.register_buffer("noise", torch.zeros(()), persistent=False)
        self.blocks = []  # name, whether it expands, stride, whether its input is added
        self._add("Conv1", 3, 32, 3, norm="bn_Conv1")
        channels = 32
        for expansion, out, count, first_stride in STAGES:
            for index in range(count):
                channels = self._add_block(channels, out, expansion, first_stride if index == 0 else 1)
        self._add("Conv_1", channels, 1280, 1, norm="Conv_1_bn")
        channels = 1280
        for (stride, (out, blocks)), skip in zip(DECODER.items(), reversed(TAPS.values()), strict=True):
            name, both = f"decoder_{stride}", out + skip
            self._add(f"{name}_reduce", channels, out, 1, norm=f"{name}_reduce_norm")
            for index in range(blocks):
                self._add_context(f"{name}_context_{index}", out)
            self._add(f"{name}_depthwise", both, both, 3, groups=both, norm=f"{name}_depthwise_norm")
            self._add(f"{name}_pointwise", both, out, 1, norm=f"{name}_pointwise_norm")
            channels = out
        self.layers["head"] = nn.Conv2d(channels, 1, 1)

    def _add_block(self, channels, out, expansion, stride):
        name = f"block_{len(self.blocks)}" if self.blocks else "expanded_conv"
        inner = channels * expansion
        if expansion > 1:
            self._add(f"{name}_expand", channels, inner, 1)
        self._add(f"{name}_depthwise", inner, inner, 3, groups=inner)
        self._add(f"{name}_project", inner, out, 1)
        self.blocks.append((name, expansion > 1, stride, stride == 1 and channels == out))
        return out

    def _add_context(self, name, channels):
        inner = channels * CONTEXT_EXPANSION
        self.layers[f"{name}_expand"] = nn.Conv2d(channels, inner, 1)
        self.layers[f"{name}_depthwise"] = nn.Conv2d(
            inner, inner, CONTEXT_KERNEL, padding=CONTEXT_KERNEL // 2, groups=inner
        )
        self.layers[f"{name}_project"] = nn.Conv2d(inner, channels, 1)

    def _add(self, name, channels, out, size, groups=1, norm=None):
        self.layers[name] = nn.Conv2d(channels, out, size, groups=groups, bias=False)
        self.layers[norm or f"{name}_BN"] = nn.BatchNorm2d(out, eps=1e-3, momentum=BATCH_NORM_MOMENTUM)

    def forward(self, image):
        features = self._unit(image / 127.5 - 1, "Conv1", norm="bn_Conv1", stride=2)
        skips = []
        for index, (name, expands, stride, adds) in enumerate(self.blocks):
            start = features
            if expands:
                features = self._unit(features, f"{name}_expand")
            features = self._unit(features, f"{name}_depthwise", stride=stride)
            features = self._unit(features, f"{name}_project", relu=False)
            features = start + features if adds else features
            if index in TAPS:
                skips.append(features)
        features = self._unit(features, "Conv_1", norm="Conv_1_bn")
        for stride, (_, blocks) in DECODER.items():
            name = f"decoder_{stride}"
            features = self._unit(features, f"{name}_reduce", norm=f"{name}_reduce_norm")
            for index in range(blocks):
                features = features + self._context(features, f"{name}_context_{index}")
            features = torch.cat([_doubled(features), skips.pop()], 1)
            features = self._unit(features, f"{name}_depthwise", norm=f"{name}_depthwise_norm")
            features = self._unit(features, f"{name}_pointwise", norm=f"{name}_pointwise_norm")
        return _doubled(self.layers["head"](features).float())

    def _unit(self, features, name, norm=None, stride=1, relu=True):
        convolution, norm = self.layers[name], norm or f"{name}_BN"
        if convolution.kernel_size == (3, 3):  # padded as Keras does: with stride 2 only at the lower and right edge
            features = F.pad(features, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        features = F.conv2d(features, convolution.weight, stride=stride, groups=convolution.groups)
        features = self.layers[norm](features)
        features = F.relu6(features) if relu else features
        return self._disturbed(features) if self.training and norm in COARSE_IN_BYTES else features

    def _context(self, features, name):
        features = F.relu6(self.layers[f"{name}_expand"](features))
        features = F.relu6(self.layers[f"{name}_depthwise"](features))
        return self.layers[f"{name}_project"](features)

    def _disturbed(self, features):
        still = features.detach()
        step = (still.amax() - still.amin()) / 255
        return features + (torch.rand_like(features) - 0.5) * step * self.noise


def _doubled(features):
    return F.interpolate(features, scale_factor=2, mode="bilinear", align_corners=False)


def variables(model):
    """All weights and statistics, as Keras names and lays them out.

    Yields:
        `(LAYER/VARIABLE, tensor, axes)`: the axes of Keras' array in the order in which PyTorch has them, or None.
    """
    for name, layer in model.layers.items():
        if isinstance(layer, nn.BatchNorm2d):
            yield f"{name}/gamma", layer.weight, None
            yield f"{name}/beta", layer.bias, None
            yield f"{name}/moving_mean", layer.running_mean, None
            yield f"{name}/moving_variance", layer.running_var, None
        else:
            yield f"{name}/kernel", layer.weight, (2, 3, 0, 1) if layer.groups > 1 else (3, 2, 0, 1)
            if layer.bias is not None:
                yield f"{name}/bias", layer.bias, None


def read_arrays(path, names):
    """The arrays of an .npz file, a dict. Raises ValueError, naming the file, unless it holds just these names."""
    try:
        with np.load(path) as file:
            arrays = dict(file)
    except (ValueError, zipfile.BadZipFile) as error:
        raise ValueError(f"{path}: no .npz file of training.gpu.weights.") from error
    if strange := set(names) ^ arrays.keys():
        raise ValueError(f"{path}: not of unet_mobilenet_v2: {min(strange)} and {len(strange) - 1} more names differ.")
    return arrays


def load_arrays(model, path):
    """Puts the arrays of an .npz file into the network. Raises ValueError, naming the file."""
    known = {name: (tensor, axes) for name, tensor, axes in variables(model)}
    arrays = read_arrays(path, known)
    with torch.no_grad():
        for name, (tensor, axes) in known.items():
            tensor.copy_(torch.from_numpy(arrays[name].transpose(axes) if axes else arrays[name]))


def to_arrays(model):
    """The weights and statistics as Keras has them: a dict of float32 arrays by `LAYER/VARIABLE`."""
    arrays = {}
    for name, tensor, axes in variables(model):
        array = tensor.detach().cpu().numpy()
        arrays[name] = array.transpose([axes.index(axis) for axis in range(4)]) if axes else array
    return arrays
