"""The MobileNetV2 U-Net of the 2018 hackathon in PyTorch, behind pipes; `make peer-torch` makes its environment.

Its weights are random: it is here for its speed. Decoder stages are a transposed convolution 4x4 of stride 2,
concatenation with the encoder's map and an inverted residual; two 1x1 convolutions and a bilinear x2 end it.
"""

import sys
import time

import torch
from answering import answer
from torch import nn
from torch.nn import functional

HEIGHT, WIDTH = 320, 256
EXPANSION = 6
ENCODER = ((1, 16, 1, 1), (6, 24, 2, 2), (6, 32, 3, 2), (6, 64, 4, 2), (6, 96, 3, 1), (6, 160, 3, 2), (6, 320, 1, 1))
TAPS = (1, 3, 6, 13)  # blocks after which the maps of strides 2, 4, 8 and 16 are taken
TAP_CHANNELS = (16, 24, 32, 96)


def convolution(given, made, kernel=1, stride=1, groups=1):
    return nn.Sequential(
        nn.Conv2d(given, made, kernel, stride, kernel // 2, groups=groups, bias=False), nn.BatchNorm2d(made)
    )


class InvertedResidual(nn.Module):
    """Sandler et al. 2018, arXiv:1801.04381."""

    def __init__(self, given, made, stride=1, expansion=EXPANSION):
        super().__init__()
        wide = given * expansion
        expand = [convolution(given, wide), nn.ReLU6()] if expansion > 1 else []
        depthwise = [convolution(wide, wide, 3, stride, groups=wide), nn.ReLU6()]
        self.layers = nn.Sequential(*expand, *depthwise, convolution(wide, made))
        self.residual = stride == 1 and given == made

    def forward(self, features):
        return features + self.layers(features) if self.residual else self.layers(features)


class UNet(nn.Module):
    """Normalised RGB `[B, 3, H, W]` to logits `[B, 1, H, W]`."""

    def __init__(self):
        super().__init__()
        blocks, channels = [nn.Sequential(convolution(3, 32, 3, 2), nn.ReLU6())], 32
        for expansion, made, count, stride in ENCODER:
            for number in range(count):
                blocks.append(InvertedResidual(channels, made, stride if number == 0 else 1, expansion))
                channels = made
        blocks.append(nn.Sequential(convolution(channels, 1280), nn.ReLU6()))
        self.encoder = nn.ModuleList(blocks)
        self.doubling, self.mixing, channels = nn.ModuleList(), nn.ModuleList(), 1280
        for made in reversed(TAP_CHANNELS):
            self.doubling.append(nn.ConvTranspose2d(channels, made, 4, 2, 1))
            self.mixing.append(InvertedResidual(2 * made, made))
            channels = made
        self.head = nn.Sequential(nn.Conv2d(channels, 3, 1), nn.Conv2d(3, 1, 1))

    def forward(self, features):
        taps = []
        for number, block in enumerate(self.encoder):
            features = block(features)
            if number in TAPS:
                taps.append(features)
        for double, mix, tap in zip(self.doubling, self.mixing, reversed(taps), strict=True):
            features = mix(torch.cat([tap, double(features)], 1))
        return functional.interpolate(self.head(features), scale_factor=2, mode="bilinear", align_corners=False)


def main():
    torch.set_num_threads(int(sys.argv[1]))
    network = UNet().eval()
    mean, deviation = (torch.tensor(c).view(3, 1, 1) for c in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))

    @torch.inference_mode()
    def segment(image):
        photo = torch.from_numpy(image.copy()).permute(2, 0, 1).float() / 255
        small = functional.interpolate(photo[None], (HEIGHT, WIDTH), mode="bilinear", antialias=True)
        normalised = (small - mean) / deviation
        start = time.perf_counter()
        logits = network(normalised)
        seconds = time.perf_counter() - start
        large = functional.interpolate(torch.sigmoid(logits), image.shape[:2], mode="bilinear")
        return large[0, 0].numpy(), seconds

    answer(__file__, segment)


if __name__ == "__main__":
    main()
