# SPDX-License-Identifier: LGPL-2.1-or-later
"""safetensors by hand: Debian's Python has no package of it."""
import json

import numpy as np
import torch

DTYPES = {"F32": np.float32, "I64": np.int64}


def load(path):
    data = np.memmap(path, np.uint8, "c")
    length = int(data[:8].view(np.uint64)[0])
    header = json.loads(bytes(data[8 : 8 + length]))
    header.pop("__metadata__", None)
    tensors = {}
    for name, entry in header.items():
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        flat = np.frombuffer(data, DTYPES[entry["dtype"]], offset=begin,
                             count=(end - begin) // np.dtype(DTYPES[entry["dtype"]]).itemsize)
        tensors[name] = torch.from_numpy(flat.copy()).reshape(entry["shape"])
    return tensors
