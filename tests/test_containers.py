"""Containers as arguments and results: built again faithfully, or refused with what to do about it."""

import dataclasses
import functools
import pickle
import sys
import types
from collections import Counter, OrderedDict, UserDict, defaultdict, deque, namedtuple
from collections.abc import Mapping
from typing import Any, Generic, NamedTuple, TypeVar

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.pytrees import kinds

X = np.array([0.3, 0.8])
T = TypeVar("T")


def gradients(f, tree):
    """The gradient of a scalar function of a tree, by every mode, with its value checked."""
    plain = f(tree)
    y, gradient = dd.value_and_grad(f)(tree)
    assert y == plain
    yield gradient
    yield dd.jacfwd(f)(tree)
    yield dd.jacrev(f)(tree)
    yield dd.vjp(f, tree)[1](1.0)[0]
    y, slope = dd.jvp(f, (tree,), (gradient,))
    assert y == plain
    y, pushforward = dd.linearize(f, tree)
    assert y == plain
    assert pushforward(gradient) == pytest.approx(slope)
    dd.check_grads(f, (tree,))


def refused(tree, reason, f=lambda tree: 1.0):
    name = type(tree).__name__
    message = rf"a {name} cannot be built again.*{reason}.*\n.*register_pytree\({name}.*tree_flatten"
    for transform in (
        dd.grad,
        dd.jacfwd,
        dd.jacrev,
        lambda f: lambda p: dd.vjp(f, p),
        lambda f: lambda p: dd.linearize(f, p),
    ):
        with pytest.raises(TypeError, match=message):
            transform(f)(tree)
        with pytest.raises(TypeError, match=message):
            transform(lambda pair: f(pair[0]))((tree, {"other": 1.0}))
    with pytest.raises(TypeError, match=message):
        dd.jvp(f, (tree,), (tree,))
    with pytest.raises(TypeError, match=message):
        dd.check_grads(f, (tree,))


# Dataclasses.


@dataclasses.dataclass
class Derived:
    x: Any
    label: str = dataclasses.field(default="a", init=False)

    def __post_init__(self):
        self.total = np.sum(self.x * self.x)
        self.count = len(self.x)


@dataclasses.dataclass
class Plain:
    x: Any
    y: Any = 1.0


@dataclasses.dataclass
class WithDerivedField:
    x: Any
    total: Any = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = np.sum(self.x * self.x)


@dataclasses.dataclass(frozen=True)
class Frozen:
    x: Any

    def __post_init__(self):
        object.__setattr__(self, "half", self.x / 2)


@dataclasses.dataclass(slots=True)
class Slotted:
    x: Any
    total: Any = dataclasses.field(init=False)

    def __post_init__(self):
        self.total = np.sum(self.x * self.x)


@dataclasses.dataclass
class Base:
    x: Any

    def __post_init__(self):
        self.double = 2 * self.x


@dataclasses.dataclass(kw_only=True)
class Heir(Base):
    z: Any = 3.0

    def __post_init__(self):
        super().__post_init__()
        self.triple = self.double + self.z * self.x


@dataclasses.dataclass
class Cached:
    x: Any

    @functools.cached_property
    def total(self):
        return np.sum(self.x * self.x)


@dataclasses.dataclass
class Validating:
    x: Any

    def __post_init__(self):
        if not np.all(self.x > 0):
            raise ValueError("x must be positive")
        self.root = np.sqrt(self.x)


