"""What `help` shows of a public name: numpydoc's sections, checked by numpydoc; the signature of what is returned."""

import inspect

import numpy as np
import pytest

import dualdiff as dd

# Of numpydoc's checks (numpydoc.validation.ERROR_MSGS) these are not ours:
NOT_OURS = {
    "GL01",  # the text begins on the line of the quotes
    "ES01",  # a summary is enough where it says all
    "SA01",  # the guide relates the functions, not each to each
}
NOT_OURS_OF = {
    "Dual": {"PR01", "EX01"},  # made by the transforms, never by hand
    "register_pytree": {"PR02"},  # numpydoc takes `cls` for that of a class method
}
NAMES = sorted(name for name in dd.__all__ if not inspect.ismodule(getattr(dd, name)))
RAISED = {name for name in NAMES if isinstance(getattr(dd, name), type) and issubclass(getattr(dd, name), Exception)}
FUNCTIONS = sorted(set(NAMES) - RAISED - {"Dual"})


@pytest.mark.parametrize("name", NAMES)
def test_numpydoc_finds_no_fault(name):
    validation = pytest.importorskip("numpydoc.validate")
    ignored = NOT_OURS | NOT_OURS_OF.get(name, set()) | ({"EX01"} if name in RAISED else set())
    found = validation.validate(f"dualdiff.{name}")["errors"]

    assert [(code, text) for code, text in found if code not in ignored] == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_docstring_says_what_it_costs_and_shows_an_example(name):
    text = inspect.getdoc(getattr(dd, name))
    headings = [
        line for line, below in zip(text.splitlines(), text.splitlines()[1:], strict=False) if set(below) == {"-"}
    ]

    order = ["Parameters", "Attributes", "Returns", "Raises", "Warns", "Notes", "Examples"]
    assert headings == [heading for heading in order if heading in headings]
    assert "Notes" in headings and "Examples" in headings
    assert "Cost: " in text


def weighted(x: float, weight: float = 2.0, *, power: int = 2) -> float:
    """Any function with a signature of its own."""
    return weight * np.sum(x**power)


# fmt: off
TRANSFORMS = [
    dd.grad, dd.value_and_grad, dd.elementwise_grad, dd.jacobian, dd.jacfwd, dd.jacrev, dd.hessian, dd.derivative,
    dd.hessian_diagonal, dd.sparse_jacobian, dd.value_and_sparse_jacobian, dd.sparse_hessian, dd.sparsity,
    dd.batch_jacobian, dd.jacobian_operator, dd.adapt, dd.as_written, dd.custom_jvp, dd.custom_vjp,
]
# fmt: on


@pytest.mark.parametrize("transform", TRANSFORMS, ids=lambda transform: transform.__name__)
def test_what_a_transform_returns_has_signature_and_name_of_the_function(transform):
    made = transform(weighted)

    assert inspect.signature(made) == inspect.signature(weighted)
    assert made.__name__ == "weighted"
    assert "Any function with a signature of its own." in made.__doc__


@pytest.mark.parametrize(
    ("name", "other"),
    [("value_and_grad", "grad"), ("jacrev", "jacfwd"), ("value_and_sparse_jacobian", "sparse_jacobian")],
)
def test_parameters_that_are_written_once_are_shown_in_full(name, other):
    """Before Python 3.13 a text keeps its indentation, since then it has none."""
    section = lambda name: inspect.getdoc(getattr(dd, name)).partition("Parameters")[2].partition("Returns")[0]
    assert section(name) == section(other)
    assert "As of" not in getattr(dd, name).__doc__
