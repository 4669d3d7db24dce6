# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python side of run-unet: the reference UNet of tests/fixtures, in the shape,
weights and inputs that bench_unet left in FOLDER.

    bench_unet.py FOLDER THREADS

Says "ready VERSION"; then for each line "TYPE" or "TYPE channels-last" evaluates
once and answers "SECONDS CPU_SECONDS DIFFERENCE", the difference being its output's relative
distance from the C++ one of the same type."""
import sys
import time
from pathlib import Path

import torch

from tensors import load

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "fixtures"))
import diffae_reference as diffae

def network(weights, variant):
    unet = diffae.UNet(diffae.ffhq256()[0]).eval()
    unet.load_state_dict(weights)
    if variant.startswith("bfloat16"):
        unet.bfloat16()
    if variant.endswith("channels-last"):
        unet.to(memory_format=torch.channels_last)
    return unet


@torch.no_grad()
def main():
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    weights = load(folder / "unet.safetensors")
    x, t, z = (weights.pop(name) for name in ("x", "t", "z"))
    networks = {}
    for dtype in ("float32", "bfloat16"):
        for variant in (dtype, dtype + " channels-last"):
            networks[variant] = network(weights, variant)
    print("ready", torch.__version__, flush=True)
    for line in sys.stdin:
        variant = line.strip()
        image = x
        if variant.endswith("channels-last"):
            image = x.contiguous(memory_format=torch.channels_last)
        cpu_start, start = time.process_time(), time.perf_counter()
        out = networks[variant](image, t, z)
        seconds = time.perf_counter() - start
        cpu_seconds = time.process_time() - cpu_start
        theirs = load(folder / f"cpp-{variant.split()[0]}.safetensors")["out"]
        difference = (out.float() - theirs).norm() / theirs.norm()
        print(seconds, cpu_seconds, difference.item(), flush=True)


main()