@pytest.mark.parametrize(
    ("make", "f", "expected"),
    [
        (Derived, lambda p: p.total * p.count, 4 * X),
        (WithDerivedField, lambda p: p.total + np.sum(p.x), 2 * X + 1),
        (Frozen, lambda p: np.sum(p.half**2), X / 2),
        (Slotted, lambda p: p.total, 2 * X),
        (Base, lambda p: np.sum(p.double * p.x), 4 * X),
        (lambda x: Heir(x=x, z=2.0), lambda p: np.sum(p.triple**2), 32 * X),
        (Validating, lambda p: -np.sum(p.root), -0.5 / np.sqrt(X)),
    ],
    ids=["attribute", "field", "frozen", "slots", "base", "inherited", "validating"],
)
def test_state_that_a_dataclass_derives_from_its_fields_follows_them(make, f, expected):
    for gradient in gradients(f, make(X)):
        assert type(gradient) is type(make(X))
        assert gradient.x == pytest.approx(expected)


def test_tree_of_gradients_has_no_derived_state():
    gradient = dd.grad(lambda p: p.total)(Derived(X))
    assert not hasattr(gradient, "total")
    gradient = dd.grad(lambda p: p.total)(WithDerivedField(X))
    assert gradient.total is None
    assert gradient.x == pytest.approx(2 * X)


def test_cached_property_read_before_is_calculated_anew():
    p = Cached(X)
    assert p.total == np.sum(X * X)
    for gradient in gradients(lambda p: p.total, p):
        assert gradient.x == pytest.approx(2 * X)
        assert vars(gradient).keys() == {"x"}
    assert p.total == np.sum(X * X)


def test_second_derivatives_of_derived_state():
    hessian = dd.hessian(lambda p: p.total)(Derived(X))
    assert hessian.x.x == pytest.approx(2 * np.eye(2))
    nested = dd.grad(lambda x: np.sum(dd.grad(lambda p: np.sum(p.root))(Validating(x)).x))(X)
    assert nested == pytest.approx(-0.25 * X**-1.5)


def test_dataclasses_within_dataclasses_and_other_containers():
    tree = Plain([Derived(X), {"a": Frozen(2 * X)}], Cached(3.0))
    tree.y.x = np.array([3.0])

    def f(tree):
        return tree.x[0].total + np.sum(tree.x[1]["a"].half ** 2) * tree.y.total

    for gradient in gradients(f, tree):
        assert gradient.x[0].x == pytest.approx(2 * X)
        assert gradient.x[1]["a"].x == pytest.approx(X * 9)
        assert gradient.y.x == pytest.approx(2 * 3 * np.sum(X * X))


def test_dataclass_as_result_has_the_derived_state_of_its_value():
    y, ydot = dd.jvp(lambda x: Derived(x * 2), (X,), (np.ones(2),))
    assert y.total == pytest.approx(np.sum(4 * X * X))
    assert ydot.x == pytest.approx([2, 2])
    assert not hasattr(ydot, "total")
    y, pullback = dd.vjp(lambda x: WithDerivedField(x * 2), X)
    assert y.total == pytest.approx(np.sum(4 * X * X))
    assert pullback(WithDerivedField(X))[0] == pytest.approx(2 * X)
    assert dd.jacfwd(lambda x: Derived(x * 2))(X).x == pytest.approx(2 * np.eye(2))


def test_whole_numbers_derived_from_whole_numbers_follow_them():
    for x in (2, np.int64(2), np.array([1, 2])):
        expected = 2.0 * np.asarray(x)

        @dataclasses.dataclass
        class Square:
            x: Any

            def __post_init__(self):
                self.square = np.sum(self.x * self.x)

        for transform in (dd.grad, dd.jacfwd, dd.jacrev):
            assert transform(lambda p: p.square)(Square(x)).x == pytest.approx(expected)
    bag = Stack([2])
    bag.square = 4
    refused(bag, "attribute 'square' may depend")
    bag = Stack([2.0])
    bag.size = 1
    assert dd.grad(lambda t: t[0] ** 2 * t.size)(bag)[0] == 4.0


def test_attribute_without_numbers_is_copied():
    p = Plain(X)
    p.name, p.sizes, p.activation, p.options = "layer", (2, 3), np.tanh, {"bias": True, "mode": None}

    def f(p):
        assert (p.name, p.sizes, p.options) == ("layer", (2, 3), {"bias": True, "mode": None})
        return np.sum(p.activation(p.x))

    for gradient in gradients(f, p):
        assert gradient.x == pytest.approx(1 - np.tanh(X) ** 2)


