#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Predicts the face that an avatar's person would make to other voices' speech, from the
hidden states of a large speech encoder, the teacher.  That teaches a speech encoder of one's
own (`daetalker train-encoder`) and speech2latent (`daetalker train --other-voices`).

  clips DATASET WORK SPEECH             SPEECH/own_NNNN.flac, the sound of the clips, several in
                                        a file of up to 25 s; SPEECH/own.json says which.
                                        Those held out: own-held-out_NNNN.flac
  fit DATASET WORK SPEECH STATES FACE   learns the person's face from the teacher's states of
                                        those files; prints how well it predicts those held
                                        out, which nothing is fitted to
  targets FACE SPEECH STATES TARGETS    TARGETS/NAME.safetensors for train-encoder's --teacher:
                                        `hidden_states` float16 [rows, about 256], half of them
                                        principal components of the teacher's, half lips
  voices FACE SPEECH STATES VOICES      VOICES/NAME.flac, other voices, and NAME.safetensors
                                        (`latents`, `pose`, `lips`) for --other-voices

DATASET is what `daetalker prepare` wrote; WORK is the work folder of `daetalker train`, all
stages done (frames.json, held-out.txt, latents.safetensors).  After clips come
tools/collect-speech SPEECH, for other voices and for copies at other speeds, from which fit
learns, too, and tools/whisper_hidden_states.py SPEECH STATES.  Do not collect the person's own
footage: what is held out would be in it.

Files that are newer than FACE are kept, so targets and voices can be stopped and called again.
How it predicts: face_regression.py.  Needs ffmpeg (clips) and the Python packages numpy,
safetensors and soundfile.
"""
import argparse
import functools
import hashlib
import json
import pathlib
import re
import shutil
import subprocess
import sys

import numpy as np
import safetensors.numpy
import soundfile

from face_regression import Face, principal

RATE, PER_FRAME, PER_ROW = 16000, 640, 320  # samples a second, a frame, a row of states
OWN, HELD_OUT = "own_", "own-held-out_"
LONGEST, PAUSE = 625, 10  # frames of a file, and after each clip
COLUMNS = 128  # of each half of the targets


def load(path, *names):
    """The file's tensors, these among them, as float32."""
    try:
        tensors = safetensors.numpy.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        sys.exit(f"{path}: cannot be read ({error}). Run what writes it; --help says what")
    for name in names:
        if name not in tensors:
            sys.exit(f"{path}: there is no {name} in it. Write it again")
    return {name: tensor.astype(np.float32) for name, tensor in tensors.items()}


def save(path, tensors):
    partial = path.with_suffix(".partial")
    safetensors.numpy.save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, partial)
    partial.rename(path)


def read(path):
    try:
        return path.read_text()
    except OSError as error:
        sys.exit(f"{path}: cannot be read ({error}). Run what writes it; --help says what")


def clips_of(work):
    """(name, frames) of each clip in the order of latents.safetensors; names held out."""
    return ([clip[:2] for clip in json.loads(read(work / "frames.json"))],
            set(read(work / "held-out.txt").split()))


