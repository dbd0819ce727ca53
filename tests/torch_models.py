"""The networks of nn.models written in plain torch.nn, with torchvision's names where it has the network."""

from __future__ import annotations

import numpy as np
import torch
from torch import nn


def randomise(module: nn.Module, seed: int) -> nn.Module:
    """He weights, and batch-norm parameters and statistics away from 1 and 0; in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    for part in module.modules():
        if isinstance(part, nn.Conv2d | nn.Linear):
            fan = part.weight[0].numel()
            part.weight.data = torch.randn(part.weight.shape, generator=generator) * (2 / fan) ** 0.5
            if part.bias is not None:
                part.bias.data = 0.1 * torch.randn(part.bias.shape, generator=generator)
        if isinstance(part, nn.BatchNorm2d):
            shape = part.weight.shape
            part.weight.data = 0.5 + torch.rand(shape, generator=generator)
            part.bias.data = 0.2 * torch.randn(shape, generator=generator)
            part.running_mean.data = 0.2 * torch.randn(shape, generator=generator)
            part.running_var.data = 0.5 + 2 * torch.rand(shape, generator=generator)
    return module.eval()


def logits(module: nn.Module, images: np.ndarray) -> np.ndarray:
    """The results for images that have their channels last."""
    with torch.inference_mode():
        return module(torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)))).numpy()


class Block(nn.Module):
    """A basic block or, with `wide`, a bottleneck of version 1.5."""

    def __init__(self, channels: int, width: int, stride: int, wide: bool) -> None:
        super().__init__()
        sizes = [(1, 1), (3, stride), (1, 1)] if wide else [(3, stride), (3, 1)]
        widths = [width, width, 4 * width] if wide else [width, width]
        before = channels
        for i, ((size, step), after) in enumerate(zip(sizes, widths, strict=True), 1):
            conv = nn.Conv2d(before, after, size, step, size // 2, bias=False)
            self.add_module(f"conv{i}", conv)
            self.add_module(f"bn{i}", nn.BatchNorm2d(after))
            before = after
        self.downsample = None
        if stride != 1 or channels != before:
            shortcut = nn.Conv2d(channels, before, 1, stride, bias=False)
            self.downsample = nn.Sequential(shortcut, nn.BatchNorm2d(before))
        self.depth = len(sizes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y = x
        for i in range(1, self.depth + 1):
            y = getattr(self, f"bn{i}")(getattr(self, f"conv{i}")(y))
            if i < self.depth:
                y = torch.relu(y)
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """torchvision's residual networks, or with three counts those for 32x32 images."""

    def __init__(self, counts: tuple[int, ...], wide: bool = False, classes: int = 1000) -> None:
        super().__init__()
        width = 64 if len(counts) == 4 else 16
        self.conv1 = nn.Conv2d(3, width, *((7, 2, 3) if width == 64 else (3, 1, 1)), bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.maxpool = nn.MaxPool2d(3, 2, 1) if width == 64 else nn.Identity()
        self.stages = len(counts)
        channels = width
        for stage, count in enumerate(counts):
            blocks = []
            for number in range(count):
                stride = 2 if stage and not number else 1
                blocks.append(Block(channels, width << stage, stride, wide))
                channels = (width << stage) * (4 if wide else 1)
            self.add_module(f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, classes)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.maxpool(torch.relu(self.bn1(self.conv1(x))))
        for stage in range(self.stages):
            x = getattr(self, f"layer{stage + 1}")(x)
        return self.fc(x.mean((2, 3)))


class LeNet(nn.Module):
    """LeNet-5 for 28x28 images."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 6, 5, padding=2)
        self.conv2 = nn.Conv2d(6, 16, 5)
        self.fc1, self.fc2, self.fc3 = nn.Linear(400, 120), nn.Linear(120, 84), nn.Linear(84, 10)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for conv in (self.conv1, self.conv2):
            x = nn.functional.avg_pool2d(torch.tanh(conv(x)), 2)
        x = x.flatten(1)
        return self.fc3(torch.tanh(self.fc2(torch.tanh(self.fc1(x)))))


class MobileNet(nn.Module):
    """MobileNetV1 with Keras's names and its padding behind the image at stride 2."""

    STRIDES = (1, 2, 1, 2, 1, 2, 1, 1, 1, 1, 1, 2, 1)
    WIDTHS = (64, 128, 128, 256, 256, 512, 512, 512, 512, 512, 512, 1024, 1024)

    def __init__(self, alpha: float = 1.0, classes: int = 1000) -> None:
        super().__init__()
        channels = int(32 * alpha)
        self._add("conv1", nn.Conv2d(3, channels, 3, 2, bias=False))
        for i, (stride, width) in enumerate(zip(self.STRIDES, self.WIDTHS, strict=True), 1):
            width = int(width * alpha)
            padding = 1 if stride == 1 else 0
            deep = nn.Conv2d(channels, channels, 3, stride, padding, groups=channels, bias=False)
            self._add(f"conv_dw_{i}", deep)
            self._add(f"conv_pw_{i}", nn.Conv2d(channels, width, 1, bias=False))
            channels = width
        self.conv_preds = nn.Conv2d(channels, classes, 1)

    def _add(self, name: str, conv: nn.Conv2d) -> None:
        self.add_module(name, conv)
        self.add_module(f"{name}_bn", nn.BatchNorm2d(conv.out_channels, eps=1e-3))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for name in ("conv1", *(f"conv_{k}_{i}" for i in range(1, 14) for k in ("dw", "pw"))):
            conv = getattr(self, name)
            if conv.stride == (2, 2):
                x = nn.functional.pad(x, (0, 1, 0, 1))
            x = nn.functional.relu6(getattr(self, f"{name}_bn")(conv(x)))
        return self.conv_preds(x.mean((2, 3), keepdim=True)).flatten(1)
