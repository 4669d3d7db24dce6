#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Converts a published Diff-AE checkpoint (PyTorch Lightning's last.ckpt) once into
what an avatar bundle holds:

  autoencoder.safetensors   unet.* and encoder.*, the moving-average weights, float32
  noise.safetensors         x_T [3, H, W]: one of the checkpoint's own noise images
  autoencoder.json          the networks' shape, as avatar.json wants it

Needs torch and safetensors.  A checkpoint is a pickle, and a pickle can run code:
this script unpacks tensors and plain containers only; whatever else lies in the
file (callbacks, hyper-parameters) becomes an inert placeholder.

The published weights were trained on FFHQ, whose pictures are licensed for
non-commercial use (CC BY-NC-SA 4.0): an avatar made from them says so in its card.
"""
import argparse
import collections
import contextlib
import json
import math
import os
import pickle
import sys
import tempfile
import zipfile
from pathlib import Path

SHAPES = {
    "ffhq256": {
        "unet": {
            "image_size": 256, "model_channels": 128, "channel_mult": [1, 1, 2, 2, 4, 4],
            "num_res_blocks": 2, "attention_resolutions": [16],
            "embed_channels": 512, "style_channels": 512,
        },
        "encoder": {
            "image_size": 256, "model_channels": 128, "channel_mult": [1, 1, 2, 2, 4, 4, 4],
            "num_res_blocks": 2, "attention_resolutions": [16], "style_channels": 512,
        },
        "prediction": "eps",
    },
    "ffhq128": {
        "unet": {
            "image_size": 128, "model_channels": 128, "channel_mult": [1, 1, 2, 3, 4],
            "num_res_blocks": 2, "attention_resolutions": [16],
            "embed_channels": 512, "style_channels": 512,
        },
        "encoder": {
            "image_size": 128, "model_channels": 128, "channel_mult": [1, 1, 2, 3, 4, 4],
            "num_res_blocks": 2, "attention_resolutions": [16], "style_channels": 512,
        },
        "prediction": "eps",
    },
}
# (tensors, numbers) of UNet and encoder, as published.
SIZES = {
    "ffhq256": {"unet": (590, 138_341_891), "encoder": (116, 30_150_400)},
    "ffhq128": {"unet": (502, 103_871_619), "encoder": (106, 24_673_536)},
}
PREFIX = "ema_model."


class Failure(Exception):
    pass


# ---- reading a pickle that is not trusted ------------------------------------


class Placeholder:
    """Stands for an object of any unknown class; does nothing, keeps nothing."""

    def __new__(cls, *args, **kwargs):
        return super().__new__(cls)

    def __init__(self, *args, **kwargs):
        pass

    def __call__(self, *args, **kwargs):
        return self

    def __setstate__(self, state):
        pass

    def __setitem__(self, key, value):
        pass

    def append(self, item):
        pass

    def extend(self, items):
        pass

    def add(self, item):
        pass


STORAGES = {
    "DoubleStorage": "float64",
    "FloatStorage": "float32",
    "HalfStorage": "float16",
    "BFloat16Storage": "bfloat16",
}


class StoredTensor:
    """A tensor that still lies in the archive."""

    def __init__(self, archive, storage, offset, size, stride):
        self.archive, self.storage = archive, storage
        self.offset, self.size, self.stride = offset, size, stride

    def read(self):
        import torch

        dtype, record = self.storage
        if self.archive.getinfo(record).compress_type != zipfile.ZIP_STORED:
            raise ValueError(f"{record} is compressed")
        data = bytearray(self.archive.read(record))
        # as_strided refuses what reaches beyond the data.
        flat = torch.frombuffer(data, dtype=dtype)
        return torch.as_strided(flat, self.size, self.stride, self.offset)


class Unpickler(pickle.Unpickler):
    """Tensors and plain containers; everything else becomes a Placeholder.

    torch.load would not do: its weights_only mode refuses the classes that Lightning
    leaves in the file, and PyTorch 1.13 ignores a restricted pickle_module."""

    def __init__(self, archive, folder):
        super().__init__(archive.open(f"{folder}/data.pkl"))
        self.archive, self.folder = archive, folder

    def find_class(self, module, name):
        import torch

        if (module, name) == ("collections", "OrderedDict"):
            return collections.OrderedDict
        if (module, name) == ("torch._utils", "_rebuild_tensor_v2"):
            return lambda storage, offset, size, stride, *_: StoredTensor(
                self.archive, storage, offset, size, stride
            )
        if (module, name) == ("torch._utils", "_rebuild_parameter"):
            return lambda tensor, *_: tensor
        if module == "torch" and name in STORAGES:
            return getattr(torch, STORAGES[name])
        return Placeholder

    def persistent_load(self, identity):
        _, dtype, key, *_ = identity
        return dtype, f"{self.folder}/data/{key}"


@contextlib.contextmanager
def open_checkpoint(path):
    """The unpickled checkpoint; its tensors are StoredTensor while it is open."""
    if not path.is_file():
        raise Failure(f"{path}: there is no such file. Name the checkpoint's last.ckpt")
    if not zipfile.is_zipfile(path):
        raise Failure(
            f"{path}: not a checkpoint of PyTorch 1.6 or later (a zip archive), or cut"
            " short. Download it again"
        )
    try:
        with zipfile.ZipFile(path) as archive:
            (pickled,) = [n for n in archive.namelist() if n.endswith("/data.pkl")]
            yield Unpickler(archive, pickled[: -len("/data.pkl")]).load()
    except (RuntimeError, pickle.UnpicklingError, zipfile.BadZipFile, EOFError, LookupError,
            ValueError, TypeError, AttributeError) as error:
        raise Failure(f"{path}: cannot be unpacked ({error}). Download it again") from error


# ---- choosing and checking ---------------------------------------------------


def select_weights(checkpoint, path):
    """The moving-average weights by our names: {"unet.*", "encoder.*": tensor}."""
    import torch

    state = checkpoint.get("state_dict") if isinstance(checkpoint, dict) else None
    if not isinstance(state, dict):
        raise Failure(f"{path}: holds no state_dict. Give the Lightning checkpoint itself")
    weights = {}
    for key, tensor in state.items():
        if not isinstance(key, str) or not key.startswith(PREFIX):
            continue
        name = key[len(PREFIX):]
        if name.startswith("latent_net."):  # the unconditional sampler: not used here
            continue
        if not isinstance(tensor, StoredTensor):
            raise Failure(f"{path}: {key} is not a tensor. Download it again")
        tensor = tensor.read().float().contiguous()
        if not torch.isfinite(tensor).all():
            raise Failure(f"{path}: {key} holds NaN or infinity. Download it again")
        ours = name if name.startswith("encoder.") else "unet." + name
        weights[ours] = tensor
    if not weights:
        raise Failure(f"{path}: holds no {PREFIX}* weights. Give the autoencoder's checkpoint")
    return weights


def check_weights(weights, config, sizes, path):
    """Compares with what the shape must have; the engine checks every name again."""
    for part in ("unet", "encoder"):
        stem = weights.get(f"{part}.input_blocks.0.0.weight")
        expected = (config[part]["model_channels"], 3, 3, 3)
        if stem is None or tuple(stem.shape) != expected:
            found = None if stem is None else list(stem.shape)
            raise Failure(
                f"{path}: the {part}'s first convolution is {found}, not {list(expected)}."
                " Give another --shape or --config"
            )
        if sizes:
            chosen = [t for name, t in weights.items() if name.startswith(part + ".")]
            found = (len(chosen), sum(t.numel() for t in chosen))
            if found != sizes[part]:
                raise Failure(
                    f"{path}: the {part} has {found[0]} tensors with {found[1]} numbers, not"
                    f" {sizes[part][0]} with {sizes[part][1]}. Give another --shape"
                )


def select_noise(checkpoint, side, index, path):
    """One noise image [3, side, side] of the checkpoint's x_T, or a seeded one."""
    import torch

    noise = checkpoint["state_dict"].get("x_T")
    if not isinstance(noise, StoredTensor):
        generator = torch.Generator().manual_seed(index)
        return torch.randn(3, side, side, generator=generator)
    noise = noise.read()
    if noise.dim() != 4 or tuple(noise.shape[1:]) != (3, side, side):
        raise Failure(
            f"{path}: x_T is {list(noise.shape)}, not [N, 3, {side}, {side}]."
            " Give another --shape or --config"
        )
    if not 0 <= index < noise.shape[0]:
        raise Failure(f"{path}: x_T has {noise.shape[0]} images. Give a smaller --noise-index")
    return noise[index].float().clone()