def stale():
    p = Derived(X)
    p.x = 2 * X
    return p


def extra():
    p = Plain(X)
    p.total = float(np.sum(X))
    return p


def with_closure():
    p = Plain(X)
    p.forward = lambda v: np.sum(p.x * v)
    return p


@dataclasses.dataclass
class FromInitVar:
    x: Any
    scale: dataclasses.InitVar[float] = 2.0

    def __post_init__(self, scale):
        self.scaled = self.x * scale


@dataclasses.dataclass
class Normalising:
    x: Any

    def __post_init__(self):
        self.x = self.x / np.sum(self.x)
        self.entropy = -np.sum(self.x * np.log(self.x))


@dataclasses.dataclass
class Drawing:
    x: Any

    def __post_init__(self):
        self.noise = np.random.default_rng()


@dataclasses.dataclass
class Lazy:
    x: Any
    _total: Any = dataclasses.field(default=None, init=False)

    def __post_init__(self):
        self.limit = 2.5

    def total(self):
        if self._total is None:
            self._total = np.sum(self.x)
        return self._total


def filled_by_hand():
    p = Lazy(X)
    p.total()
    return p


@dataclasses.dataclass(init=False)
class OwnInit:
    x: Any

    def __init__(self, size, x=X):
        self.x = x
        self.total = np.sum(x) * size


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (stale, "'total' is not what its constructor makes"),
        (extra, "'total'.*(constructor|depend)"),
        (with_closure, "'forward'"),
        (lambda: FromInitVar(X), "'scaled' is made from an InitVar"),
        (lambda: Normalising(X), "its constructor changes what it is given|is not what"),
        (lambda: Drawing(X), "'noise'"),
        (filled_by_hand, "'_total'"),
        (lambda: OwnInit(2), "its constructor does not take"),
    ],
    ids=["stale", "extra", "closure", "InitVar", "normalising", "generator", "memo", "own init"],
)
def test_dataclass_whose_state_cannot_be_made_again_is_refused(make, reason):
    refused(make(), reason)


def test_check_grads_does_not_pass_on_stale_state():
    @dataclasses.dataclass
    class Model:
        x: Any

        def __post_init__(self):
            self.total = np.sum(self.x)

    model = Model(X)
    model.x = X + 1
    with pytest.raises(TypeError, match="'total' is not what its constructor makes"):
        dd.check_grads(lambda m: m.total * np.sum(m.x), (model,))

    class Stale:
        def __init__(self, x, total):
            self.x, self.total = x, total

        def tree_flatten(self):
            return (self.x,), 0.0

        @classmethod
        def tree_unflatten(cls, total, children):
            return cls(children[0], total)

    with pytest.raises(AssertionError, match="not f of what their containers build"):
        dd.check_grads(lambda m: m.total * np.sum(m.x), (Stale(X, float(np.sum(X))),))


def test_constructor_that_does_not_take_a_dual_says_what_to_do():
    @dataclasses.dataclass
    class Converting:
        x: Any

        def __post_init__(self):
            self.total = float(self.x)

    with pytest.raises(TypeError, match="derivative would be lost") as caught:
        dd.grad(lambda p: p.total)(Converting(2.0))
    assert "register_pytree(Converting" in caught.value.__notes__[0]


def test_constructor_is_not_run_where_the_fields_are_all_there_is():
    runs = []

    @dataclasses.dataclass
    class Positive:
        x: Any

        def __post_init__(self):
            runs.append(self.x)
            self.x = np.asarray(self.x, float)

    p = Positive([0.3, 0.8])
    for gradient in gradients(lambda p: np.sum(p.x**2), p):
        assert gradient.x == pytest.approx(2 * X)
    assert len(runs) == 1


