"""Programs of every kind that people write, as they are: right, or refused in words; never wrong."""

import abc
import asyncio
import collections
import contextlib
import dataclasses
import functools
import itertools
import math
import operator
import random
import statistics
import subprocess
import sys
import threading
import typing
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from tests.test_adapting import agree, five_points, module_of


def collected(found):
    def program(f):
        found.append(f)
        return f

    return program


RIGHT, REFUSED = [], []
right, refused = collected(RIGHT), collected(REFUSED)


# Classes.


class Base(abc.ABC):
    def __init__(self, v):
        self.buffer = np.zeros(2)
        self.buffer[0] = math.sin(v)

    @abc.abstractmethod
    def run(self): ...

    @property
    def total(self):
        return float(self.buffer.sum())


class Concrete(Base):
    def __init__(self, v):
        super().__init__(v * 2)
        self.buffer[1] = v

    def run(self):
        return self.total * math.exp(self.buffer[0])

    @property
    def total(self):
        return super().total * 2.0

    @classmethod
    def made(cls, v):
        return cls(float(v))


@right
def abstract_base_class(x):
    return Concrete.made(x).run()


class OfNew(float):
    def __new__(cls, v):
        made = super().__new__(cls, math.floor(v))
        made.part = math.sin(v)
        return made


@right
def class_with_a_new_of_its_own(x):
    return OfNew(x).part + OfNew(x)


class One:
    only = None

    def __new__(cls, *args):
        if cls.only is None:
            cls.only = object.__new__(cls)
        return cls.only

    def __init__(self, v):
        self.v = math.exp(v)


@right
def singleton(x):
    return One(x).v * One(2 * x).v


class Counting(type):
    def __call__(cls, *args):
        made = super().__call__(*args)
        made.extra = math.sin(made.v)
        return made


class Counted(metaclass=Counting):
    def __init__(self, v):
        self.v = float(v)
        self.buffer = np.zeros(1)
        self.buffer[0] = v


@right
def metaclass_with_a_call(x):
    made = Counted(x)
    return made.extra * made.buffer[0]


class Carrying(Exception):
    def __init__(self, v):
        super().__init__(v)
        self.v = math.sin(v)


@right
def exception_with_a_number(x):
    try:
        raise Carrying(x)
    except Carrying as error:
        return error.v * error.args[0]


class Numbers(list):
    def __init__(self, v):
        super().__init__([v, math.sin(v)])

    def norm(self):
        return math.hypot(*self)


class Named(dict):
    def __init__(self, **values):
        super().__init__({name: math.exp(v) for name, v in values.items()})

    @property
    def total(self):
        return math.fsum(self.values())


@right
def subclasses_of_list_and_dict(x):
    numbers = Numbers(x)
    numbers.append(x)
    return numbers.norm() + math.fsum(numbers) + Named(a=x, b=2 * x).total


class Pair(typing.NamedTuple):
    a: float
    b: float

    @property
    def norm(self):
        return math.hypot(self.a, self.b)


@right
def property_of_a_named_tuple(x):
    return Pair(x, 2.0).norm + Pair(a=1.0, b=x)._replace(a=x * x).norm


class Slots:
    __slots__ = ("b", "v")

    def __init__(self, v):
        self.v = float(v)
        self.b = np.empty(2)
        self.b[:] = v


@right
def slots(x):
    return Slots(x).v * Slots(x).b[1]


class Overriding:
    def __get__(self, instance, owner=None):
        if instance is None:
            raise RuntimeError("the class is not asked")
        return math.sin(instance.v)

    def __set__(self, instance, v):
        instance.v = v


class Once:
    def __init__(self, f):
        self.f = f

    def __set_name__(self, owner, name):
        self.name = name

    def __get__(self, instance, owner):
        value = instance.__dict__[self.name] = self.f(instance)
        return value


class Described:
    sine = Overriding()

    def __init__(self, v):
        self.v, self.calls = v, 0

    @Once
    def power(self):
        self.calls += 1
        return math.exp(self.v)

    @functools.cached_property
    def kept(self):
        return float(self.v) * np.array([math.sin(self.v), 1.0])