# ---- writing -----------------------------------------------------------------


def write_whole(path, write):
    """The file appears under its name when it is complete."""
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=path.name + ".")
    os.close(handle)
    try:
        write(temporary)
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def convert(checkpoint_path, folder, config, sizes, noise_index):
    from safetensors.torch import save_file

    with open_checkpoint(checkpoint_path) as checkpoint:
        weights = select_weights(checkpoint, checkpoint_path)
        check_weights(weights, config, sizes, checkpoint_path)
        side = config["unet"]["image_size"]
        noise = select_noise(checkpoint, side, noise_index, checkpoint_path)
    folder.mkdir(parents=True, exist_ok=True)
    write_whole(folder / "autoencoder.safetensors", lambda name: save_file(weights, name))
    write_whole(folder / "noise.safetensors", lambda name: save_file({"x_T": noise}, name))
    text = json.dumps(config, indent=2) + "\n"
    write_whole(folder / "autoencoder.json", lambda name: Path(name).write_text(text))
    return weights


# ---- the script's own test ---------------------------------------------------


class _RunsCode:
    """Pickles as a call of os.mkdir: what a hostile checkpoint would do."""

    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (self.path,)


def _fails(function, *words):
    try:
        function()
    except Failure as failure:
        assert all(word in str(failure) for word in words), failure
        return
    raise AssertionError(f"no failure that says {words}")