def load_states(args, name):
    """The teacher's hidden states [rows, size] of SPEECH/NAME.flac, and samples of that."""
    path = args.states / (name + ".safetensors")
    rows = load(path, "hidden_states")["hidden_states"]
    samples = soundfile.info(str(args.speech / (name + ".flac"))).frames
    if len(rows) != -(-samples // PER_ROW):
        sys.exit(f"{path}: it is not as long as the sound. Remove it and write it again")
    return rows, samples


def speech_names(args):
    """Of all speech with hidden states but what is held out, in an order that mixes it."""
    names = [f.stem for f in args.speech.glob("*.flac") if not f.stem.startswith(HELD_OUT)
             and (args.states / (f.stem + ".safetensors")).exists()]
    return sorted(names, key=lambda name: hashlib.sha1(name.encode()).digest())


def packed(prefix, clips):
    """{file: [[clip, its first frame, frames, where in the file]]}"""
    files, at = [], LONGEST
    for name, length in clips:
        for first in range(0, length, LONGEST - PAUSE):
            count = min(length - first, LONGEST - PAUSE)
            if at + count + PAUSE > LONGEST:
                files, at = files + [[]], 0
            files[-1].append([name, first, count, at])
            at += count + PAUSE
    return {f"{prefix}{number:04}": pieces for number, pieces in enumerate(files)}


@functools.lru_cache(maxsize=1)
def decode(path):
    run = subprocess.run(["ffmpeg", "-v", "error", "-i", path, "-vn", "-ac", "1",
                          "-ar", str(RATE), "-f", "f32le", "-"], capture_output=True)
    if run.returncode or not run.stdout:
        sys.exit(f"{path}: there is no sound in it ({run.stderr.decode().strip()}). Prepare the "
                 "dataset again")
    return np.frombuffer(run.stdout, np.float32)


def write_clips(args):
    if not shutil.which("ffmpeg"):
        sys.exit("ffmpeg: it is not installed. Install the package ffmpeg")
    names, held_out = clips_of(args.work)
    index = {**packed(OWN, [clip for clip in names if clip[0] not in held_out]),
             **packed(HELD_OUT, [clip for clip in names if clip[0] in held_out])}
    args.speech.mkdir(parents=True, exist_ok=True)
    record = args.speech / "own.json"
    if record.exists() and json.loads(read(record)) != index:
        sys.exit(f"{record}: it is of other clips, or others were held out. Remove it, the files "
                 "own* beside it and their hidden states")
    record.with_suffix(".partial").write_text(json.dumps(index) + "\n")
    record.with_suffix(".partial").rename(record)
    for name, pieces in index.items():
        target = args.speech / (name + ".flac")
        if target.exists():
            continue
        samples = np.zeros((pieces[-1][2] + pieces[-1][3]) * PER_FRAME, np.float32)
        for clip, first, count, at in pieces:
            sound = decode(str(args.dataset / "clips" / (clip + ".mkv")))
            sound = sound[first * PER_FRAME:(first + count) * PER_FRAME]
            samples[at * PER_FRAME:][:len(sound)] = sound
        partial = target.with_suffix(".partial.flac")
        soundfile.write(partial, samples, RATE, subtype="PCM_16")
        partial.rename(target)
    print(f"{args.speech}: {len(names)} clips, {len(held_out)} of them held out, in {len(index)} "
          "files")


def truth_of(args, names):
    """{clip: [frames, 40 + size + 3]}: lips, latents and pose about the clip's mean."""
    latents = load(args.work / "latents.safetensors", "latents")["latents"]
    if len(latents) != sum(count for _, count in names):
        sys.exit(f"{args.work}/latents.safetensors: it is of other clips than frames.json. Run "
                 "`daetalker train --stage speech2latent`")
    truth = {}
    for name, count in names:
        path = args.dataset / "clips" / (name + ".safetensors")
        clip = load(path, "landmarks", "pose")
        mouth = clip["landmarks"][:, 48:68]
        if len(mouth) != count:
            sys.exit(f"{path}: it has {len(mouth)} frames and {args.work} {count} of it. Give the "
                     "dataset that was trained on")
        mouth = (mouth - mouth.mean(1, keepdims=True)).reshape(count, 40)
        rows = np.concatenate([mouth, latents[:count], clip["pose"]], 1)
        latents, truth[name] = latents[count:], rows - rows.mean(0)
    return truth


def at_speed(rows, speed, count):
    """[count, n] of the rows at `speed` times the speed, linear between them."""
    position = np.minimum(np.arange(count) * speed, len(rows) - 1)
    below = position.astype(int)
    share = (position - below)[:, None].astype(np.float32)
    return rows[below] * (1 - share) + rows[np.minimum(below + 1, len(rows) - 1)] * share


def pairs(args):
    """Of each file of clips and each copy of one: name, states, truth, where there is one."""
    names, held_out = clips_of(args.work)
    truth, speech = truth_of(args, names), speech_names(args)
    for name, pieces in json.loads(read(args.speech / "own.json")).items():
        if any(p[0] not in truth or (p[0] in held_out) == name.startswith(OWN) for p in pieces):
            sys.exit(f"{args.speech}/own.json: it is of other clips than {args.work}, or others "
                     "were held out. Remove it, the files own* there and their hidden states, "
                     "and run clips")
        rows = np.zeros((pieces[-1][2] + pieces[-1][3], truth[pieces[0][0]].shape[1] + 1))
        for clip, first, count, at in pieces:
            rows[at:at + count, :-1] = truth[clip][first:first + count]
            rows[at:at + count, -1] = 1
        for heard in [name] + [copy for copy in speech if copy.startswith(name + "_r")]:
            states, samples = load_states(args, heard)
            speed = len(rows) * PER_FRAME / samples
            seen = at_speed(rows, speed, samples // PER_FRAME).astype(np.float32)
            yield heard, states, seen[:, :-1], seen[:, -1] > 0.999


def opening(lips):
    """Of the mouth: landmarks 65 to 67 less 61 to 63."""
    return lips[:, [35, 37, 39]].sum(1) - lips[:, [27, 29, 31]].sum(1)


def fit(args):
    found = list(pairs(args))
    face = Face()
    face.fit([pair[1:] for pair in found if pair[0].startswith(OWN)], args.steps)
    # The teacher's components are turned at random: train-encoder weighs columns alike.
    states = np.concatenate([load_states(args, name)[0][::25] for name in speech_names(args)])
    mean, directions, _ = principal(states, COLUMNS)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=[directions.shape[1]] * 2))[0]
    face.learn(states_mean=mean, states_columns=directions @ turn)
    save(args.face, vars(face))
    held_out = [pair[1:] for pair in found if pair[0].startswith(HELD_OUT)]
    heard = np.concatenate([face.hear(states, known) for states, _, known in held_out])
    truth = np.concatenate([rows[known] for _, rows, known in held_out])
    lips = face.lips(heard)
    right = np.corrcoef(opening(lips @ face.basis), opening(truth))[0, 1]
    wrong = face.look(heard, lips)[:, :-3] - truth[:, 40:-3]
    share = 1 - (wrong ** 2).sum() / (truth[:, 40:-3] ** 2).sum()
    print(f"{args.face}: of {len(truth)} frames held out, the mouth's opening correlates "
          f"{right:.3f}; {100 * share:.1f} % of the latents' variance is predicted")