@right
def descriptors(x):
    d = Described(x)
    return d.sine * d.power * d.power * d.calls + d.kept.sum() * d.kept[0]


class Asking:
    def __init__(self, v):
        self._v = v

    @property
    def known(self):
        return math.sin(self._v)

    @property
    def unknown(self):
        raise AttributeError("of the getter")

    def __getattr__(self, name):
        if name == "unknown":
            return self._v**2
        raise AttributeError(name)


@right
def getattr_beside_properties(x):
    return Asking(x).known * Asking(x).unknown


@dataclasses.dataclass
class Part:
    x: float
    ys: list = dataclasses.field(default_factory=list)
    room: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2))
    n: dataclasses.InitVar[int] = 3

    def __post_init__(self, n):
        self.buffer = np.zeros(n)
        self.buffer[0] = math.exp(self.x)
        self.room[0] = self.x


@dataclasses.dataclass
class Whole(Part):
    k: float = 1.0

    def __post_init__(self, n):
        super().__post_init__(n)
        self.buffer[1] = math.sin(self.x) * self.k


@dataclasses.dataclass(frozen=True)
class Frozen:
    a: float

    def __post_init__(self):
        object.__setattr__(self, "root", math.sqrt(self.a))


@dataclasses.dataclass(slots=True)
class Slotted:
    x: float
    room: np.ndarray = dataclasses.field(default_factory=lambda: np.zeros(2))


@right
def dataclasses_with_post_init(x):
    w = Whole(x, k=x, n=4)
    w.ys.append(math.exp(x))
    assert "__post_init__" not in vars(w)
    w = dataclasses.replace(w, x=2 * x, n=2)
    s = Slotted(x)
    s.room[0] = math.sin(s.x)
    return w.buffer.sum() + w.ys[0] + len(w.buffer) + w.room[0] + Frozen(x).root + Part(x).buffer[0] + s.room.sum()


@right
def patterns(x):
    found = 0.0
    match [x, "a", {"k": Frozen(x)}]:
        case [float() as v, str(), {"k": Frozen(a=float(w))}] if w > 0:
            found = v * math.exp(w)
    match x:
        case int():
            return -1.0
        case float(v):
            found += math.sin(v)
    return found


# Functions of functions.


@functools.singledispatch
def by_type(v, k):
    return 0.0 * v


@by_type.register(float)
def _(v, k):
    return math.sin(v) * k


@by_type.register(np.ndarray)
def _(v, k):
    return float(np.sum(v)) * k


class ByType:
    @functools.singledispatchmethod
    def value(self, v):
        return 0.0 * v

    @value.register
    def _(self, v: float):
        return math.exp(v)

    @value.register(list)
    def _(self, v):
        return math.fsum(v)

    def scaled(self, k, v):
        return math.sin(v) * k

    twice = functools.partialmethod(scaled, 2.0)


@right
def single_dispatch_finds_what_the_plain_type_finds(x):
    b = ByType()
    return by_type(x, 2.0) + by_type(np.array([x, x]), x) + b.value(x) + b.value([x, x]) + b.twice(x)


@contextlib.contextmanager
def lent(v):
    buffer = np.zeros(1)
    buffer[0] = math.exp(v)
    yield buffer


@right
def context_manager(x):
    with lent(x) as buffer, contextlib.ExitStack() as stack:
        kept = []
        stack.callback(kept.append, math.sin(x))
        found = buffer[0]
    return found + kept[0]


def work(i, v):
    out = np.zeros(2)
    out[i] = math.sin(v * (i + 1))
    return out.sum()


@right
def threads(x):
    out = np.zeros(3)

    def run(i):
        out[i] = math.sin(x * i)

    running = [threading.Thread(target=run, args=(i,)) for i in range(3)]
    for thread in running:
        thread.start()
    for thread in running:
        thread.join()
    with ThreadPoolExecutor(2) as pool:
        return out.sum() + sum(pool.map(work, [0, 1], [x, x])) + pool.submit(work, 1, x).result()


