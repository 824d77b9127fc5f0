"""``plain += dual`` binds a name anew only where nothing else sees the plain buffer; everything else raises.

The right values and gradients are those of the same programs written without a buffer.
"""

import collections
import functools
import operator
import types

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import dualdiff as dd
from dualdiff.values import rebinding

X = np.array([1.0, 2.0])
transforms = pytest.mark.parametrize("transform", [dd.grad, dd.jacfwd], ids=lambda t: t.__name__)


def in_a_name(x):
    total = np.zeros(2)
    total += x
    return np.sum(total**2)


def in_a_loop(x):
    total = np.zeros(2)
    for _ in range(3):
        total += x
    return np.sum(total**2) / 9


def in_a_cell(x):
    total = np.zeros(2)

    def add():
        nonlocal total
        total += x

    add()
    return np.sum(total**2)


def in_a_cell_that_another_closure_reads(x):
    total = np.zeros(2)
    read = lambda: total

    def add():
        nonlocal total
        total += x

    add()
    return np.sum(read() ** 2)


def in_a_generator(x):
    def totals():
        total = np.zeros(2)
        for _ in range(2):
            total += x
            yield total * 1.0

    return np.sum(next(totals()) ** 2)


def in_an_argument_made_for_it(x):
    def added(total):
        total += x
        return total

    return np.sum(added(np.zeros(2)) ** 2)


def in_every_operator(x):
    a, b, c, d = np.zeros(2), np.zeros(2), np.ones(2), np.ones(2)
    a += x
    b -= x
    c *= x
    d /= 1 / x
    return np.sum(-a * b + c * d) / 2


BOUND = [in_a_name, in_a_loop, in_a_cell, in_a_cell_that_another_closure_reads, in_a_generator,
         in_an_argument_made_for_it, in_every_operator]  # fmt: skip


@transforms
@pytest.mark.parametrize("f", BOUND, ids=lambda f: f.__name__)
def test_a_name_that_alone_sees_the_buffer_is_bound_to_the_dual(f, transform):
    assert f(X) == 5.0
    seen = []
    assert_array_equal(transform(lambda x: seen.append(dd.stop_gradient(y := f(x))) or y)(X), [2.0, 4.0])
    assert seen == [5.0]
    w = dd.Variable(X)
    f(w).backward()
    assert_array_equal(w.grad, [2.0, 4.0])


# Targets that are stored by code that cannot be seen.


class OnTheClass:
    t = np.zeros(2)


class Lent:
    """Attributes of another object."""

    def __init__(self):
        self.__dict__["inner"] = types.SimpleNamespace(t=np.zeros(2))

    def __getattr__(self, name):
        return getattr(self.inner, name)


class Property:
    def __init__(self):
        self.kept = np.zeros(2)

    @property
    def t(self):
        return self.kept

    @t.setter
    def t(self, value):
        """Ignores what it is given: the buffer was changed in place already."""


class Items:
    def __init__(self):
        self.kept = np.zeros(2)

    def __getitem__(self, key):
        return self.kept

    def __setitem__(self, key, value):
        """Likewise."""


class Slots:
    __slots__ = ("t",)


def on_the_class(x):
    OnTheClass.t = np.zeros(2)
    a = OnTheClass()
    a.t += x
    return np.sum(OnTheClass.t**2)


def on_the_instance(x):
    a = types.SimpleNamespace(t=np.zeros(2))
    a.t += x
    return np.sum(a.t**2)


def behind_getattr(x):
    a = Lent()
    a.t += x
    return np.sum(a.inner.t**2)


def behind_a_property(x):
    a = Property()
    a.t += x
    return np.sum(a.kept**2)


def behind_setitem(x):
    a = Items()
    a[0] += x
    return np.sum(a.kept**2)


def in_slots(x):
    a = Slots()
    a.t = np.zeros(2)
    a.t += x
    return np.sum(a.t**2)


def in_a_chain_map(x):
    below = {"t": np.zeros(2)}
    above = collections.ChainMap({}, below)
    above["t"] += x
    return np.sum(below["t"] ** 2)


def in_a_tuple(x):
    t = (np.zeros(2),)
    try:
        t[0] += x
    except TypeError as error:
        if "does not support item assignment" not in str(error):
            raise
    return np.sum(t[0] ** 2)


def in_a_dict(x):
    d = {"t": np.zeros(2)}
    d["t"] += x
    return np.sum(d["t"] ** 2)


