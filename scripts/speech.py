"""Scores what `speech` wrote: PESQ (ITU-T P.862) of stretches of some eight seconds, their mean, Baton beside the peer.

    speech.py REFERENCE.wav FOLDER
"""

import sys
import wave
from pathlib import Path

import numpy as np
from pesq import PesqError, pesq

RATE = 8000
STRETCH = 8 * RATE
# So much of what was heard is looked through for the stretch: it may have come late.
SLACK = RATE


def read(path):
    """The first channel, at 8 kHz. Averaging is low pass enough for a codec that has nothing above 4 kHz to say."""
    with wave.open(str(path)) as file:
        rate, channels = file.getframerate(), file.getnchannels()
        samples = np.frombuffer(file.readframes(file.getnframes()), dtype=np.int16)[::channels].astype(float)
    step = rate // RATE
    if step == 1:
        return samples
    taps = np.sinc(np.arange(-64 * step, 64 * step + 1) * 0.95 / step) * np.hanning(128 * step + 1)
    return np.convolve(samples, taps / taps.sum(), mode="same")[::step]


def delay(reference, heard):
    """By how many samples `heard` is behind, found where both are loudest together."""
    size = 1 << (len(reference) + len(heard)).bit_length()
    spectrum = np.fft.rfft(heard, size) * np.conj(np.fft.rfft(reference, size))
    correlation = np.fft.irfft(spectrum, size)
    return int(np.argmax(correlation[: len(heard)]))


def score(reference, heard):
    """The mean of the stretches. A stretch in which nothing is heard counts as the worst there is."""
    behind = delay(reference, heard)
    heard = heard[behind:]
    scores = []
    for start in range(0, len(reference) - STRETCH + 1, STRETCH):
        said = reference[start : start + STRETCH]
        around = heard[max(0, start - SLACK) : start + STRETCH + SLACK]
        if len(around) < STRETCH // 2:
            scores.append(1.0)
            continue
        shift = delay(said, around) if start > 0 else 0
        part = around[shift : shift + STRETCH]
        try:
            scores.append(pesq(RATE, said / 32768, part / 32768, "nb"))
        except PesqError:
            scores.append(1.0)
    return float(np.mean(scores))


def main():
    reference = read(sys.argv[1])
    folder = Path(sys.argv[2])
    names = sorted(path.name.removeprefix("baton-") for path in folder.glob("baton-*.wav"))
    key = lambda name: (name.split("-")[0], *(int(part[1:].split(".")[0]) for part in name.split("-")[1:]))
    print("PESQ (MOS-LQO, narrow band), of the same packets:")
    print(f"{'codec':6} {'loss':>5} {'jitter':>8} {'Baton':>7} {'baresip':>8}")
    for name in sorted(names, key=key):
        codec, loss, jitter = name.removesuffix(".wav").split("-")
        ours, theirs = (score(reference, read(folder / f"{server}-{name}")) for server in ("baton", "peer"))
        print(f"{codec:6} {loss[1:]:>3} % {jitter[1:]:>5} ms {ours:7.2f} {theirs:8.2f}")


main()
