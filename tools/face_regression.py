# SPDX-License-Identifier: LGPL-2.1-or-later
"""A person's face from the hidden states of a speech encoder, 50 rows a second: what
predict_faces.py fits.

Lips come half from a ridge regression and half from a small network, on 0.4 s around each
row; latents and head pose from a ridge regression on the same and on those lips.
"""
import numpy as np

INPUTS = 96  # principal components of a row of states
REACH = 10  # rows to either side, of which every other is taken
LIPS, HIDDEN = 12, 256  # principal components of the lips; size of the network


def principal(rows, count):
    """Mean, directions [size, count] (for rows as they are), standard deviations."""
    mean, std = rows.mean(0), rows.std(0) + 1e-6
    _, scale, directions = np.linalg.svd((rows - mean) / std, full_matrices=False)
    return mean, directions[:count].T / std[:, None], scale[:count] / len(rows) ** 0.5


def ridge(x, y, strength):
    """Weight and bias that make y of x."""
    x_mean, y_mean = x.mean(0), y.mean(0)
    gram = (x - x_mean).T @ (x - x_mean)
    gram.flat[::len(gram) + 1] += strength * np.trace(gram) / len(gram)
    weight = np.linalg.solve(gram, (x - x_mean).T @ (y - y_mean))
    return weight, y_mean - x_mean @ weight


def fit_network(x, y, steps):
    """hidden, its bias, out, linear, bias: by Adam, on inputs with noise and gaps, averaged
    over the last steps."""
    chance = np.random.default_rng(0)
    normal = lambda *shape: chance.normal(0, shape[0] ** -0.5, shape).astype(np.float32)
    zeros = lambda *shape: np.zeros(shape, np.float32)
    weights = [normal(x.shape[1], HIDDEN), zeros(HIDDEN), normal(HIDDEN, LIPS) / 2,
               zeros(x.shape[1], LIPS), zeros(LIPS)]
    first, second, average = ([0 * w for w in weights] for _ in range(3))
    for step in range(steps):
        rows = chance.integers(0, len(x), 256)
        heard = x[rows] + 0.15 * chance.standard_normal((256, x.shape[1]), np.float32)
        heard *= (chance.random(heard.shape, np.float32) > 0.15) / np.float32(0.85)
        layer = heard @ weights[0] + weights[1]
        sigmoid = 1 / (1 + np.exp(-layer))
        kept = (chance.random(layer.shape, np.float32) > 0.4) / np.float32(0.6)
        active = layer * sigmoid * kept
        error = (active @ weights[2] + heard @ weights[3] + weights[4] - y[rows]) / 128
        back = (error @ weights[2].T) * kept * sigmoid * (1 + layer * (1 - sigmoid))
        slopes = heard.T @ back, back.sum(0), active.T @ error, heard.T @ error, error.sum(0)
        rate = 5e-4 * (1 + np.cos(np.pi * step / steps))
        for w, m, v, mean, slope in zip(weights, first, second, average, slopes):
            m += 0.1 * (slope - m)
            v += 0.01 * (slope ** 2 - v)
            root = np.sqrt(v / (1 - 0.99 ** (step + 1))) + 1e-6
            w -= rate * (m / (1 - 0.9 ** (step + 1)) / root + (0.01 * w if w.ndim > 1 else 0))
            mean += max(0.005, 1 / (step + 1)) * (w - mean)
    return average


class Face:
    def __init__(self, tensors=()):
        self.learn(**dict(tensors))

    def learn(self, **tensors):
        self.__dict__.update({k: np.asarray(v, np.float32) for k, v in tensors.items()})

    def fit(self, pairs, steps):
        """pairs: of each recording its states [rows, size]; the truth [frames, 40 + look], lips
        before latents and pose, about their mean; and where it is known, bool [frames]."""
        mean, directions, scale = principal(np.concatenate([p[0][::7] for p in pairs]), INPUTS)
        self.learn(mean=mean, whiten=directions * np.minimum(4 / scale[0], 1 / scale))
        x = np.concatenate([self.hear(states, known) for states, _, known in pairs])
        y = np.concatenate([truth[known] for _, truth, known in pairs])
        basis = np.linalg.svd(y[:, :40], full_matrices=False)[2][:LIPS]
        unit = (y[:, :40] @ basis[0]).std()
        lips = y[:, :40] @ basis.T / unit
        hidden, hidden_bias, out, linear, bias = fit_network(x, lips, steps)
        weight, weight_bias = ridge(x, lips, strength=0.05)
        self.learn(basis=basis * unit, lips_std=lips.std(0), hidden=hidden,
                   hidden_bias=hidden_bias, out=out / 2, linear=(linear + weight) / 2,
                   bias=(bias + weight_bias) / 2)
        # Most of how a face changes no speech predicts: strongly.
        weight, bias = ridge(np.concatenate([x, self.lips(x)], 1), y[:, 40:], strength=2)
        self.learn(look_weight=weight, look_bias=bias)

    def hear(self, states, frames=None):
        """What is around each row; or around each frame that is known."""
        rows = np.pad((states - self.mean) @ self.whiten, ((REACH, REACH), (0, 0)), mode="edge")
        heard = np.concatenate([rows[i:i + len(states)] for i in range(0, 2 * REACH + 1, 2)], 1)
        return heard if frames is None else heard[:2 * len(frames):2][frames]

    def lips(self, heard):
        """Components [rows, LIPS]; `@ basis` gives pixels about the mean."""
        layer = heard @ self.hidden + self.hidden_bias
        return layer / (1 + np.exp(-layer)) @ self.out + heard @ self.linear + self.bias

    def look(self, heard, lips):
        """Latents and pose [rows, size + 3] about the mean."""
        return np.concatenate([heard, lips], 1) @ self.look_weight + self.look_bias