def in_a_list(x):
    d = [np.zeros(2)]
    d[0] += x
    return np.sum(d[0] ** 2)


def in_vars(x):
    a = types.SimpleNamespace(t=np.zeros(2))
    vars(a)["t"] += x
    return np.sum(a.t**2)


TOTAL = np.zeros(2)


def in_a_global(x):
    global TOTAL
    TOTAL = np.zeros(2)
    TOTAL += x
    return np.sum(TOTAL**2)


def in_executed_text(x):
    names = {"x": x, "total": np.zeros(2)}
    exec("total += x", names)
    return np.sum(names["total"] ** 2)


def in_a_class_body(x):
    class Body:
        total = np.zeros(2)
        total += x

    return np.sum(Body.total**2)


def by_the_operator_module(x):
    total = np.zeros(2)
    operator.iadd(total, x)
    return np.sum(total**2)


def by_reduce(x):
    total = np.zeros(2)
    functools.reduce(operator.iadd, [x], total)
    return np.sum(total**2)


def by_out(x):
    total = np.zeros(2)
    np.add(total, x, out=total)
    return np.sum(total**2)


# Buffers that something else sees.


def in_two_names(x):
    total = other = np.zeros(2)
    total += x
    return np.sum(other**2)


def in_a_name_and_a_list(x):
    buffers = [np.zeros(2)]
    for total in buffers:
        total += x
    return np.sum(buffers[0] ** 2)


def with_a_view(x):
    total = np.zeros(2)
    view = total[:]
    total += x
    return np.sum(view**2)


def of_a_view(x):
    whole = np.zeros(4)
    total = whole[1:3]
    total += x
    return np.sum(whole**2)


def with_a_memoryview(x):
    total = np.zeros(2)
    memory = memoryview(total)
    total += x
    return np.sum(np.asarray(memory) ** 2)


def in_an_argument(x):
    def add(total):
        total += x

    total = np.zeros(2)
    add(total)
    return np.sum(total**2)


def in_a_default(x):
    def added(total=np.zeros(2)):  # noqa: B008
        total += x
        return total

    added()
    return np.sum(added.__defaults__[0] ** 2)


def in_a_name_and_a_closure(x):
    total = np.zeros(2)
    read = functools.partial(np.copy, total)
    total += x
    return np.sum(read() ** 2)


REFUSED = [on_the_class, on_the_instance, behind_getattr, behind_a_property, behind_setitem, in_slots, in_a_chain_map,
           in_a_tuple, in_a_dict, in_a_list, in_vars, in_a_global, in_executed_text, in_a_class_body,
           by_the_operator_module, by_reduce, by_out, in_two_names, in_a_name_and_a_list, with_a_view, of_a_view,
           with_a_memoryview, in_an_argument, in_a_default, in_a_name_and_a_closure]  # fmt: skip


@pytest.mark.usefixtures("as_written")
@transforms
@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_any_other_target_raises_and_says_what_to_write(f, transform):
    assert f(X) == 5.0  # plain NumPy sees the write everywhere
    with pytest.raises(TypeError, match=r"a plain array cannot hold a Dual.*\n?.*total = total \+ x"):
        transform(f)(X)
    with pytest.raises(TypeError, match="a plain array cannot hold a Dual"):
        f(dd.Variable(X))


# What the count is believed for.


def test_references_tell_a_buffer_alone_from_a_shared_one():
    for target in ("name", "cell"):
        assert rebinding._references_alone(target) > 0  # so on every Python that is tested here


@pytest.mark.usefixtures("as_written")
def test_no_name_is_rebound_where_references_are_not_counted(patched):
    calls = patched(rebinding, "_references_alone", lambda target: 0)
    for f in (in_a_name, in_a_cell):
        with pytest.raises(TypeError, match="a plain array cannot hold a Dual"):
            dd.grad(f)(X)
    assert calls.count == 2


def test_a_count_that_does_not_rise_is_not_believed(patched):
    calls = patched(rebinding, "_count_for_name", lambda share: 3)
    assert rebinding._references_alone.__wrapped__("name") == 0
    assert calls.count > 1


def test_a_name_behind_many_others_is_found():
    lines = [f"    n{i} = {i}" for i in range(300)]  # its number needs an EXTENDED_ARG
    names = {"np": np}
    exec(
        "\n".join(["def f(x):", *lines, "    total = np.zeros(2)", "    total += x", "    return sum(total**2)"]), names
    )
    assert_array_equal(dd.grad(names["f"])(X), [2.0, 4.0])
