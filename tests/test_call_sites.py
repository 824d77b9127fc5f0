"""What a call site of adapted code keeps of what it called, and that it sees every change of that.

The hook remembers functions and classes by identity, and a name that means what has a stand-in is asked for by
identity alone.  Whatever is changed between two calls (code, defaults, methods, names), adapted code does what plain
code does.
"""

import gc
import math
import types
import weakref

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.adapting import calls

sine = math.sin
number = float


@pytest.fixture
def changed():
    """``changed(owner, name, value)`` of an attribute, or of a name in a dict, until the test is over."""
    kept = []

    def change(owner, name, value):
        if isinstance(owner, dict):
            kept.append((owner.__setitem__, name, owner[name]))
            owner[name] = value
        else:
            before = owner.__dict__.get(name, getattr(owner, name)) if isinstance(owner, type) else getattr(owner, name)
            kept.append(
                (owner.__setattr__ if not isinstance(owner, type) else lambda *a: setattr(owner, *a), name, before)
            )
            setattr(owner, name, value)

    yield change
    for restore, name, before in reversed(kept):
        restore(name, before)


def helper(x, k=2.0):
    return math.sin(x) * k


def other(x, k=2.0):
    return math.cos(x) * k


def plain(x, k=1.0):
    return x * k


class Shape:
    def __init__(self, r, k=3.0):
        self.r = math.sin(r) * k

    def area(self, x, k=1.0):
        return math.exp(x) * k * self.r

    def plain(self, x):
        return x * self.r


class Round(Shape):
    def area(self, x):
        return super().area(x) + 1.0


def derivative(f, x=0.4, times=3):
    """The derivative, several times: the second call of a function is where it is remembered; checked each time."""
    for _ in range(times):
        found = dd.derivative(f)(x)
        expected = (f(x + 1e-6) - f(x - 1e-6)) / 2e-6
        assert abs(found - expected) <= 1e-7 * (1 + abs(expected))
        assert dd.jvp(f, (x,), (1.0,))[0] == f(x)
    return found


def of_function(x):
    return helper(x)


def of_no_need(x):
    return plain(x) + float(x)


def of_class(x):
    shape = Shape(x)
    return shape.area(x) + shape.plain(x)


def of_subclass(x):
    return Round(x).area(x)


@pytest.mark.parametrize("f", [of_function, of_no_need, of_class, of_subclass])
def test_calls_again_are_the_same(f):
    derivative(f, times=5)


def test_a_function_whose_code_is_swapped(changed):
    before = derivative(of_function)
    changed(helper, "__code__", other.__code__)
    assert derivative(of_function) != before
    changed(plain, "__code__", other.__code__)
    derivative(of_no_need)


def test_a_function_whose_defaults_change(changed):
    before = derivative(of_function)
    changed(helper, "__defaults__", (5.0,))
    assert derivative(of_function) == 2.5 * before
    derivative(of_no_need)
    changed(plain, "__defaults__", (7.0,))
    derivative(of_no_need)


def test_a_keyword_default_that_changes(changed):
    def scaled(x, *, k=2.0):
        return math.sin(x) * k

    before = derivative(lambda x: scaled(x))
    changed(scaled, "__kwdefaults__", {"k": 6.0})
    assert derivative(lambda x: scaled(x)) == pytest.approx(3 * before)


def test_a_global_name_that_comes_to_mean_something_else(changed):
    module = types.ModuleType("module_of_calls")
    module.sine = math.sin

    def f(x):
        return sine(x) + number(x) + helper(x) + module.sine(x)

    derivative(f)
    for name, meant in (("sine", math.cos), ("sine", lambda x: x * math.exp(x)), ("number", plain), ("helper", other)):
        changed(globals(), name, meant)
        derivative(f)
    module.sine = math.exp
    derivative(f)


def test_a_name_that_is_rebound_between_two_calls_of_one_run():
    def f(x):
        a = math.sin(x)
        globals()["sine"] = math.cos
        b = sine(x)
        globals()["sine"] = math.exp
        c = sine(x)
        globals()["sine"] = math.sin
        return a + b + c

    derivative(f)


def test_methods_that_are_replaced(changed):
    derivative(of_class)
    changed(Shape, "area", lambda self, x: math.cos(x) * self.r)
    derivative(of_class)
    changed(Shape, "plain", lambda self, x: math.log(x) * self.r)
    derivative(of_class)