def test_weights_in_containers_of_any_kind():
    w = dd.Variable(X)
    for weights, get in (
        (Plain(w, dd.Variable(2.0)), lambda t: t.x),
        (deque([w]), lambda t: t[0]),
        (Bag(x=w), lambda t: t["x"]),
    ):
        gradient = dd.grad(lambda: np.sum(w * w), argnums=None, weights=weights)()
        assert type(gradient) is type(weights)
        assert get(gradient) == pytest.approx(2 * X)


def test_generic_dataclass():
    @dataclasses.dataclass
    class Box(Generic[T]):
        x: T

    for gradient in gradients(lambda box: np.sum(box.x**2), Box[Any](X)):
        assert gradient.x == pytest.approx(2 * X)


# Subclasses of tuple, list and dict.


class Bag(dict):
    """Nothing of its own."""


class Attributes(dict):
    """Items as attributes too."""

    __getattr__ = dict.__getitem__
    __setattr__ = dict.__setitem__

    @property
    def total(self):
        return np.sum(self["x"] ** 2)


class SelfDict(dict):
    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self.__dict__ = self


class Stack(list):
    def push(self, item):
        self.append(item)


class Point(namedtuple("Point", "x y")):
    __slots__ = ()

    @property
    def product(self):
        return self.x * self.y


class Typed(NamedTuple):
    x: Any
    y: Any = 1.0


class Checked(tuple):
    """Takes an iterable, as tuple does."""

    __slots__ = ()

    def __new__(cls, items=()):
        items = tuple(items)
        if len(items) != 2:
            raise ValueError("two items")
        return super().__new__(cls, items)


class Interval(namedtuple("Interval", "low high")):
    def __new__(cls, low, high):
        self = super().__new__(cls, low, high)
        self.width = high - low
        return self


def numbered(cls):
    tree = cls()
    tree["x"], tree["y"] = X, 2.0
    return tree


def of_pair(tree):
    return np.sum(tree["x"] ** 2) * tree["y"]


@pytest.mark.parametrize(
    "make",
    [
        lambda: numbered(Bag),
        lambda: numbered(Attributes),
        lambda: numbered(SelfDict),
        lambda: numbered(OrderedDict),
        lambda: numbered(UserDict),
        lambda: numbered(Counter),
        lambda: numbered(lambda: defaultdict(list)),
        lambda: numbered(type("Sub", (OrderedDict,), {})),
        lambda: numbered(type("Sub", (Counter,), {})),
        lambda: numbered(type("Sub", (UserDict,), {})),
        lambda: numbered(lambda: type("Sub", (defaultdict,), {})(float)),
    ],
    ids=["dict", "attributes", "self", "OrderedDict", "UserDict", "Counter", "defaultdict", *["subclass"] * 4],
)
def test_mapping_is_built_again_with_its_order_and_factory(make):
    tree = make()

    def f(seen):
        assert type(seen) is type(tree)
        assert list(seen) == ["x", "y"]
        assert not isinstance(tree, defaultdict) or seen.default_factory is tree.default_factory
        return of_pair(seen)

    for gradient in gradients(f, tree):
        assert type(gradient) is type(tree)
        assert list(gradient) == ["x", "y"]
        assert gradient["x"] == pytest.approx(4 * X)
        assert gradient["y"] == pytest.approx(np.sum(X * X))


def test_attribute_access_of_a_mapping_sees_the_duals():
    for tree, f in (
        (numbered(Attributes), lambda p: p.total * p.y),
        (numbered(SelfDict), lambda p: np.sum(p.x**2) * p.y),
    ):
        for gradient in gradients(f, tree):
            assert gradient["x"] == pytest.approx(4 * X)


