"""NumPy is partitioned: every function that can be overridden has exactly one rule, or is refused with a reason."""

import importlib

import numpy as np
from numpy.testing import overrides

import dualdiff.rules.polynomial_package  # noqa: F401  (enters its rules)
from dualdiff.errors import name_of
from dualdiff.table import RULES

# What is overridable depends on what has been imported.
MODULES = (
    "numpy.fft",
    "numpy.lib.scimath",
    "numpy.lib.stride_tricks",
    "numpy.linalg",
    "numpy.polynomial",
)
# Whole classes without derivatives, or with arrays of their own.
EXCLUDED_MODULES = ("numpy.ma", "numpy.lib.recfunctions", "numpy.char", "numpy.strings", "numpy.rec", "tests.")


# Functions with ``like=``, which older NumPy does not list.
LIKE = {
    np.arange, np.array, np.asanyarray, np.asarray, np.ascontiguousarray, np.asfortranarray, np.empty, np.eye,
    np.frombuffer, np.fromfile, np.fromfunction, np.fromiter, np.fromstring, np.full, np.genfromtxt, np.identity,
    np.loadtxt, np.ones, np.require, np.tri, np.zeros,
}  # fmt: skip


def is_public(function):
    """Whether the function is the one of that name; NumPy lists the dispatchers of ``like=`` beside it."""
    owner = importlib.import_module(function.__module__)
    return getattr(owner, function.__name__, None) is function


def is_of_strings(ufunc):
    """No loop of the ufunc works on numbers (or dates)."""
    return not any(set(types.partition("->")[0]) & set("?bhilqBHILQefdgFDGOmM") for types in ufunc.types)


def overridable():
    for module in MODULES:
        importlib.import_module(module)
    functions = {
        function
        for function in overrides.get_overridable_numpy_array_functions()
        if not function.__module__.startswith(EXCLUDED_MODULES) and is_public(function)
    }
    ufuncs = {
        ufunc
        for ufunc in overrides.get_overridable_numpy_ufuncs()
        if not ufunc.__name__.startswith("_") and ufunc not in STRING_UFUNCS
    }
    return functions | ufuncs | LIKE


# Ufuncs of text, some of which have loops for numbers too (isalpha of str, str_len): named where they are public.
STRING_UFUNCS = {
    ufunc
    for ufunc in overrides.get_overridable_numpy_ufuncs()
    if not hasattr(np, ufunc.__name__) and (hasattr(np.strings, ufunc.__name__) or is_of_strings(ufunc))
}


def test_every_overridable_function_has_a_rule_or_a_reason():
    missing = sorted(name_of(function) for function in overridable() - set(RULES))

    assert not missing, f"without a rule: {', '.join(missing)}"


def is_of_scipy(function):
    """A function behind one of `dualdiff.scipy`: `tests/test_scipy_partition.py` is about those."""
    return not isinstance(function, np.ufunc) and (getattr(function, "__module__", None) or "").startswith("scipy.")


def test_table_holds_nothing_that_is_not_overridable():
    # scipy.special's ufuncs are entered when SciPy is in use.
    known = overridable()
    strange = [
        name_of(function)
        for function in RULES
        if function not in known
        and not is_of_scipy(function)
        and not (isinstance(function, np.ufunc) and getattr(np, function.__name__, None) is not function)
    ]

    assert not strange, f"not overridable: {', '.join(strange)}"


def test_every_rule_says_what_it_is():
    for function, rule in RULES.items():
        assert rule.function is function or is_of_scipy(function)
        assert rule.form != "rule", name_of(function)
        if rule.form == "refused":
            assert len(rule.reason) > 10


def test_names_that_plain_users_know_are_in_the_partition():
    """The list from NumPy must not have become empty unnoticed."""
    known = overridable()

    assert len(known) > 360
    assert {np.sin, np.reshape, np.linalg.solve, np.fft.fft, np.emath.sqrt, np.zeros, np.copyto, np.einsum} <= known
