"""Saved modules: for the arguments that they were written for, and no others."""

import importlib.util
import inspect
from typing import NamedTuple

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


def of(module):
    """The function of a saved module."""
    return getattr(module, module.__doc__.partition(":")[0])


def test_source_and_module_are_of_the_way_that_the_arguments_take(tmp_path):
    def branches(x):
        if x[0] > 1.0:
            x[1] = 5.0  # so that other arguments would be seen afterwards
            return x * 2.0
        return x * 3.0 if x[0] > 0.0 else x * 4.0

    staged = dd.stage(branches)
    points = [np.full(3, 0.5), np.full(3, -0.5), np.full(3, 1.5)]
    for order in ((0, 1, 2), (2, 1, 0), (1, 2, 0)):
        for number in order:
            x = points[number].copy()
            path = staged.save(tmp_path / f"way_{number}.py", x)
            assert np.array_equal(x, points[number])
            module = loaded(path)
            assert same(of(module)(x), branches(points[number].copy()))
            for other in order:
                if other != number:
                    with pytest.raises(module.Miss):
                        of(module)(points[other].copy())
            assert staged.source(points[number]) == staged.source(points[number].copy())
    assert len({staged.source(x) for x in points}) == 3
    few = dd.stage(branches, variants=1)
    few(points[0].copy())
    assert few.source(points[0]) == staged.source(points[0])
    for x in points[1:]:
        with pytest.raises(dd.StagingRefused):
            few.source(x)


class Pair(NamedTuple):
    first: object
    second: object


def test_results_of_a_module_are_in_the_containers_of_the_function(tmp_path):
    for i, f in enumerate([
        lambda x: {"a": x[1:], "b": [None, x[0], (), {}], 3: "text"},
        lambda x: (None, x * 2.0),
        lambda x: None,
        lambda x: [[], {"n": None, "m": 2.0}],
    ]):  # fmt: skip
        found, expected = of(loaded(dd.stage(f).save(tmp_path / f"containers_{i}.py", X)))(X), f(X)
        assert flatten(found)[1].same_as(flatten(expected)[1])
        assert all(map(same, flatten(found)[0], flatten(expected)[0]))
    for f in (lambda x: Pair(x, x * 2.0), lambda x: [None, Pair(x, 1.0)]):
        assert same(flatten(dd.stage(f)(X))[0][0], X)
        with pytest.raises(dd.StagingRefused, match="containers of other classes"):
            dd.stage(f).save(tmp_path / "pair.py", X)


def test_arguments_of_a_module_that_are_named_like_numpy(tmp_path):
    module = loaded(dd.stage(lambda np, scales: np * scales[0]).save(tmp_path / "positional.py", X, [2.0]))
    assert same(of(module)(X, [3.0]), X * 3.0)
    with pytest.raises(dd.StagingRefused, match="named np"):
        dd.stage(lambda x, **options: x * options["np"]).save(tmp_path / "named.py", X, np=2.0)
    records = np.zeros(3, [("a", float), ("b", int)])
    with pytest.raises(dd.StagingRefused, match="records"):
        dd.stage(lambda r: r["a"] * 2.0).save(tmp_path / "records.py", records)