@pytest.mark.parametrize(
    ("tree", "f", "expected"),
    [
        (Stack([X, 2.0]), lambda t: np.sum(t[0]) * t[1], [[2, 2], 1.1]),
        (deque([X, 2.0], maxlen=2), lambda t: np.sum(t[0]) * t[1], [[2, 2], 1.1]),
        (Point(X, 2.0), lambda t: np.sum(t.product), [[2, 2], 1.1]),
        (Typed(X, 2.0), lambda t: np.sum(t.x) * t.y, [[2, 2], 1.1]),
        (Checked([X, 2.0]), lambda t: np.sum(t[0]) * t[1], [[2, 2], 1.1]),
        (Interval(1.0, 3.0), lambda t: t.width**2 * t.low, [0.0, 4.0]),
    ],
    ids=["list", "deque", "named tuple", "NamedTuple", "own __new__", "derived attribute"],
)
def test_sequence_is_built_again_as_its_class_would(tree, f, expected):
    def seen(t):
        assert type(t) is type(tree)
        assert getattr(t, "maxlen", None) == getattr(tree, "maxlen", None)
        return f(t)

    for gradient in gradients(seen, tree):
        assert type(gradient) is type(tree)
        for found, wanted in zip(gradient, expected, strict=True):
            assert found == pytest.approx(wanted)


@pytest.mark.parametrize(
    "make",
    [
        lambda x: numbered(Bag) | {"x": x * x, "y": x[0]},
        lambda x: OrderedDict(y=x[0], x=x * x),
        lambda x: defaultdict(list, x=x * x, y=x[0]),
        lambda x: UserDict(x=x * x, y=x[0]),
    ],
)
def test_mapping_as_result(make):
    y, ydot = dd.jvp(make, (X,), (np.ones(2),))
    assert type(y) is type(ydot) is type(make(X))
    assert list(y) == list(make(X))
    assert y["x"] == pytest.approx(X * X)
    assert ydot["x"] == pytest.approx(2 * X)
    assert ydot["y"] == 1.0


def test_named_tuple_with_derived_attribute_as_result():
    y, ydot = dd.jvp(lambda x: Interval(x[0], x[1]), (X,), (np.array([1.0, 3.0]),))
    assert y == (0.3, 0.8)
    assert y.width == 0.5
    assert tuple(ydot) == (1.0, 3.0)
    assert not hasattr(ydot, "width")


class Doubling(dict):
    def __getitem__(self, name):
        return 2 * super().__getitem__(name)


class Listing(list):
    def __iter__(self):
        return iter(())


class Summing(list):
    def __init__(self, items=(), start=0.0):
        super().__init__(items)
        self.sum = start + sum(np.sum(item) for item in self)


class Scaled(tuple):
    def __new__(cls, items):
        return super().__new__(cls, [2 * item for item in items])


class Keyed(dict):
    def __init__(self, x, y):
        super().__init__(x=x, y=y)


def with_attribute(tree, value):
    tree.total = value
    return tree


@pytest.mark.parametrize(
    ("tree", "reason"),
    [
        (Doubling(x=X), "its own __getitem__"),
        (Listing([X]), "its own __iter__"),
        (with_attribute(Bag(x=X), 1.1), "attribute 'total' may depend"),
        (with_attribute(Stack([X]), X), "attribute 'total' may depend"),
        (with_attribute(numbered(UserDict), [X]), "attribute 'total' may depend"),
        (Summing([X], start=1.0), "'sum' is not what its constructor makes"),
        (Scaled([X]), "changes what it is given"),
        (Keyed(X, 1.0), "its constructor does not take what it holds"),
    ],
    ids=["getitem", "iter", "dict", "list", "UserDict", "constructor", "scaling", "signature"],
)
def test_subclass_that_cannot_be_built_again_is_refused(tree, reason):
    refused(tree, reason)
    with pytest.raises(TypeError, match=reason):
        dd.jvp(lambda x: dd.stop_gradient(0.0) * x if tree is None else rebuilt_with(tree, x), (X,), (X,))