def _small_checkpoint(torch, diffae, hostile):
    """A Lightning checkpoint of a small network, as Diff-AE's trainer writes it."""
    small = {"image_size": 16, "model_channels": 32, "channel_mult": (1, 2), "num_res_blocks": 1}
    unet = diffae.UNet(diffae.UNetConfig(**small, embed_channels=32, style_channels=16))
    encoder = diffae.SemanticEncoder(diffae.EncoderConfig(**small, style_channels=16))
    for seed, network in enumerate((unet, encoder)):
        diffae.randomize(network, seed)
    published = {name: p.detach() for name, p in diffae.published_names(unet, encoder).items()}
    state = collections.OrderedDict()
    for name, tensor in published.items():
        state["model." + name] = tensor + 1
        state["ema_model." + name] = tensor
    state["ema_model.latent_net.layers.0.weight"] = torch.ones(2, 2)
    state["x_T"] = torch.randn(4, 3, 16, 16)
    state["conds_mean"] = torch.zeros(1, 16)
    checkpoint = {
        "epoch": 1,
        "global_step": 1563562,
        "pytorch-lightning_version": "1.4.5",
        "state_dict": state,
        "callbacks": {argparse.ArgumentParser: {"best": None}},
        "hyper_parameters": argparse.Namespace(lr=1e-4),
        "optimizer_states": [hostile],
    }
    config = {"unet": small, "encoder": small, "prediction": "eps"}
    return checkpoint, config, published


