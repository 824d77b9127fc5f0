"""SciPy is partitioned in the modules that `dualdiff.scipy` covers: each public callable has a rule, or refuses.

What neither has a rule nor refuses is listed here by name, with the reason.
"""

import importlib
import subprocess
import sys

import numpy as np
import pytest

import dualdiff as dd
from dualdiff import table
from dualdiff.errors import UnsupportedFunction, name_of
from dualdiff.table import RULES

MODULES = ("special", "linalg", "integrate", "interpolate", "stats")
# SciPy's own functions that are made of functions with rules alone, and run on Duals as they are.
AS_THEY_ARE = {"special": {"assoc_laguerre", "sinc", "softplus"}}
# How many of SciPy's public callables have a rule here, at least: a floor under the partition.
AT_LEAST = {"special": 210, "linalg": 45, "integrate": 10, "interpolate": 10, "stats": 39}


def public_callables(name):
    importlib.import_module("dualdiff.special")
    importlib.import_module(f"dualdiff.scipy.{name}")
    scipys = importlib.import_module(f"scipy.{name}")
    return {public: found for public in scipys.__all__ if callable(found := getattr(scipys, public))}


def kind_of(name, public, found):
    """What happens to a Dual: "rule", "as it is", "refuses", "class" (SciPy's own), or "absent"."""
    module = importlib.import_module(f"dualdiff.scipy.{name}")
    if public in AS_THEY_ARE.get(name, ()):
        assert getattr(module, public) is found
        return "as it is"
    if found in RULES:
        rule = RULES[found]
        if isinstance(found, np.ufunc):
            return "refuses" if rule.form == "refused" else "rule"
        assert rule.function is vars(module)[public]
        return "rule"
    if not hasattr(module, public):
        with pytest.raises(AttributeError, match=f"has no '{public}'; it has"):
            getattr(module, public)
        return "absent"
    own = getattr(module, public)
    if isinstance(own, type):
        assert own is found
        return "class"
    with pytest.raises(UnsupportedFunction, match=r"has no derivative rule \(dualdiff\.scipy has none\)"):
        dd.jvp(lambda x: own(x), (0.5,), (1.0,))
    return "refuses"


@pytest.mark.parametrize("name", MODULES)
def test_every_public_callable_has_a_rule_or_refuses(name):
    kinds = {public: kind_of(name, public, found) for public, found in public_callables(name).items()}

    assert sum(kind == "rule" for kind in kinds.values()) >= AT_LEAST[name]
    assert all(kind != "absent" for kind in kinds.values()) or name in ("interpolate", "stats")
    # Classes of SciPy's own hold no arrays of the user's that are differentiated: errors, warnings, solvers' states.
    classes = {public for public, kind in kinds.items() if kind == "class"}
    assert classes <= {
        "LinAlgError", "LinAlgWarning", "SpecialFunctionError", "SpecialFunctionWarning", "errstate", "orthopoly1d",
        "IntegrationWarning", "ODEintWarning", "AccuracyWarning", "ode", "complex_ode", "OdeSolver", "DenseOutput",
        "OdeSolution", "RK23", "RK45", "DOP853", "Radau", "BDF", "LSODA",
    }  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_every_own_name_is_in_the_table_and_says_where_derivatives_are(name):
    module, scipys = (importlib.import_module(f"{package}.{name}") for package in ("dualdiff.scipy", "scipy"))
    own = {
        public: made
        for public in scipys.__all__
        if (made := vars(module).get(public)) is not None and made is not getattr(scipys, public)
    }
    assert own
    for public, made in own.items():
        rule = RULES[getattr(scipys, public)]
        assert rule.function is made
        assert rule.active
        assert set(rule.active) <= set(rule.names)
        assert name_of(made).startswith(f"dualdiff.scipy.{name}.")


@pytest.mark.parametrize(
    ("name", "active"),
    [
        ("linalg.expm", ("A",)),
        ("linalg.solve_toeplitz", ("c_or_cr", "b")),
        ("integrate.trapezoid", ("y", "x", "dx")),
        ("integrate.fixed_quad", ("a", "b", "args")),
        ("integrate.solve_ivp", ("fun", "t_span", "y0", "t_eval", "events", "args")),
        ("integrate.odeint", ("func", "y0", "t", "args")),
        ("integrate.solve_bvp", ("fun", "bc", "x", "S")),
        ("special.logsumexp", ("a", "b")),
        ("interpolate.CubicSpline", ("x", "y", "bc_type")),
        ("stats.gamma", ("x", "a", "loc", "scale")),
        ("stats.binom", ("p",)),
    ],
)
def test_active_arguments(name, active):
    module, _, public = name.partition(".")
    function = getattr(importlib.import_module(f"scipy.{module}"), public)

    assert RULES[function].active == active


def test_a_rule_of_scipy_has_a_tangent_of_its_own():
    import scipy.linalg

    from dualdiff.tangents.expression import Tangent

    rule = RULES[scipy.linalg.expm]
    A, dA = np.array([[0.1, 0.4], [-0.3, 0.2]]), np.array([[1.0, 0.0], [0.5, -1.0]])

    def along(t):  # a Dual, so that there is a perturbation to speak of
        d = Tangent(t.perturbation, (dA * t).tangent)
        y = scipy.linalg.expm(A)
        return t + np.sum(y) * 0.0 if not d else rule.tangent(y, {"A": A}, {"A": d})

    found = []

    def f(t):
        found.append(t.perturbation.direction_of(along(t).handle))
        return t

    dd.jvp(f, (0.0,), (1.0,))
    expected = dd.jvp(rule.function, (A,), (dA,))[1]
    assert len(found) == 1
    np.testing.assert_allclose(found[0], expected, rtol=1e-14)


def test_an_assembled_one_has_no_tangent():
    from scipy import interpolate

    importlib.import_module("dualdiff.scipy.interpolate")
    with pytest.raises(TypeError, match=r"dualdiff\.scipy\.interpolate\.CubicSpline is no function of arrays"):
        RULES[interpolate.CubicSpline].tangent(None, {}, {})


def test_a_rule_is_found_by_scipys_function_without_importing_its_home_first():
    code = (
        "import sys, scipy.linalg, scipy.stats, dualdiff, dualdiff.table as table\n"
        "assert 'dualdiff.scipy.linalg' not in sys.modules\n"
        "assert table.find(scipy.linalg.expm).active == ('A',)\n"
        "assert 'dualdiff.scipy.linalg' in sys.modules and 'dualdiff.scipy.stats' not in sys.modules\n"
        "assert table.find(scipy.stats.norm).active == ('x', 'loc', 'scale')\n"
        "assert table.find(scipy.linalg.expm_cond) is None and table.find(len) is None\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_homes_are_not_asked_for_functions_of_other_packages():
    assert table.find(sorted) is None