def rebuilt_with(tree, x):
    """A tree of the same class that holds a Dual."""
    if isinstance(tree, Summing):
        return Summing([x], start=1.0)
    if isinstance(tree, Scaled):
        return Scaled([x])
    if isinstance(tree, Keyed):
        return Keyed(x, 1.0)
    new = type(tree)([x]) if isinstance(tree, list) else type(tree)(x=x)
    vars(new).update({name: value for name, value in vars(tree).items() if name != "data"})
    return new


def test_constructor_that_sums_is_run_again():
    for gradient in gradients(lambda t: t.sum**2, Summing([X, 2.0])):
        assert list(gradient)[1] == pytest.approx(2 * 3.1)


# Registration.


class Line:
    def __init__(self, slope, offset, unit="m"):
        self.slope, self.offset, self.unit = slope, offset, unit


class Curve(Line):
    def tree_flatten(self):
        return (self.slope, [self.offset]), self.unit

    @classmethod
    def tree_unflatten(cls, unit, children):
        return cls(children[0], children[1][0], unit)


@pytest.fixture
def registered_line():
    dd.register_pytree(Line, lambda line: ((line.slope, line.offset), line.unit), lambda unit, both: Line(*both, unit))
    yield
    del kinds._registered[Line]
    kinds._kind_of.cache_clear()


def test_registered_class_is_a_container(registered_line):
    for line in (Line(X, 2.0, "s"), Curve(X, 2.0, "s")):
        for gradient in gradients(lambda line: np.sum(line.slope**2) * line.offset, line):
            assert type(gradient) is type(line)
            assert gradient.unit == "s"
            assert gradient.slope == pytest.approx(4 * X)
            assert gradient.offset == pytest.approx(np.sum(X * X))
        y, ydot = dd.jvp(lambda x, line=line: {"a": type(line)(x * x, 1.0)}, (X,), (np.ones(2),))
        assert y["a"].slope == pytest.approx(X * X)
        assert ydot["a"].slope == pytest.approx(2 * X)
        assert ydot["a"].offset == 0.0


def test_registration_overrules_what_is_known():
    class Doubled(Doubling):
        pass

    tree = Doubled(x=X)
    refused(tree, "its own __getitem__")

    def unflatten(names, children):
        return Doubled(zip(names, children, strict=True))

    dd.register_pytree(Doubled, lambda tree: (tuple(dict.values(tree)), tuple(tree)), unflatten)
    for gradient in gradients(lambda t: np.sum(t["x"] ** 2), tree):
        assert dict.__getitem__(gradient, "x") == pytest.approx(8 * X)


def test_class_that_is_not_registered_says_how(registered_line):
    class Other:
        def __init__(self, x):
            self.x = x

    with pytest.raises(TypeError, match=r"argument 0 is a Other.*\n.*register_pytree\(Other, flatten, unflatten\)"):
        dd.grad(lambda o: o.x)(Other(1.0))
    with pytest.raises(TypeError, match=r"returned a Other as result.*hides a Dual"):
        dd.grad(lambda x: Other(x))(1.0)
    with pytest.raises(TypeError, match=r"returned a SimpleNamespace as result.*hides a Dual"):
        dd.grad(lambda x: types.SimpleNamespace(y=[x]))(1.0)
    o = Other(X)
    assert dd.grad(lambda x, o: np.sum(x * o.x))(X, o) == pytest.approx(X)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: dd.register_pytree(3, len, len), "first argument is a class"),
        (lambda: dd.register_pytree(Line, None, len), "flatten and unflatten are functions"),
        (lambda: dd.register_pytree(dict, len, len), "dict is known already"),
        (lambda: dd.register_pytree(np.ndarray, len, len), "ndarray is known already"),
    ],
)
def test_registration_that_cannot_be_meant_raises(call, message):
    with pytest.raises(TypeError, match=message):
        call()


