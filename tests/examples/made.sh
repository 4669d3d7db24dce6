# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# Files that test cases read, made in the folder at hand.  Sourced.

# A bundle of the arithmetic engine in the folder `avatar`.
make_avatar () {
  mkdir avatar
  printf '\0\0\200?%.0s' {1..16} >avatar/weights.bin # float32, 1
  cat >avatar/avatar.json <<JSON
{ "name": "arithmetic", "license": "CC0-1.0", "width": 64, "height": 48, "fps": [25, 1],
  "window": { "left": 3, "chunk": 1, "right": 2 },
  "rest_latent": [0.25, 0, 0, 0, 0, 0, 0, 0], "rest_pose": [0, 0, 0], "steps": [1],
  "encoder": { "name": "arithmetic", "hash": "0123abcd", "sample_rate": 16000, "hop": 320,
    "feature_size": 6, "window": { "left": 5, "chunk": 2, "right": 4 } },
  "consent": { "who": "the test", "scope": "tests" },
  "sha256": "$(sha256sum avatar/weights.bin | cut -d ' ' -f 1)" }
JSON
}

# make_level FILE SAMPLES LEVEL: a WAV file of so many, 16 kHz, 16 bits, mono, all alike.
make_level () {
  python3 -c 'import sys, wave; sound = wave.open(sys.argv[1], "wb"); sound.setnchannels(1)
sound.setsampwidth(2); sound.setframerate(16000)
sound.writeframes(int(sys.argv[3]).to_bytes(2, "little") * int(sys.argv[2]))' "$@"
}

# make_silence FILE SAMPLES
make_silence () { make_level "$1" "$2" 0; }

# make_mute_video FILE
make_mute_video () {
  gst-launch-1.0 -q videotestsrc num-buffers=10 ! videoconvert ! \
    video/x-raw,format=I420 ! x264enc ! mp4mux ! filesink location="$1"
}

# make_text FILE
make_text () { printf 'these are words, and words are not sound\n' >"$1"; }
