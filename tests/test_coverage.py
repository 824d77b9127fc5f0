"""Every function of NumPy with a derivative, with every argument of its signature.

A call of `tests.calls` is one line, checked by `tests.agreement`: value, forward and reverse mode against differences,
each argument alone.  Every parameter of every function with a rule comes in some call, or `EXCUSED` says why it cannot.
"""

import ast
import inspect

import numpy as np
import pytest

import dualdiff as dd
import dualdiff.rules.polynomial_package  # enters its rules
from dualdiff.errors import name_of
from dualdiff.table import RULES

from .agreement import NEWEST, agree, agrees, plain_numpy_has
from .calls import CALLS, CHECKLIST
from .laws import together


@together(CALLS)
def test_call_agrees_with_numpy_and_with_differences(call):
    grids = np.polynomial.polynomial.polygrid2d
    if not plain_numpy_has(call) or ("polygrid2d" in call and grids not in RULES):  # overridable since NumPy 2.1
        pytest.skip("not in this NumPy")
    # Nested, an argument that NumPy does not look at may be a Dual of an outer level alone.
    agrees(call, second=" !" in call)


# Parameters that no call can use with a derivative, and why.
EXCUSED = {
    "np.sort: order": "fields of structured arrays, which have no derivative",
    "np.partition: order": "likewise",
    "np.array: ndmax": "stops the search for axes in nested lists; without effect on arrays",
    "np.corrcoef: bias": "no effect, deprecated; gone in NumPy 2.4",
    "np.corrcoef: ddof": "likewise",
    **{f"np.{name}: interpolation": "the old name of method" for name in (
        "quantile", "percentile", "nanquantile", "nanpercentile"
    )},
}  # fmt: skip
# They read constants from memory or files.
READING = {np.loadtxt, np.genfromtxt, np.fromfile, np.fromstring, np.frombuffer}


def parameters_used(call):
    """(function, parameter) for every call of a NumPy function in the text."""
    for node in ast.walk(ast.parse(call.partition(" !")[0], mode="eval")):
        if not isinstance(node, ast.Call):
            continue
        func, args = node.func, node.args
        if isinstance(func, ast.Name) and func.id == "after":
            func, args = args[0], args[1:]
        try:
            function = eval(compile(ast.Expression(func), "", "eval"), {"np": np})
            parameters = list(inspect.signature(function).parameters.values())
        except (NameError, AttributeError, ValueError, TypeError):
            continue
        for parameter, _ in zip(parameters, args, strict=False):
            yield function, parameter.name
        for keyword in node.keywords:
            yield function, keyword.arg


def test_every_parameter_of_every_function_with_a_rule_comes_in_a_call():
    used = {pair for call in CALLS for pair in parameters_used(call)}
    missing = []
    for function, rule in RULES.items():
        if rule.form in ("passive", "refused") or isinstance(function, np.ufunc) or function in READING:
            continue
        if not (getattr(function, "__module__", None) or "").startswith("numpy"):
            continue
        try:
            parameters = inspect.signature(function).parameters.values()
        except ValueError:
            continue
        for parameter in parameters:
            if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            if (function, parameter.name) not in used:
                missing.append(f"{name_of(function)}: {parameter.name}")
    assert sorted(set(missing) - set(EXCUSED)) == []


# The methods of every ufunc.

UFUNCS = [f for f, rule in RULES.items() if isinstance(f, np.ufunc) and rule.form == "elementwise"]
PUBLIC = [f for f in UFUNCS if getattr(np, f.__name__, None) is f and f not in (np.ldexp, np.frexp)]
MASK = np.array([True, False, True, True])
# np.power.reduce([a, b, c]) is a ** c in the vectorized loops of NumPy 2.4: refused, see test_reductions.py.
UNRELIABLE = (np.power, np.float_power, np.arctan2)


def drawn(function, shape, seed=0):
    """One argument for each of a function, inside its domain and far from its kinks."""
    args = []
    domain = ((0.1, 2.0), (0.3, 2.0)) if function is np.divmod else getattr(RULES[function], "domain", None)
    for i, (low, high) in enumerate(domain or ((0.3, 1.7),) * function.nin):
        low, high = max(low, -2.0), 3.0 if low == 1.0 else min(high, 2.0)
        n = int(np.prod(shape))
        ranks = np.random.default_rng(seed + i + 1).permutation(n) + 0.37
        args.append((low + (high - low) * (0.05 + 0.9 * ranks / n)).reshape(shape))
    return tuple(args)


def buffers(function, like, shape=(3, 4)):
    like = innermost(like)
    return tuple(np.zeros(shape) if like is None else np.zeros(shape, like=like) for _ in range(function.nout))


def innermost(args):
    duals = [arg for arg in args if isinstance(arg, dd.Dual)]
    return max(duals, key=lambda dual: dual.perturbation.level, default=None)


