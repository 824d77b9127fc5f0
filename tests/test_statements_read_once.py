"""The functions of one table of lambdas are adapted together: the statement around them is compiled once."""

import math

import numpy as np
import pytest

import dualdiff as dd
from dualdiff.adapting import views
from tests.test_adapting import module_of

TABLE = """
import math
import numpy as np

FUNCTIONS = {
    "sine": lambda x: math.sin(x),
    "square": lambda x: np.float64(x) ** 2, "cube": lambda x: np.float64(x) ** 3,
    "sum": lambda x: sum([math.exp(x), x]),
}


class Model:
    def first(self, x):
        return math.sin(x)

    def second(self, x):
        inner = lambda y: math.cos(y) * x
        return inner(x)
"""


@pytest.fixture
def module(tmp_path, request):
    return module_of(tmp_path, request.node.name, TABLE)


def test_a_table_is_compiled_once_and_a_class_method_by_method(module, patched):
    calls = patched(views, "candidates", views.candidates)
    slopes = {name: dd.derivative(f)(0.5) for name, f in module.FUNCTIONS.items()}
    assert calls.count == 1
    assert slopes == pytest.approx({"sine": math.cos(0.5), "square": 1.0, "cube": 0.75, "sum": math.exp(0.5) + 1.0})

    model = module.Model()
    assert dd.derivative(model.first)(0.5) == pytest.approx(math.cos(0.5))
    assert dd.derivative(model.second)(0.5) == pytest.approx(math.cos(0.5) - 0.5 * math.sin(0.5))
    assert calls.count == 3  # of a class each method that is called


def test_a_name_that_means_something_else_by_then_is_looked_up_anew(module, patched):
    calls = patched(views, "candidates", views.candidates)
    assert dd.derivative(module.FUNCTIONS["sine"])(0.5) == pytest.approx(math.cos(0.5))

    module.sum = lambda numbers: 3.0 * numbers[1]
    module.np = np.lib.scimath  # a module without float64
    assert dd.derivative(module.FUNCTIONS["sum"])(0.5) == 3.0
    with pytest.raises(AttributeError, match="float64"):
        dd.derivative(module.FUNCTIONS["square"])(0.5)
    assert calls.count >= 2


def test_the_same_file_with_other_globals_has_its_own_meaning(tmp_path):
    first, second = (module_of(tmp_path, "shared_names", TABLE) for _ in range(2))
    second.math = type(math)("of_the_users")
    second.math.sin = lambda x: x * x
    assert dd.derivative(first.FUNCTIONS["sine"])(0.5) == pytest.approx(math.cos(0.5))
    assert dd.derivative(second.FUNCTIONS["sine"])(0.5) == 1.0
