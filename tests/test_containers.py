"""Containers of arguments and results: built anew where that is faithful, refused where it is not."""

import functools
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from dataclasses import InitVar, dataclass, field
from typing import NamedTuple

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff import pytrees

X = np.array([1.0, 2.0])


# Dataclasses with derived state.


@dataclass
class Derived:
    x: object
    y: object = 1.0

    def __post_init__(self):
        self.total = np.sum(self.x * self.y)


@dataclass(frozen=True)
class DerivedField:
    x: object
    total: object = field(init=False, default=None)

    def __post_init__(self):
        object.__setattr__(self, "total", np.sum(self.x**2))


@dataclass
class Cached:
    x: object

    @functools.cached_property
    def total(self):
        return np.sum(self.x**2)


@dataclass(slots=True)
class Slotted:
    x: object
    y: object = 2.0


@dataclass
class Inherited(Derived):
    z: object = 3.0


@dataclass
class Scaling:
    """Its constructor, run once more, would scale once more."""

    x: object

    def __post_init__(self):
        self.x = self.x * 2.0


@dataclass
class WithInitVar:
    x: object
    scale: InitVar[float] = 2.0

    def __post_init__(self, scale):
        self.y = self.x * scale


@dataclass(init=False)
class OwnConstructor:
    x: object

    def __init__(self, x):
        self.x, self.half = x, x / 2


def test_derived_state_of_a_dataclass_is_made_anew():
    for transform in (dd.grad, dd.value_and_grad):
        found = transform(lambda d: d.total * 3.0)(Derived(X, 4.0))
        found = found if transform is dd.grad else found[1]
        assert_array_equal(found.x, [12.0, 12.0])
        assert found.y == 9.0
    assert_array_equal(dd.grad(lambda d: d.total)(DerivedField(X)).x, 2 * X)
    assert_array_equal(dd.grad(lambda d: d.total * d.z)(Inherited(X, 1.0)).x, [3.0, 3.0])
    assert_array_equal(dd.grad(lambda d: np.sum(d.x * d.y))(Slotted(X)).x, [2.0, 2.0])
    dd.check_grads(lambda d: d.total, (Derived(X, 4.0),), order=2)


def test_a_property_that_was_read_before_is_read_again():
    d = Cached(X)
    assert d.total == 5.0  # kept by the object
    assert_array_equal(dd.grad(lambda d: d.total)(d).x, 2 * X)
    assert dd.jvp(lambda d: d.total, (d,), (Cached(X),))[1] == 10.0
    dd.check_grads(lambda d: d.total, (d,))


def test_attributes_beside_the_fields_are_kept():
    d = Slotless = Cached(X)
    d.name = "a"
    assert_array_equal(dd.grad(lambda d: np.sum(d.x) * len(d.name))(Slotless).x, [1.0, 1.0])


def test_a_result_may_have_derived_state():
    y, ydot = dd.jvp(lambda x: Derived(x * 2.0), (X,), (X,))
    assert_array_equal(y.x, 2 * X)
    assert y.total == 6.0
    assert_array_equal(ydot.x, 2 * X)
    assert_array_equal(dd.jacrev(lambda x: Derived(x * 2.0))(X).x, 2 * np.eye(2))


@pytest.mark.parametrize("make", [Scaling, WithInitVar, OwnConstructor])
def test_a_dataclass_that_could_not_be_made_anew_is_refused(make):
    for transform in (dd.grad, dd.jacfwd):
        with pytest.raises(TypeError, match=r"is a \w+, a container with a constructor.*\n.*register_pytree"):
            transform(lambda d: np.sum(d.x))(make(X))
    with pytest.raises(TypeError, match="which holds values that carry a derivative"):
        dd.jacrev(lambda x: make(x))(X)


# Subclasses of dict, list and tuple.


class Plain(dict):
    """Adds methods, and nothing that changes what it holds."""

    def norm(self):
        return np.sqrt(sum(np.sum(v**2) for v in self.values()))


class Attributes(dict):
    """Entries as attributes."""

    __getattr__ = dict.__getitem__


class Doubling(dict):
    def __getitem__(self, name):
        return 2.0 * super().__getitem__(name)


class Counting(list):
    def __init__(self, items=()):
        super().__init__(items)
        self.total = sum(np.sum(item) for item in self)


class Sized(tuple):
    __slots__ = ()

    def __new__(cls, *items):
        return super().__new__(cls, items)


Pair = namedtuple("Pair", "a b")


class Checked(NamedTuple("Checked", [("a", object), ("b", object)])):
    __slots__ = ()

    def __new__(cls, a, b):
        return super().__new__(cls, a * 2.0, b)