@right
def coroutines(x):
    async def one(v):
        return math.sin(v)

    async def both():
        return sum(await asyncio.gather(one(x), one(2 * x)))

    return asyncio.run(both())


@right
def generators_and_closures(x):
    total, buffer = 0.0, np.zeros(2)

    def add(v):
        nonlocal total
        total += float(v)
        buffer[0] += v

    def parts(n):
        s = np.zeros(n)
        for i in range(n):
            s[i] = math.sin(x * i)
            sent = yield s[i]
            if sent:
                s *= sent
        return float(s.sum())

    def outer():
        yield (yield from parts(3))

    for i in range(3):
        add(x * i)
    summed = itertools.accumulate([x, x], lambda a, b: math.hypot(a, b))
    return sum(outer()) * total * buffer[0] + sum(summed) + functools.reduce(math.hypot, [x, 2.0, x])


@right
def operators_module(x):
    return operator.methodcaller("sum")(np.array([x, 2 * x])) * operator.itemgetter(0)([x])


# Lists of numbers.


@right
def lists_of_numbers_for_functions_of_numpy(x):
    rows = []
    for i in range(3):
        rows.append(math.sin(x * i))
    shifted = [*rows, x]
    return (
        np.linalg.norm([x, 2.0])
        + np.linalg.solve([[x, 1.0], [1.0, 2.0]], [1.0, x]).sum()
        + np.mean(rows) * np.std(rows)
        + np.hypot([x, 1.0], [2.0, x]).sum()
        + np.interp(0.5, [0.0, x, 2.0, 3.0], shifted)
        + np.linalg.det([[x if i == j else 1.0 / (i + j + x) for i in range(3)] for j in range(3)])
        + np.percentile([x, 1.0, 3.0], 40)
        + np.concatenate([[x], [1.0, x]]).sum()
    )


@right
def iterators_over_entries(x):
    a, out = np.array([[x, 2 * x]]), np.zeros((1, 2))
    total = 0.0
    for v in np.nditer(a):
        total = total + v * v
    with np.nditer(a, op_flags=["readwrite"]) as entries:
        for v in entries:
            v[...] = 2 * v
    it = np.nditer(a, flags=["multi_index"])
    while not it.finished:
        out[it.multi_index] = it[0] * a[it.multi_index]
        it.iternext()
    with np.nditer([a, np.array([2.0, x]), None]) as it:
        for p, q, r in it:
            r[...] = p * q
        product = it.operands[2]
    return float(total) + a.sum() + out.sum() + product.sum()


@right
def functions_over_entries(x):
    a = np.array([[x, 1.0], [2.0, x]])
    return (
        np.vectorize(lambda p, q: math.exp(p) if p > q else float(q), otypes=[float])([x, 0.0], [0.1, x]).sum()
        + np.vectorize(lambda r: r.sum() * math.sin(r[0]), signature="(n)->()")(a).sum()
        + np.fromiter((math.sin(x * i) for i in range(3)), float).sum()
        + np.apply_along_axis(lambda r: math.exp(r[0]) * r, 1, a).sum()
        + np.piecewise(np.array([x, -x]), [np.array([True, False])], [lambda t: np.exp(t), lambda t: t * x]).sum()
    )


# The standard library.


@right
def statistics_of_numbers(x):
    d = statistics.NormalDist(x, 2.0)
    normal = d.pdf(1.0) + d.cdf(0.3) + d.zscore(1.0) + d.inv_cdf(0.3) + statistics.NormalDist().inv_cdf(x / 2)
    samples = statistics.NormalDist.from_samples([x, 1.0, 2.0]).variance
    line = statistics.linear_regression([1.0, 2.0, 3.0], [x, 1.0, x * x])
    return normal + samples + sum(line) + statistics.quantiles([x, 1.0, 3.0, x * x])[1] + statistics.median([x, 0, 3])


@right
def random_numbers_of_a_seed(x):
    own = random.Random(3)
    random.seed(4)
    return random.gauss(x, x) + random.uniform(0, x) + random.lognormvariate(x, 0.2) + own.gauss(0, x)