def self_test():
    try:
        import numpy  # noqa: F401, the reference imports it
        import torch
        from safetensors.torch import load_file
    except ImportError as error:
        print(f"skipped: {error}")
        return 77  # Meson's and Automake's code of a skipped test

    repository = Path(__file__).resolve().parent.parent
    sys.path.insert(0, str(repository / "tests" / "fixtures"))
    import diffae_reference as diffae

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        path, out = folder / "last.ckpt", folder / "bundle"
        trap = folder / "code-was-run"
        checkpoint, config, published = _small_checkpoint(torch, diffae, _RunsCode(str(trap)))

        torch.save(checkpoint, path)
        convert(path, out, config, None, 2)
        assert not trap.exists(), "the checkpoint ran code"
        weights = load_file(out / "autoencoder.safetensors")
        assert len(weights) == len(published)
        for key, tensor in published.items():
            ours = key if key.startswith("encoder.") else "unet." + key
            assert torch.equal(weights[ours], tensor), key
        noise = load_file(out / "noise.safetensors")["x_T"]
        assert torch.equal(noise, checkpoint["state_dict"]["x_T"][2])
        written = json.loads((out / "autoencoder.json").read_text())
        assert written == json.loads(json.dumps(config))
        assert sorted(p.name for p in out.iterdir()) == [
            "autoencoder.json", "autoencoder.safetensors", "noise.safetensors",
        ]

        bad = folder / "bad"
        run = lambda shape=config, sizes=None, index=0: convert(path, bad, shape, sizes, index)
        _fails(lambda: run(index=4), "last.ckpt", "4 images")
        _fails(lambda: run(shape=SHAPES["ffhq256"]), "first convolution", "--shape")
        _fails(lambda: run(sizes=SIZES["ffhq256"]), "138341891")
        checkpoint["state_dict"]["ema_model.out.2.bias"][0] = math.nan
        torch.save(checkpoint, path)
        _fails(run, "out.2.bias", "NaN")
        for key in [key for key in checkpoint["state_dict"] if key.startswith(PREFIX)]:
            del checkpoint["state_dict"][key]
        torch.save(checkpoint, path)
        _fails(run, "ema_model.*")
        torch.save([1, 2], path)
        _fails(run, "state_dict")
        path.write_bytes(path.read_bytes()[:100])
        _fails(run, "zip")
        path.unlink()
        _fails(run, "no such file")
        assert not bad.exists(), "a failed conversion left files"

        # The published shape whole: every tensor one number, seen at its full size.
        keys = repository / "tests" / "fixtures" / "diffae_ffhq256_keys.tsv"
        state = {}
        for line in keys.read_text().splitlines():
            if not line.startswith("#"):
                key, shape = line.split("\t")
                state[PREFIX + key] = torch.ones(1).expand([int(n) for n in shape.split("x")])
        torch.save({"state_dict": state}, path)
        with open_checkpoint(path) as checkpoint:
            weights = select_weights(checkpoint, path)
        check_weights(weights, SHAPES["ffhq256"], SIZES["ffhq256"], path)
        assert len(weights) == 706
    print("passed")
    return 0


def main():
    parser = argparse.ArgumentParser(
        description="Converts a published Diff-AE checkpoint for an avatar bundle."
    )
    parser.add_argument("checkpoint", type=Path, nargs="?", help="Lightning's last.ckpt")
    parser.add_argument("-o", "--output", type=Path, help="folder for the three files")
    parser.add_argument("--shape", choices=sorted(SHAPES), default="ffhq256")
    parser.add_argument("--config", type=Path, help="shape as JSON, in place of --shape")
    parser.add_argument(
        "--noise-index", type=int, default=0,
        help="which image of the checkpoint's x_T; the seed where it has none",
    )
    parser.add_argument("--self-test", action="store_true", help="test this script and exit")
    options = parser.parse_args()
    if options.self_test:
        return self_test()
    if not options.checkpoint or not options.output:
        parser.error("CHECKPOINT and --output are needed")
    try:
        config, sizes = SHAPES[options.shape], SIZES[options.shape]
        if options.config:
            config, sizes = json.loads(options.config.read_text()), None
        weights = convert(
            options.checkpoint, options.output, config, sizes, options.noise_index
        )
    except (Failure, OSError, json.JSONDecodeError) as error:
        print(f"convert_diffae: {error}", file=sys.stderr)
        return 1
    print(f"{options.output}: {len(weights)} tensors")
    return 0


if __name__ == "__main__":
    sys.exit(main())