def test_flatten_that_returns_no_pair_raises():
    class Bad:
        def tree_flatten(self):
            return [1.0]

        def tree_unflatten(self, rest, children):
            return None

    with pytest.raises(TypeError, match="flatten of the registered class Bad returned"):
        dd.grad(lambda b: 1.0)(Bad())


def test_trees_that_differ_in_what_is_no_child_are_not_alike(registered_line):
    with pytest.raises(ValueError, match="structure"):
        dd.jvp(lambda line: line.slope, (Line(1.0, 2.0, "m"),), (Line(1.0, 2.0, "s"),))


def test_path_to_a_leaf_that_is_no_number_is_what_a_user_would_type(registered_line):
    for tree, path in (
        (Point(X, "text"), r"argument 0\.y"),
        (numbered(Bag) | {"z": "text"}, r"argument 0\['z'\]"),
        (deque([1.0, "text"]), r"argument 0\[1\]"),
        (Plain(1.0, "text"), r"argument 0\.y"),
        (Line(1.0, "text"), r"flatten\(argument 0\)\[0\]\[1\]"),
    ):
        with pytest.raises(TypeError, match=path + " is a str"):
            dd.grad(lambda t: 1.0)(tree)


# What is not differentiated passes untouched.


def test_container_without_differentiated_numbers_is_the_same_object():
    class Opaque(Mapping):
        def __getitem__(self, name):
            return 1.0

        def __iter__(self):
            return iter("ab")

        def __len__(self):
            return 2

    double = dd.custom_jvp(lambda x, config: 2 * x)
    seen = []

    @double.defjvp
    def rule(primals, tangents):
        seen.append(primals[1])
        return double(*primals), 2 * tangents[0]

    for config in (stale(), Doubling(x=1.0), with_attribute(Bag(x=1.0), 2.0), with_closure(), Scaled([1.0])):
        assert dd.grad(lambda x, config: x * len(repr(type(config))))(2.0, config) == len(repr(type(config)))
        assert dd.stop_gradient(config) is config
        slope, aux = dd.grad(lambda x, config=config: (x, config), has_aux=True)(2.0)
        assert slope == 1.0
        assert aux is config
        assert dd.grad(lambda x, config=config: double(x, config))(2.0) == 2.0
        assert seen and all(given is config for given in seen)
        seen.clear()
    opaque = Opaque()
    assert dd.grad(lambda x, o: x * o["a"])(3.0, opaque) == 1.0
    assert dd.stop_gradient(opaque) is opaque


# Depth and cycles.


def deep(leaf, levels, kind=list):
    for _ in range(levels):
        leaf = kind([leaf])
    return leaf


def innermost(tree):
    while isinstance(tree, (list, tuple)):
        tree = tree[0]
    return tree


def cyclic_list():
    tree = [1.0]
    tree.append(tree)
    return tree


def cyclic_dict():
    tree = {"x": 1.0}
    tree["self"] = tree
    return tree


def cyclic_dataclass():
    tree = Plain(1.0)
    tree.y = [tree]
    return tree


@pytest.mark.parametrize(
    "make",
    [cyclic_list, cyclic_dict, cyclic_dataclass, lambda: deep(1.0, 2000), lambda: deep(1.0, 2000, tuple)],
    ids=["list", "dict", "dataclass", "deep list", "deep tuple"],
)
def test_tree_that_contains_itself_or_is_too_deep_raises_a_clear_error(make):
    tree = make()
    message = r"contains itself, or is nested more deeply than Python's recursion limit"
    for call in (
        lambda: dd.grad(lambda t: 1.0)(tree),
        lambda: dd.jacfwd(lambda t: 1.0)(tree),
        lambda: dd.jvp(lambda t: 1.0, (tree,), (tree,)),
        lambda: dd.vjp(lambda t: 1.0, tree),
        lambda: dd.jacrev(lambda x: tree)(X),
        lambda: dd.grad(lambda x: (np.sum(x), tree), has_aux=True)(X),
        lambda: dd.stop_gradient(tree),
        lambda: dd.check_grads(lambda t: 1.0, (tree,)),
    ):
        with pytest.raises(ValueError, match=message):
            call()