def test_subclasses_that_add_nothing_are_built_anew():
    assert dd.grad(lambda d: d.norm())(Plain(x=X)).keys() == {"x"}
    assert type(dd.grad(lambda d: d.norm())(Plain(x=X))) is Plain
    assert_array_equal(dd.grad(lambda d: np.sum(d.x**2))(Attributes(x=X)).x, 2 * X)
    p = Plain(x=X)
    p.scale = 3.0  # an attribute of the object
    assert_array_equal(dd.grad(lambda d: np.sum(d["x"]) * d.scale)(p)["x"], [3.0, 3.0])
    assert dd.grad(lambda p: p.a * p.b)(Pair(2.0, 3.0)) == Pair(3.0, 2.0)
    ordered = dd.grad(lambda d: d["b"] * d["a"])(OrderedDict(b=2.0, a=3.0))
    assert list(ordered.items()) == [("b", 3.0), ("a", 2.0)] and type(ordered) is OrderedDict
    assert dd.grad(lambda c: c["a"] ** 2 + c["missing"])(Counter(a=3)) == {"a": 6.0}


def test_a_defaultdict_keeps_its_default():
    found = dd.grad(lambda d: d["a"] ** 2 + d["new"])(defaultdict(float, a=3.0))
    assert dict(found) == {"a": 6.0} and found.default_factory is float


@pytest.mark.parametrize(
    "tree",
    [Doubling(x=X), Counting([X]), Sized(X, X), Checked(X, X), UserDict(x=X), deque([X])],
    ids=lambda t: type(t).__name__,
)
def test_containers_with_ways_of_their_own_are_refused(tree):
    for transform in (dd.grad, dd.jacfwd):
        with pytest.raises(TypeError, match=f"is a {type(tree).__name__}"):
            transform(lambda t: 1.0)(tree)
    with pytest.raises(TypeError, match="which holds values that carry a derivative"):
        dd.jacfwd(lambda x: type(tree)([("a", x)]) if isinstance(tree, (dict, UserDict)) else
                  type(tree)(x, x) if isinstance(tree, tuple) else type(tree)([x]))(X)  # fmt: skip


# Containers that are registered.


class Line:
    def __init__(self, slope, offset, name):
        self.slope, self.offset, self.name = slope, offset, name

    def __call__(self, x):
        return self.slope * x + self.offset


class Tree:
    def __init__(self, leaf, kind):
        self.leaf, self.kind = leaf, kind

    def tree_flatten(self):
        return (self.leaf,), self.kind

    @classmethod
    def tree_unflatten(cls, kind, children):
        return cls(*children, kind)


@pytest.fixture
def registered():
    dd.register_pytree(
        Line, lambda line: ((line.slope, line.offset), line.name), lambda name, parts: Line(*parts, name)
    )
    yield
    del pytrees._registered[Line]


def test_a_registered_class_is_a_container(registered):
    line = Line(X, 1.0, "a")
    g = dd.grad(lambda line, t: np.sum(line(t)) * len(line.name))(line, 3.0)
    assert_array_equal(g.slope, [3.0, 3.0])
    assert g.offset == 2.0 and g.name == "a"
    y, ydot = dd.jvp(lambda x: Line(x * x, 1.0, "b"), (X,), (X,))
    assert_array_equal(ydot.slope, 2 * X * X)
    assert y.name == "b"
    dd.check_grads(lambda line: line(2.0), (line,))
    assert_array_equal(dd.stop_gradient(line).slope, X)


def test_a_class_that_says_how_it_is_taken_apart_needs_no_registration():
    g = dd.grad(lambda t: np.sum(t.leaf["x"] ** 2))(Tree({"x": X}, "k"))
    assert_array_equal(g.leaf["x"], 2 * X)
    assert g.kind == "k"


def test_only_classes_are_registered():
    with pytest.raises(TypeError, match="register_pytree: the first argument is a class"):
        dd.register_pytree(Line(1.0, 2.0, "a"), None, None)


# Containers without an end.


def test_a_container_that_holds_itself_is_an_error():
    a = [X]
    a.append(a)
    d = {"x": X}
    d["d"] = [d]
    for tree in (a, d):
        with pytest.raises(ValueError, match="holds itself"):
            dd.grad(lambda t: 1.0)(tree)
        with pytest.raises(ValueError, match="holds itself"):
            dd.jacfwd(lambda x, tree=tree: tree)(X)
    shared = [X, X]  # twice the same is no circle
    assert_allclose(dd.grad(lambda t: np.sum(t[0] * t[1]))(shared), [X, X])


def test_two_thousand_levels_are_a_clear_error_or_work():
    tree = X
    for _ in range(2000):
        tree = [tree]
    with pytest.raises(ValueError, match="nested too deeply"):
        dd.grad(lambda t: 1.0)(tree)
    tree = X
    for _ in range(100):
        tree = (tree,)

    def innermost(t):
        while isinstance(t, tuple):
            t = t[0]
        return np.sum(t**2)

    assert_array_equal(innermost(dd.grad(innermost)(tree)), np.sum((2 * X) ** 2))