@right
def collections_of_numbers(x):
    rooms = collections.defaultdict(lambda: np.zeros(2))
    rooms["a"][0] += x
    rooms["b"][1] += rooms["a"][0] * x
    queue = collections.deque([float(x)], maxlen=2)
    queue.append(math.sin(x))
    queue.append(math.cos(x))
    return sum(v.sum() for v in rooms.values()) + math.fsum(queue) + math.prod({"a": x}.values())


# Writes.


@right
def aliases(x):
    whole = np.zeros(4)
    square = whole.reshape(2, 2)
    diagonal, turned = np.diagonal(square), square.T
    whole[3] = x
    square[0, 0] = 2 * x
    first, second = np.split(whole, 2)
    second[0] = math.sin(x)
    row, *others = square
    others[0][1] += row[0]
    whole[[0, 1]] = whole[[1, 2]]
    return turned[1, 1] * diagonal[0] + diagonal[1] + whole.sum() * first[1]


@right
def outputs(x):
    a, b, c = np.zeros(2), np.zeros((2, 2)), np.empty(3)
    np.multiply([x, 1.0], [2.0, x], out=a)
    np.matmul(np.array([[x, 1.0], [2.0, x]]), np.eye(2), out=b)
    np.cumsum([x, x, 1.0], out=c)
    np.add.at(a, [0, 0, 1], [x, x * x, 1.0])
    np.copyto(c[1:], a)
    np.put(b, [0, 3], [x, x * x])
    np.fill_diagonal(b, b[0, 0] * 2)
    return a.prod() + b.sum() + c.sum()


@right
def results_of_buffers_are_written(x):
    b, given = np.ones(4), np.zeros(4)
    parts = [b.cumsum(), b.repeat(2), b.clip(0, 1), b.take([0, 1]), b.dot(np.eye(4)), np.roll(b, 1), np.sort(b)]
    parts.append(b.cumsum(0, None, given))
    total = 0.0
    for i, part in enumerate(parts):
        part[0] = x * (i + 1)
        part[-1] += x
        total = total + (part**2).sum()
    return total + given[0]


@right
def state_that_is_rolled(x):
    h, log = np.zeros(3), []
    for i in range(4):
        h = np.roll(h, 1)
        h[0] = math.tanh(x * i + h[1])
        log.append(float(h[0]))
    return h.sum() * log[1]


@right
def kalman_filter(x):
    cov, move, see, state, likelihood = np.eye(2), np.array([[1.0, x], [0, 1.0]]), np.zeros((1, 2)), np.zeros(2), 0.0
    see[0, 0] = 1
    for z in (0.1, 0.4, 0.2):
        state, cov = move @ state, move @ cov @ move.T + 0.1 * np.eye(2)
        s, y = float((see @ cov @ see.T)[0, 0]) + 0.2, z - float(state[0])
        gain = (cov @ see.T)[:, 0] / s
        state, cov = state + gain * y, cov - np.outer(gain, see @ cov)
        likelihood -= 0.5 * (math.log(2 * math.pi * s) + y * y / s)
    return likelihood


class zeros_of_lists:
    @staticmethod
    def zeros(n):
        return [0.0] * n


@right
def names_that_mean_something_else(x):
    np, float = zeros_of_lists, lambda v: v * 2.0
    z = np.zeros(2)
    z[0] = float(x)
    return sum(z) * x


@right
def complex_buffers(x):
    z = np.zeros(3, complex)
    z.real = x
    z.imag[1] = x * x
    z[2] = 1j * x
    return float(np.abs(z).sum()) + abs(complex(x, 2 * x)) + math.prod([complex(x, 1.0), 2j * x]).real


@pytest.mark.parametrize("f", RIGHT, ids=lambda f: f.__name__)
def test_program_is_differentiated_as_it_is(f):
    agree(f)


# What Python itself calls, and what is no number any more.


class Operators:
    def __init__(self, v):
        self.v = v

    def __getitem__(self, i):
        return math.exp(self.v)

    def __add__(self, other):
        return math.fsum([self.v, other])