@pytest.mark.parametrize("make", [cyclic_list, lambda: deep(1.0, 2000), lambda: deep(1.0, 2000, tuple)])
@pytest.mark.parametrize(
    "f",
    [
        lambda x, t: x + t,
        lambda x, t: x < t,
        lambda x, t: np.stack([x, t]),
        lambda x, t: np.concatenate([x, t]),
        lambda x, t: np.where([True, False], x, t),
        lambda x, t: np.clip(x, t, 9.0),
        lambda x, t: np.dot(x, t),
    ],
)
def test_operand_that_contains_itself_or_is_too_deep_raises_a_clear_error(make, f):
    tree = make()
    with pytest.raises(ValueError, match="contains itself, or is nested more deeply"):
        dd.jacfwd(lambda x: f(x, tree))(X)
    with pytest.raises(ValueError, match="contains itself, or is nested more deeply"):
        f(dd.Variable(X), tree)


def test_deep_tree_works_where_python_recurses_as_deeply():
    limit = sys.getrecursionlimit()
    try:
        sys.setrecursionlimit(20_000)
        assert innermost(dd.grad(lambda t: innermost(t) ** 2)(deep(3.0, 2000))) == 6.0
        y, ydot = dd.jvp(lambda t: deep(innermost(t) ** 2, 2000), (deep(3.0, 2000),), (deep(1.0, 2000),))
        assert (innermost(y), innermost(ydot)) == (9.0, 6.0)
    finally:
        sys.setrecursionlimit(limit)
    assert innermost(dd.grad(lambda t: innermost(t) ** 2)(deep(3.0, 200))) == 6.0


def test_transformed_function_of_a_registered_class_can_still_be_pickled():
    assert pickle.loads(pickle.dumps(dd.grad(of_pair)))(numbered(Bag))["y"] == pytest.approx(np.sum(X * X))


# Lists of plain numbers, which are arrays to SciPy's users.


def test_derivatives_in_a_list_of_plain_numbers_are_arrays():
    f = lambda x: x[0] ** 2 * x[1]
    for x in ([1.0, 2.0], [1, 2], [np.float64(1.0), 2]):
        assert dd.grad(f)(x).tolist() == dd.value_and_grad(f)(x)[1].tolist() == [4.0, 1.0]
        assert dd.hessian(f)(x)[0, 1] == 2.0
        for transform in (dd.jacobian, dd.jacfwd, dd.jacrev):
            assert transform(lambda x: np.array([x[0] * x[1], x[1]]))(x).tolist() == [[2.0, 1.0], [0.0, 1.0]]
    first, second = dd.grad(lambda x, y: x[0] * y[0], argnums=(0, 1))([2.0, 1.0], [3.0])
    assert (first.tolist(), second.tolist()) == ([3.0, 0.0], [2.0])
    nested = dd.jacobian(lambda x: dd.grad(lambda y: y[0] ** 2 * y[1])([x[0], 3 * x[1]]))([1.0, 2.0])
    assert nested.tolist() == [[12.0, 6.0], [2.0, 0.0]]


def test_the_function_sees_the_list_itself_and_other_lists_stay_trees():
    seen = []
    dd.grad(lambda x: seen.append(type(x)) or x[0])([1.0, 2.0])

    assert seen == [list]
    assert dd.grad(lambda p: p[0][0] * p[1])([[1.0, 2.0], 3.0]) == [[3.0, 0.0], 1.0]
    gradient = dd.grad(lambda p: np.sum(p[0]) * p[1])([np.ones(2), 3.0])
    assert type(gradient) is list
    assert gradient[1] == 2.0
    assert dd.grad(lambda p: p[0] * p[1])((2.0, 3.0)) == (3.0, 2.0)
