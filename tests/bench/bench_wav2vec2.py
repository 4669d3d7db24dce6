# SPDX-License-Identifier: LGPL-2.1-or-later
"""The Python side of run-wav2vec2: transformers' Wav2Vec2Model.

    bench_wav2vec2.py FOLDER THREADS

Writes a random wav2vec2-base and a wave to FOLDER, says "ready VERSION"; then for each
line "float32" or "bfloat16" evaluates once and answers "SECONDS PROCESSOR_SECONDS
DIFFERENCE", the difference being its output's relative distance from the C++ one."""
import sys
import time
from pathlib import Path

import torch
import transformers
from safetensors.torch import load_file, save_file

SAMPLES = 160000


@torch.no_grad()
def main():
    folder, threads = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(threads)
    torch.manual_seed(1)
    model = transformers.Wav2Vec2Model(transformers.Wav2Vec2Config()).eval()
    model.save_pretrained(folder, safe_serialization=True)
    transformers.Wav2Vec2FeatureExtractor(do_normalize=False).save_pretrained(folder)
    wave = torch.randn(1, SAMPLES)
    save_file({"wave": wave}, folder / "wave.safetensors")
    # The C++ network continues the wave to 500 whole frames itself.
    wave = torch.nn.functional.pad(wave, (0, 80))
    networks = {}
    for name in ("float32", "bfloat16"):
        networks[name] = transformers.Wav2Vec2Model.from_pretrained(folder).eval()
        networks[name].to(getattr(torch, name))
    print("ready", torch.__version__ + "/" + transformers.__version__, flush=True)
    for line in sys.stdin:
        name = line.strip()
        cpu_start, start = time.process_time(), time.perf_counter()
        out = networks[name](wave.to(getattr(torch, name))).last_hidden_state
        wall, cpu = time.perf_counter() - start, time.process_time() - cpu_start
        other = load_file(folder / f"cpp-{name}.safetensors")["out"]
        print(wall, cpu, ((out.float() - other).norm() / other.norm()).item(), flush=True)


main()