PLAIN = np.zeros(3)


@refused
def index_of_a_class(x):
    return Operators(x)[0]


@refused
def operator_of_a_class(x):
    return Operators(x) + 1.0


@refused
def global_array(x):
    PLAIN[0] = x
    return PLAIN[0] * 2.0


@refused
def array_of_records(x):
    a = np.zeros(2, dtype=[("p", float)])
    a["p"][0] = x
    return a["p"][0]


@refused
def array_of_integers(x):
    a = np.zeros(3, dtype=int)
    a[0] = x * 10
    return a[0] * x


@refused
def text(x):
    return float(f"{x:.10f}")


@refused
def memory(x):
    b = np.zeros(2)
    b[0] = x
    return np.frombuffer(b.tobytes())[0]


@refused
def executed(x):
    space = {"x": x, "math": math}
    exec("y = math.sin(x)", space)
    return space["y"]


@refused
def evaluated(x):
    return eval("lambda t: math.sin(t)")(x)


@pytest.mark.parametrize("f", REFUSED, ids=lambda f: f.__name__)
def test_program_is_refused_in_words(f):
    for transform in (dd.derivative, dd.grad, dd.jacfwd, dd.jacrev):
        with pytest.raises((TypeError, ValueError, AttributeError)):
            transform(f)(0.7)
    PLAIN[:] = 0.0


def test_a_note_says_that_python_itself_calls_it():
    with pytest.raises(TypeError) as caught:
        dd.grad(index_of_a_class)(0.7)
    assert any("__getitem__ runs as written (Python itself calls it" in note for note in caught.value.__notes__)


# Splines of two variables.


def spline_calls():
    interpolate = pytest.importorskip("scipy.interpolate")
    rng = np.random.default_rng(0)
    fitted = interpolate.RectBivariateSpline(np.linspace(0, 1, 6), np.linspace(0, 2, 7), rng.random((6, 7)))
    tck = [*fitted.tck, *fitted.degrees]
    return [
        lambda x: interpolate.bisplev(x, 0.3, tck) * float(interpolate.bisplev(0.3, x, tck)),
        lambda x: interpolate.bisplev(np.array([0.1, x]), [0.2, 0.5], tck).sum(),
        lambda x: interpolate.bisplev(x, 0.5, tck, dx=1) + interpolate.bisplev(x + 10, 0.5, tck) * x,
        lambda x: fitted(x, 1.0)[0, 0] * fitted.ev(0.2, x),
        lambda x: fitted(np.array([0.1, x]), np.array([0.2, x])).sum() + fitted([0.1, 0.2], [x, x + 1], grid=False)[1],
        lambda x: fitted(x, x, dx=1, dy=1, grid=False) * fitted.ev([x, 0.1], [0.3, x], dx=1).sum(),
    ]


@pytest.mark.parametrize("number", range(6))
def test_splines_of_two_variables(number):
    f = spline_calls()[number]

    for transform in (dd.derivative, dd.grad):
        assert_allclose(transform(f)(0.63), five_points(f, 0.63), rtol=1e-7)
    assert_allclose(dd.grad(dd.derivative(f))(0.63), five_points(dd.grad(f), 0.63), rtol=1e-5, atol=1e-8)
    assert_array_equal(dd.jvp(f, (0.63,), (1.0,))[0], f(0.63))


# Rules of the user's own.


@dd.custom_jvp
def with_a_rule(x):
    out = np.zeros(2)
    out[0], out[1] = math.sin(x), float(x) ** 2
    return out


@with_a_rule.defjvp
def _rule(primals, tangents):
    (x,), (xdot,) = primals, tangents
    ydot = np.zeros(2)
    ydot[0], ydot[1] = math.cos(x) * xdot, 2 * float(x) * xdot
    return with_a_rule(x), ydot


@dd.custom_vjp
def with_a_pullback(x):
    return np.array([math.sin(x[0]), float(x[1]) ** 2])


