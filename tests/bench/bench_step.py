# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python side of run-step: the reference UNet of tests/fixtures, with the weights and
the batch that bench_step left in FOLDER, trained as one writes it in PyTorch: Adam, the
gradient's norm clipped, a moving average of the weights.

    bench_step.py FOLDER THREADS BATCH

Says "ready VERSION"; then for each line "TYPE" or "TYPE channels-last" takes one step and
answers "SECONDS CPU_SECONDS LOSS".  bfloat16 is autocast."""
import sys
import time
from pathlib import Path

import torch

from tensors import load

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
import diffae_reference as diffae


class Training:
    def __init__(self, weights, variant):
        self.autocast = variant.startswith("bfloat16")
        self.unet = diffae.UNet(diffae.UNetConfig(
            patch=4, model_channels=32, channel_mult=(1, 2, 3), num_res_blocks=1,
            attention_resolutions=(), middle_attention=False, dropout=0))
        self.unet.load_state_dict(weights)
        if variant.endswith("channels-last"):
            self.unet.to(memory_format=torch.channels_last)
        self.adam = torch.optim.Adam(self.unet.parameters(), lr=3e-4, foreach=True)
        self.averaged = [parameter.detach().clone() for parameter in self.unet.parameters()]

    def step(self, x, t, z, target):
        with torch.autocast("cpu", torch.bfloat16, enabled=self.autocast):
            made = self.unet(x, t, z)
        loss = (made.float() - target).square().mean()
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.unet.parameters(), 1.0)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_mul_(self.averaged, 0.999)
            torch._foreach_add_(self.averaged, list(self.unet.parameters()), alpha=0.001)
        return loss.item()


def main():
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    weights = load(folder / "step.safetensors")
    x, t, z, target = (weights.pop(name) for name in ("x", "t", "z", "target"))
    trainings = {}
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        variant = line.strip()
        if variant not in trainings:
            trainings[variant] = Training(weights, variant)
        image = x
        if variant.endswith("channels-last"):
            image = x.contiguous(memory_format=torch.channels_last)
        cpu_start, start = time.process_time(), time.perf_counter()
        loss = trainings[variant].step(image, t, z, target)
        seconds = time.perf_counter() - start
        print(seconds, time.process_time() - cpu_start, loss, flush=True)


main()