@together(PUBLIC, ids=lambda f: f.__name__, of=6)
def test_every_keyword_and_operand_of_a_ufunc(f):
    args = drawn(f, (3, 4))
    calls = [
        (f, args),
        (lambda *a: f(*a, out=buffers(f, a)), args),
        (lambda *a: f(*a, out=buffers(f, a), where=MASK), args),
        (lambda *a: f(*a, casting="same_kind", order="F", subok=True, dtype=float), args),
        (f, tuple(arg[:0] for arg in args)),
        (f, tuple(float(arg[0, 0]) for arg in args)),
        (f, tuple(arg[0, 1] for arg in args)),
        (f, tuple(np.array(arg[0, 2]) for arg in args)),
        (f, tuple(np.asfortranarray(arg) for arg in args)),
        (f, tuple(np.repeat(arg, 2, axis=1)[:, ::2] for arg in args)),
    ]
    if f.nout == 1:
        calls.append((lambda *a: f(*a, out=buffers(f, a)[0]), args))
    if f.nin == 2:
        x, y = args
        ones = np.array([True, True, True, True])
        calls += [
            (f, (x[:, :1], y[0])),
            (f, (x, y[0, 0])),
            (f, (float(x[0, 0]), y)),
            (lambda x: f(x, y.tolist()), (x,)),
            (lambda y: f(x.tolist(), y), (y,)),
            (lambda x: f(x, np.float32(y)), (x,)),
            (lambda y: f(np.float32(x), y), (y,)),
            (lambda x: f(x, np.array([1, 2, 3, 1])), (x,)),
            (lambda y: f(np.array([1, 2, 3, 1]), y), (y,)),
            (lambda x: f(x, ones), (x,)),
            (lambda x: f(x, 2), (x,)),
            (lambda y: f(2, y), (y,)),
            (f.outer, (x[:, 0], y[0])),
        ]
    for program, arguments in calls:
        agree(program, arguments)


@together([f for f in PUBLIC if f.nin == 2 and f.nout == 1], ids=lambda f: f.__name__, of=6)
def test_every_method_of_a_ufunc(f):
    (x,) = drawn(np.square, (3, 4), 5)
    x = np.abs(x) + 0.2
    if f not in UNRELIABLE:
        for program in (
            f.reduce,
            lambda x: f.reduce(x, axis=-1, keepdims=True, dtype=float),
            lambda x: f.reduce(x, axis=1, initial=0.77, where=MASK),
            f.accumulate,
            lambda x: f.accumulate(x, axis=1, dtype=float),
            lambda x: f.reduceat(x, [0, 2, 1], axis=1),
        ):
            agree(program, (x,))

    def at(x, b):
        y = x + 0.0 * b[0]
        f.at(y, [0, 2, 0, 0, 1], b)
        return y

    agree(at, (x[:, 0], np.linspace(0.3, 1.1, 5)))


# numpy.polynomial

BASES = ["polynomial.polyval", "chebyshev.chebval", "legendre.legval", "laguerre.lagval", "hermite.hermval",
         "hermite_e.hermeval"]  # fmt: skip


@pytest.mark.parametrize("name", BASES)
def test_valuation_that_lines_up_axes_for_ndarrays_only_is_refused(name):
    package, _, function = name.partition(".")
    value = getattr(getattr(np.polynomial, package), function)
    x, c = np.array([0.1, 0.2, 0.3]), np.arange(1.0, 10.0).reshape(3, 3)
    for count in (1, 2, 3):
        for mode in (dd.jacfwd, dd.jacrev):
            with pytest.raises(dd.UnsupportedFunction, match="tensor=False"):
                mode(lambda x, count=count: value(x, c[:count]))(x)
        agree(lambda x, count=count: value(x, c[:count, :, None], tensor=False), (x,), exact=False)
        agree(lambda x, count=count: value(x, c[:count]), (0.3,), exact=False)
        agree(lambda c: value(x, c), (c[:count],), exact=False)
    agree(lambda x: value(x, c[0]), (x,), exact=False)
    agree(lambda x: value(x, [1.0, 2.0]), (x,), exact=False)


def test_valuation_by_roots_is_refused_where_axes_would_not_line_up():
    value, roots = np.polynomial.polynomial.polyvalfromroots, np.array([1.0, 2.0, 3.0])
    with pytest.raises(dd.UnsupportedFunction, match="tensor=False"):
        dd.jacfwd(lambda x: value(x, roots))(roots + 0.5)
    agree(lambda x: value(x, roots[:, None], tensor=False), (roots + 0.5,))
    agree(lambda x: value(x, roots), (0.5,))


def test_what_the_checklist_calls_useful_has_a_rule():
    for name in CHECKLIST.split():
        function = np
        for part in name.split("."):
            function = getattr(function, part, None)
        if function is None:
            assert not NEWEST, name
        elif name not in ("c_", "r_"):  # they concatenate
            assert function in RULES, name
