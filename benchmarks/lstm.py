"""A long short-term memory with diagonal weights, predicting a sequence: the gradient of its loss.

Each layer keeps h and c.  From the input x, with weights w and biases v of four gates,

    f = σ(w_f x + v_f),  i = σ(w_i h + v_i),  o = σ(w_o x + v_o),  a = tanh(w_a h + v_a)
    c ← f c + i a,   h ← o tanh c,   and h is the next layer's input.

The first input is e₀ times an item of the sequence, the prediction is y = e₁ h + e₂ of the last layer, and the loss is
the mean of −yᵗʳᵘᵉ (y − log(2 + Σ exp y)) over the sequence; all products are entry by entry.  The 2 under
the logarithm is ADBench's.

Conventions: l layers, b numbers an item, T items; main is (l, 2, 4, b) with weights and biases of the gates f, i, o, a,
extra (3, b) holds e, state (l, 2, b) holds h and c, sequence is (T, b).
Source: microsoft/ADBench, objective "LSTM" (D-LSTM).  The text is synthetic: bits of characters, repeatable.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from .problems import Problem


def problems() -> list[Problem]:
    layers, items, bits = 2, 256, 14
    size = f"{layers} layers, {items} items"
    return [Problem("lstm", size, "grad", loss, sample(layers, items, bits), (0, 1), gradient, "ADBench")]


def sample(layers: int, items: int, bits: int) -> tuple[Any, ...]:
    """The arguments of `loss`."""
    rng = np.random.default_rng(0)
    main, extra, state = rng.random((layers, 2, 4, bits)), rng.random((3, bits)), rng.random((layers, 2, bits))
    return main, extra, state, rng.integers(0, 2, (items, bits)).astype(float)


# The function.


def loss(main, extra, state, sequence):
    layers, states = [tuple(layer) for layer in main], [tuple(layer) for layer in state]
    e0, e1, e2 = extra
    total = 0.0
    for item, following in pairwise(sequence):
        x = item * e0
        for i, (w, v) in enumerate(layers):
            states[i] = remember(w, v, x, *states[i])
            x = states[i][0]
        y = x * e1 + e2
        total = total + np.sum(following * (y - np.log(2 + np.sum(np.exp(y)))))
    return -total / sequence[1:].size


def remember(w, v, x, h, c):
    """One layer's new h and c."""
    gates = np.stack([x, h, x, h]) * w + v
    f, i, o = 1 / (1 + np.exp(-gates[:3]))
    c = f * c + i * np.tanh(gates[3])
    return o * np.tanh(c), c


# Its gradient by hand: back-propagation through time.


def gradient(main, extra, state, sequence):
    e0, e1, e2 = extra
    h, c = state[:, 0].copy(), state[:, 1].copy()
    past = []
    for item, following in pairwise(sequence):
        x, steps = item * e0, []
        for i, (w, v) in enumerate(main):
            inputs = np.stack([x, h[i], x, h[i]])
            gates = inputs * w + v
            gates[:3] = 1 / (1 + np.exp(-gates[:3]))
            gates[3] = np.tanh(gates[3])
            before = c[i].copy()
            c[i] = gates[0] * before + gates[1] * gates[3]
            tanh_c = np.tanh(c[i])
            x = h[i] = gates[2] * tanh_c
            steps.append((inputs, gates, before, tanh_c))
        e = np.exp(x * e1 + e2)
        past.append((item, x.copy(), steps, np.sum(following) / (2 + np.sum(e)) * e - following))

    main_bar, extra_bar = np.zeros_like(main), np.zeros_like(extra)
    h_bar, c_bar = np.zeros_like(h), np.zeros_like(c)
    for item, last, steps, y_bar in reversed(past):
        extra_bar[1] += y_bar * last
        extra_bar[2] += y_bar
        x_bar = y_bar * e1
        for i in reversed(range(len(main))):
            inputs, gates, before, tanh_c = steps[i]
            x_bar = x_bar + h_bar[i]
            c_bar[i] += x_bar * gates[2] * (1 - tanh_c * tanh_c)
            bar = np.stack([c_bar[i] * before, c_bar[i] * gates[3], x_bar * tanh_c, c_bar[i] * gates[1]])
            bar[:3] *= gates[:3] * (1 - gates[:3])
            bar[3] *= 1 - gates[3] * gates[3]
            c_bar[i] *= gates[0]
            main_bar[i, 0] += bar * inputs
            main_bar[i, 1] += bar
            bar *= main[i, 0]
            h_bar[i] = bar[1] + bar[3]
            x_bar = bar[0] + bar[2]
        extra_bar[0] += x_bar * item
    scale = 1 / sequence[1:].size
    return main_bar * scale, extra_bar * scale