def _forwards(x):
    slopes, out = np.zeros(2), np.zeros(2)
    slopes[0], slopes[1] = math.cos(x[0]), 2 * x[1]
    out[0], out[1] = math.sin(x[0]), x[1] ** 2
    return out, slopes


def _backwards(slopes, cotangent):
    back = np.zeros(2)
    back[0], back[1] = slopes[0] * float(cotangent[0]), slopes[1] * cotangent[1]
    return (back,)


with_a_pullback.defvjp(_forwards, _backwards)


def test_rules_of_custom_functions_are_adapted():
    agree(lambda x: with_a_rule(x)[0] * with_a_rule(x * x)[1])

    def f(t):
        return with_a_pullback(np.array([t, t * t])).prod()

    assert_allclose(dd.grad(f)(0.7), five_points(f, 0.7), rtol=1e-9)
    assert_allclose(dd.grad(dd.grad(f))(0.7), five_points(dd.grad(f), 0.7), rtol=1e-9)
    assert type(with_a_rule(0.7)) is np.ndarray
    assert type(with_a_pullback([0.5, 2.0])) is np.ndarray
    x = dd.Variable(np.array([0.5, 2.0]))
    with_a_pullback(x).sum().backward()
    assert_allclose(x.grad, [math.cos(0.5), 4.0])


def test_a_custom_function_closes_over_what_carries_a_derivative():
    def f(y):
        @dd.custom_jvp
        def scaled(x):
            out = np.zeros(1)
            out[0] = math.exp(y) * x
            return out[0]

        scaled.defjvp(lambda primals, tangents: (scaled(*primals), tangents[0] * math.exp(y)))
        return scaled(2.0) * scaled(y)

    agree(f)


# Refusals that compiled code meets.


@pytest.mark.parametrize("source", ["so.fsolve(lambda t: t * t - x, 1.0)[0]", "so.brentq(lambda t: t * t - x, 0, 2)"])
def test_nothing_is_printed_of_a_refusal_in_compiled_code(source, capfd):
    pytest.importorskip("scipy.optimize")
    space = {}
    exec(f"import scipy.optimize as so\ndef f(x): return {source}", space)
    hook = sys.excepthook
    for transform in (dd.derivative, dd.grad, dd.jacfwd):
        with pytest.raises(Exception) as caught:
            transform(space["f"])(1.5)
        said = "\n".join([str(caught.value), *getattr(caught.value, "__notes__", ())])
        assert "of a Dual of shape" in said
        assert type(caught.value) is not SystemError
    assert capfd.readouterr().err == ""
    assert sys.excepthook is hook


# Sources.


def test_a_program_on_the_command_line_is_left_as_written_and_says_so():
    program = (
        "import math, dualdiff as dd\n"
        "def f(x): return math.sin(x)\n"
        "try: print(dd.grad(f)(0.0))\n"
        "except TypeError as error: print('as written' in error.__notes__[0])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, cwd=Path(dd.__file__).parents[1]
    )
    assert done.stdout.strip() in ("True", "1.0")  # Python 3.13 keeps the source


def test_the_same_in_a_script_with_nested_scopes(tmp_path):
    module = module_of(
        tmp_path,
        "scopes",
        """
        import math
        import numpy as np

        class A:
            __factor = 2.0
            def __init__(self, v):
                self.__v = float(v)
            class B:
                def of(self, a, x):
                    return math.sin(x) * a._A__v
            def run(self, x):
                def inner(y):
                    nonlocal x
                    x = x + math.sin(y)
                    def deepest():
                        return math.exp(x) * self.__v * A.__factor
                    return deepest()
                return inner(x) + A.B().of(self, x)

        def outer():
            k = np.zeros(2)
            def f(x, *, scale=math.pi, **more):
                k2 = k.copy()
                k2[0] = math.sin(x) * scale
                return sum(k2[i] * (lambda t: math.exp(t))(x) for i in range(2)) + [math.cos(x) for _ in "a"][0]
            return f

        async def later(x):
            async def numbers():
                for i in range(2):
                    yield math.sin(i * x)
            return sum([v async for v in numbers()])

        def waited(x):
            import asyncio
            return asyncio.run(later(x))

        def decorated(f):
            def g(x): return f(x) * 2
            return g

        @decorated
        @decorated
        def twice(x): return math.sin(x) if x > 0 else math.cos(x)
        """,
    )
    for f in (lambda x: module.A(x).run(x), module.outer(), module.waited, module.twice):
        agree(f)