def test_a_method_whose_code_or_defaults_change(changed):
    before = derivative(of_class)
    changed(Shape.area, "__defaults__", (10.0,))
    assert derivative(of_class) != before
    changed(Shape.plain, "__code__", (lambda self, x: math.tan(x) * self.r).__code__)
    derivative(of_class)


def test_an_attribute_of_the_instance_comes_before_the_method():
    shape = Shape(1.0)

    def f(x):
        return shape.area(x) + shape.plain(x)

    derivative(f)
    shape.area = lambda x: math.log(x)
    derivative(f)
    shape.plain = types.MethodType(lambda self, x: math.cosh(x) * self.r, shape)
    derivative(f)
    shape.area = math.sinh
    derivative(f)
    shape.area = Shape
    derivative(lambda x: shape.area(x).r)


def test_a_bound_class_and_other_bound_callables():
    class Holder:
        def __init__(self, owner, x):
            self.x = math.sin(x)

    bound = types.MethodType(Holder, "owner")
    derivative(lambda x: bound(x).x)
    bound = types.MethodType(math.atan2, 0.3)
    derivative(lambda x: bound(x))
    bound = types.MethodType(np.hypot, 0.3)
    derivative(lambda x: bound(x))


def test_constructors_that_change(changed):
    before = derivative(of_class)
    changed(Shape.__init__, "__defaults__", (9.0,))
    assert derivative(of_class) != before
    changed(Shape, "__init__", lambda self, r: setattr(self, "r", math.cosh(r)))
    derivative(of_class)

    def new(cls, *args):
        made = object.__new__(cls)
        made.k = math.exp(args[0])
        return made

    class Made(Shape):  # a class whose __new__ was set once is not what it was before
        pass

    derivative(lambda x: Made(x).plain(x))
    Made.__new__ = new
    derivative(lambda x: Made(x).k)


def test_a_constructor_that_is_replaced_by_what_is_no_function(changed):
    class Callable:
        def __get__(self, instance, owner):
            return lambda r: setattr(instance, "r", np.sinh(r))

    derivative(of_class)
    changed(Shape, "__init__", Callable())
    derivative(of_class)


def test_a_constructor_that_returns_something_is_pythons_own_error():
    class Returning:
        def __init__(self, x):
            self.x = math.sin(x)
            return self.x

    def f(x):
        return Returning(x).x

    with pytest.raises(TypeError) as plain_error:
        f(1.0)
    for _ in range(3):
        with pytest.raises(TypeError) as found:
            dd.adapt(f)(1.0)
        assert str(found.value) == str(plain_error.value)


def test_a_stand_in_that_is_declared_after_the_view_was_made():
    def compiled(x):
        return math.sin(math.floor(x) + (x - math.floor(x)))

    def f(x):
        return compiled(x)

    for _ in range(3):
        dd.adapt(f)(0.3)
    dd.stand_in(compiled)(np.sin)
    assert dd.derivative(f)(0.0) == 1.0
    dd.stand_in(compiled)(np.tan)
    assert dd.derivative(f)(0.3) == pytest.approx(1 / math.cos(0.3) ** 2)


def test_functions_and_classes_that_are_made_anew_leave_nothing_behind():
    def f(x):
        def local(y):
            return math.sin(y)

        class Local:
            def __init__(self, y):
                self.y = math.sin(y)

            def twice(self):
                return 2.0 * self.y

        local(x), local(x), Local(x)
        return Local(x).twice() + local(x) + (lambda y: y)(x)

    for _ in range(5):
        dd.derivative(f)(0.3)
    gc.collect()
    size = len(calls.SEEN)
    for _ in range(200):
        dd.derivative(f)(0.3)
    gc.collect()
    assert len(calls.SEEN) == size


def test_functions_of_exec_go_and_others_come_in_their_place():
    known, made, places = len(calls.PLANS.known), [], set()
    for k in range(600):
        space = {"math": math, "k": float(k)}
        exec("def g(x): return x * k", space)
        g = space["g"]
        assert [dd.derivative(lambda x, g=g: g(x) + math.sin(x))(0.0) for _ in range(3)] == [k + 1.0] * 3
        made.append(weakref.ref(g))
        places.add(id(g))
        del g, space
        if k % 200 == 199:
            gc.collect()
    assert sum(f() is not None for f in made) < 300
    assert len(places) < len(made)  # so that one was remembered where another is now
    assert len(calls.PLANS.known) < known + 600