def face_and_folder(args, folder):
    """The face, and the folder without what was left of a run that was stopped."""
    face = Face(load(args.face, "look_weight", "states_columns"))
    folder.mkdir(parents=True, exist_ok=True)
    for stale in folder.glob("*.partial*"):
        stale.unlink()
    return face


def is_done(target, args):
    return target.exists() and target.stat().st_mtime > args.face.stat().st_mtime


def write_targets(args):
    face = face_and_folder(args, args.targets)
    shares = np.round(COLUMNS * face.lips_std / face.lips_std.sum())
    repeats = np.repeat(np.arange(len(shares)), np.maximum(1, shares).astype(int))
    names = speech_names(args)
    for number, name in enumerate(names):
        target = args.targets / (name + ".safetensors")
        if is_done(target, args):
            continue
        states, _ = load_states(args, name)
        lips = face.lips(face.hear(states))
        columns = [(states - face.states_mean) @ face.states_columns, lips[:, repeats]]
        save(target, {"hidden_states": np.concatenate(columns, 1).astype(np.float16)})
        print(f"\r{number + 1}/{len(names)}", end="", file=sys.stderr, flush=True)
    print(f"\r{args.targets}: {len(names)} files")


def write_voices(args):
    face = face_and_folder(args, args.voices)
    voices = {}
    for name in speech_names(args):
        if not name.startswith((OWN, *args.leave_out)):
            voices.setdefault(re.sub(r"_\d+(_r\d+)?$", "", name), []).append(name)
    # Each voice in its turn, so that a limit leaves all of them.
    turns = [names[turn] for turn in range(max(map(len, voices.values()), default=0))
             for names in voices.values() if turn < len(names)]
    seconds = files = 0
    for name in turns:
        if seconds > 3600 * args.hours:
            break
        states, samples = load_states(args, name)
        seconds, files = seconds + samples / RATE, files + 1
        sound = args.voices / (name + ".flac")
        if is_done(sound, args):
            continue
        heard = face.hear(states)[::2]
        lips = face.lips(heard)
        look = face.look(heard, lips)
        tables = {"latents": look[:, :-3], "pose": look[:, -3:], "lips": lips @ face.basis}
        save(sound.with_suffix(".safetensors"),
             {table: rows.astype(np.float16) for table, rows in tables.items()})
        partial = sound.with_suffix(".partial.flac")
        shutil.copyfile(args.speech / sound.name, partial)
        partial.rename(sound)
    if not files:
        sys.exit(f"{args.states}: there are no hidden states of others' speech in it. Run "
                 "tools/collect-speech, then tools/whisper_hidden_states.py")
    print(f"{args.voices}: {seconds / 3600:.2f} hours of {len(voices)} voices in {files} files")


def main():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    for name, run, paths in (
            ("clips", write_clips, "dataset work speech"),
            ("fit", fit, "dataset work speech states face"),
            ("targets", write_targets, "face speech states targets"),
            ("voices", write_voices, "face speech states voices")):
        command = commands.add_parser(name)
        command.set_defaults(run=run)
        for path in paths.split():
            command.add_argument(path, type=pathlib.Path)
    commands.choices["fit"].add_argument(
        "--steps", type=int, default=3000, help="of the network (default %(default)s)")
    commands.choices["voices"].add_argument(
        "--hours", type=float, default=1.5, help="of speech at most (default %(default)s)")
    commands.choices["voices"].add_argument(
        "--leave-out", action="append", default=[], metavar="PREFIX",
        help="speech whose names begin so, a poor synthesiser's for example")
    args = parser.parse_args()
    args.run(args)


if __name__ == "__main__":
    main()