class Angle:
    def __init__(self, degrees):
        self.degrees = degrees

    def __float__(self):
        return float(self.degrees) * math.pi / 180

    def __getattr__(self, name):
        if name == "sine":
            return math.sin(self.degrees)
        raise AttributeError(name)


class Integer:
    def __float__(self):
        return 1


class Families(type):
    def __getattr__(cls, name):
        return math.exp(cls.scale)


class Family(metaclass=Families):
    scale = 0.5


class Member(Family):
    pass


def spaced(x):
    b, c = np.linspace(0.0, 1.0, 4), np.arange(4.0)
    b[0], c[1:3] = x, math.sin(x)
    grid, step = np.linspace(0.0, 1.0, 5, retstep=True)
    grid[1] = x * x
    powers = np.logspace(0.0, 1.0, 3)
    powers[-1] *= x
    lower = np.tri(2)
    lower[0, 1] = x
    return np.sum(b * c) + step * np.sum(grid) + np.sum(powers) + np.prod(lower)


@pytest.mark.parametrize(
    "f",
    [
        spaced,
        lambda x: float(Angle(x)) * x + float(Angle(2.0)),
        lambda x: Member.scale * x * Member.unknown * Family.unknown,
    ],
)
def test_numbers_and_spaces_of_other_kinds(f):
    agree(f, 0.7)


def test_attribute_that_is_made_when_it_is_asked_for():
    f = lambda x: Plane(x).tangent * x
    assert dd.derivative(f)(0.7) == pytest.approx(math.tan(0.7) + 0.7 / math.cos(0.7) ** 2)
    with pytest.raises(AttributeError, match="cotangent"):
        dd.derivative(lambda x: Plane(x).cotangent)(0.7)
    assert dd.derivative(lambda x: x if hasattr(Plane(x), "cotangent") else 2 * x)(0.7) == 2.0


class Plane:
    angle = 0.0

    def __init__(self, angle):
        self.angle = angle

    def __getattr__(self, name):
        if name == "tangent":
            return math.tan(self.angle)
        raise AttributeError(name)


def test_conversion_that_returns_no_float_is_pythons_own_error():
    with pytest.raises(TypeError, match=r"Integer.__float__ returned non-float \(type int\)"):
        dd.derivative(lambda x: x * float(Integer()))(1.0)


LAID_OUT = [np.asfortranarray(np.arange(6.0).reshape(2, 3)), np.arange(24.0).reshape(2, 3, 4).transpose(1, 2, 0)]


@pytest.mark.parametrize("x", LAID_OUT, ids=["columns", "axes exchanged"])
@pytest.mark.parametrize(
    "f",
    [
        lambda x: np.vectorize(lambda entry: entry * 2.0, otypes=[float])(x),
        lambda x: np.frompyfunc(lambda entry: entry * 2.0, 1, 1)(x).astype(float),
        lambda x: np.vectorize(lambda entry: math.sin(entry))(x),
    ],
)
def test_objects_lie_as_numpy_lays_them(f, x):
    """The sums of an array have the last digits of the order in which it lies."""
    strides = []

    def seen(x):
        y = f(x)
        strides.append(y.strides)
        return np.einsum("...i,...i->...", np.sin(y), y)

    expected = seen(x)
    for transform in (dd.jvp, lambda f, x, v: dd.vjp(f, *x)):
        assert_array_equal(transform(seen, (x,), (x,))[0], expected)
    assert strides == [strides[0]] * 3
    slopes = (f(x + 1e-4) - f(x - 1e-4)) / 2e-4
    assert_allclose(dd.grad(lambda x: np.sum(f(x)))(x), slopes, rtol=1e-7)
