"""Saved modules: for the arguments that they were written for, and no others."""

import importlib.util
import inspect

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.staging.staged import same
from tests.test_staging import X


def loaded(path):
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_saved_module_is_for_the_arguments_that_it_was_written_for(tmp_path):
    def scaled(x, n, name=None, *rest):
        for part in rest:
            x = x + part
        return x**n * (2.0 if name == "twice" else 3.0)

    def summed(parameters):
        return sum(k * v for k, v in enumerate(parameters["w"])) + parameters["b"]

    def flattened(x):
        y = x.copy("K")
        y.ravel()[0] = 7.0
        return y

    def kernel(a, b):
        return np.outer(a, b) + (np.eye(len(a)) if a is b else 0.0)

    def adding(a, b):
        a += b
        return a * b

    columns = np.arange(6.0).reshape(2, 3)
    x, minus = X, -X
    cases = [
        (scaled, (x, 2, "twice"), [(-x, 2, "twice")],
         [(x, 3, "twice"), (x, 2, "once"), (x, True, "twice"), (x, 2.0, "twice")]),
        (scaled, (x, 2, None, x * 0.5), [(x, 2, None, -x)], [(x, 2, "twice", x), (x, 2, None, 1.0)]),
        (summed, ({"w": [x, x * 2], "b": 1.0},), [({"w": [-x, x], "b": 2.0},)],
         [({"w": [x, x, x], "b": 1.0},), ({"w": (x, x * 2), "b": 1.0},), ({"w": [x, x * 2], "b": 1},),
          ({"b": 1.0, "w": [x, x]},)]),
        (flattened, (columns,), [(-columns,)], [(np.asfortranarray(columns),), (columns[::-1],), (list(columns),)]),
        (flattened, (np.asfortranarray(columns),), [(np.asfortranarray(-columns),)], [(columns,)]),
        (kernel, (x, x * 2), [(x, -x)], [(x, x)]),
        (kernel, (x, x), [(minus, minus)], [(x, x * 2)]),
        (adding, (x, x * 2), [(x, -x)], [(x, x)]),
        (lambda x: x * 0.1, (2.0,), [(3.0,)], [(3,), (np.float64(3.0),), (x,)]),
    ]  # fmt: skip
    for i, (f, args, same_kind, others) in enumerate(cases):
        path = dd.stage(f).save(tmp_path / f"for_{i}.py", *copied(args))
        module = loaded(path)
        function = [g for name, g in vars(module).items() if inspect.isfunction(g) and not name.endswith("_in_numpy")][
            -1
        ]
        for given in (args, *same_kind):
            assert all(map(same, *(flatten(g(*copied(given)))[0] for g in (function, f)))), (i, given)
        for given in others:
            with pytest.raises((ValueError, TypeError)):
                function(*given)


def copied(args):
    """Copies that are one array where the arguments are."""
    made = {id(a): np.copy(a, order="K") for a in args if isinstance(a, np.ndarray)}
    return tuple(made.get(id(a), a) for a in args)


def test_saved_constants_keep_their_bits(tmp_path):
    signed = np.array([complex(-0.0, -0.0), complex(1, np.inf), complex(np.nan, 2)])
    small = np.array([-0.0, 5e-324, np.inf, 0.1], np.float32)
    f = lambda x: [x + signed, x + small.astype(float)[:3] + small[1:], np.where(x > 0, x, small[:3])]
    path = dd.stage(f).save(tmp_path / "bits.py", X)
    function = next(item for name, item in vars(loaded(path)).items() if inspect.isfunction(item))
    for x in (X, -X):
        assert all(map(same, function(x), f(x)))
