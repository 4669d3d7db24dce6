# SPDX-License-Identifier: LGPL-2.1-or-later
"""A program under measurement: it says "ready VERSION", then answers each line with
"SECONDS PROCESSOR_SECONDS [MORE]"."""
import os
import statistics
import subprocess
import sys
from pathlib import Path


def add_options(parser):
    """How often to measure, and in which types: float32, and bfloat16 where the CPU has
    instructions for it (without them an evaluation takes minutes, whoever asks for it)."""
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--warm-up", type=int, default=1, metavar="ROUNDS",
                        help="rounds before those that count; 0 where a round takes minutes")
    fast = {"avx512_bf16", "amx_bf16"} & set(Path("/proc/cpuinfo").read_text().split())
    parser.add_argument("--types", type=lambda text: text.split(","),
                        default=["float32", "bfloat16"] if fast else ["float32"],
                        help="separated by commas; default: those that this CPU is fast in")


class Worker:
    def __init__(self, command):
        # Threads that spin while they wait would slow the other side.
        environment = dict(os.environ, OMP_WAIT_POLICY="passive")
        self.process = subprocess.Popen(
            [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            text=True, env=environment,
        )
        self.version = self.answer().split()[1]

    def answer(self):
        line = self.process.stdout.readline()
        if not line:
            sys.exit(f"{self.process.args[0]} ended with code {self.process.wait()}")
        return line

    def ask(self, variant):
        self.process.stdin.write(variant + "\n")
        self.process.stdin.flush()
        return [float(word) for word in self.answer().split()]


def medians(variants, rounds, warm_up):
    """Runs each (worker, side, name) of `variants` in turn, `rounds` times after `warm_up`
    times that do not count.  Returns the medians and the numbers beyond the two of the last answer:
    {(side, name): [seconds, processor seconds]}, {(side, name): [more]}."""
    samples = {(side, name): [] for _, side, name in variants}
    more = {}
    for round_ in range(warm_up + rounds):
        for worker, side, name in variants:
            wall, cpu, *more[side, name] = worker.ask(name)
            if round_ >= warm_up:
                samples[side, name].append((wall, cpu))
    return {
        key: [statistics.median(column) for column in zip(*values)]
        for key, values in samples.items()
    }, more
