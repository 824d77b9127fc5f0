"""What is wrong with the arguments of a transform is said at once, in its own name, with the next step."""

import functools

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import dualdiff as dd
from dualdiff.pytrees.trees import flatten
from dualdiff.tangents.dense import Dense
from dualdiff.transforms.argnums import selected
from dualdiff.transforms.evaluation import Arguments, tangent_block

X = np.array([0.3, 0.8])
V = np.array([1.0, -2.0])
MAKERS = [
    dd.derivative, dd.grad, dd.value_and_grad, dd.elementwise_grad, dd.jacobian, dd.jacfwd, dd.jacrev, dd.hessian,
]  # fmt: skip
each_maker = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


def cubes(x):
    return np.sum(x**3)


def product(a, b):
    return a * b**2


def raises(kind, call, *words):
    """The error of ``call``, whose text has all these words."""
    with pytest.raises(kind) as caught:
        call()
    for word in words:
        assert word in str(caught.value)


# argnums, when the transform is made.


@each_maker
def test_a_point_given_for_argnums_is_refused_when_the_transform_is_made(make):
    name = make.__name__

    raises(TypeError, lambda: make(cubes, X), f"{name}: argnums is an int", "array of shape (2,)", f"{name}(f)(x)")
    raises(TypeError, lambda: make(cubes, 2.0), f"{name}: argnums is an int or a tuple of ints, not 2.0")
    raises(TypeError, lambda: make(cubes, np.array(0)), f"{name}: argnums", "array of shape ()")
    raises(ValueError, lambda: make(cubes, 2), f"{name}: argnums=2, but cubes takes 1 positional argument;", "(f)(x)")


@each_maker
@pytest.mark.parametrize(
    ("argnums", "kind", "words"),
    [
        ((), ValueError, "argnums=() names no argument"),
        ([], ValueError, "argnums=[] names no argument"),
        ("0", TypeError, "not '0'"),
        (True, TypeError, "not True"),
        ((0, "b"), TypeError, "not (0, 'b')"),
        ((0, False), TypeError, "not (0, False)"),
        ({0}, TypeError, "not {0}"),
        (1.0, TypeError, "not 1.0"),
        ((0, 0), ValueError, "names an argument twice"),
        (2, ValueError, "takes 2 positional arguments"),
        (-3, ValueError, "takes 2 positional arguments"),
        ((0, 5), ValueError, "takes 2 positional arguments"),
    ],
)
def test_argnums_that_name_no_argument_are_refused_when_the_transform_is_made(make, argnums, kind, words):
    raises(kind, lambda: make(product, argnums), make.__name__ + ": argnums", words)


def test_argnums_of_functions_with_any_number_of_arguments_are_checked_when_they_are_called():
    total = lambda *args: functools.reduce(np.add, args)

    assert dd.grad(total, 2)(1.0, 2.0, 3.0) == 1.0
    raises(ValueError, lambda: dd.grad(total, 3)(1.0, 2.0), "argnums=3, but the function was called with 2 positional")
    raises(ValueError, lambda: dd.grad(product, (0, -2))(1.0, 2.0), "names an argument twice")
    raises(ValueError, lambda: dd.grad(product, 1)(2.0), "the function was called with 1 positional argument;")


def test_arguments_of_methods_partial_functions_and_callables_are_counted():
    class Model:
        def loss(self, a, b):
            return a * b

        def __call__(self, a):
            return a * a

    assert dd.grad(Model().loss, 1)(2.0, 3.0) == 2.0
    assert dd.grad(Model())(3.0) == 6.0
    assert dd.grad(functools.partial(product, 2.0), 0)(3.0) == 12.0
    raises(ValueError, lambda: dd.grad(Model().loss, 2), "argnums=2, but loss takes 2 positional arguments")
    raises(ValueError, lambda: dd.grad(Model(), 1), "argnums=1, but Model takes 1 positional argument;")
    raises(ValueError, lambda: dd.grad(dd.grad(product), 2), "argnums=2, but product takes 2 positional arguments")


@pytest.mark.parametrize("make", [dd.derivative, dd.grad, dd.elementwise_grad, dd.jacobian, dd.jacfwd, dd.jacrev])
def test_a_list_of_argnums_is_a_tuple_of_them(make):
    assert make(product, [0, 1])(3.0, 5.0) == make(product, (0, 1))(3.0, 5.0) == (25.0, 30.0)
    assert make(product, [1])(3.0, 5.0) == (30.0,)
    assert make(product, [np.int64(-1), 0])(3.0, 5.0) == (30.0, 25.0)
    assert make(product, np.int64(1))(3.0, 5.0) == 30.0


def test_a_list_of_argnums_is_a_tuple_of_them_for_values_with_gradients_and_hessians():
    assert dd.value_and_grad(product, [0, 1])(3.0, 5.0) == (75.0, (25.0, 30.0))
    assert_array_equal(dd.hessian(product, [0, 1])(3.0, 5.0), [[0.0, 10.0], [10.0, 6.0]])
    assert dd.compare_modes(product, X, X, argnums=[0, 1], seconds=0.001).n_inputs == 4
    w = dd.Variable(2.0)
    assert dd.grad(lambda a, b: a * b * w, [0, 1], weights=[w])(3.0, 5.0) == ((10.0, 6.0), [15.0])


# weights.


def test_weights_that_leave_nothing_to_differentiate_are_refused_when_the_transform_is_made():
    for make in (dd.grad, dd.value_and_grad):
        name = make.__name__
        for weights in ([], (), {}, [None]):
            raises(
                ValueError, lambda w=weights, m=make: m(cubes, None, weights=w), f"{name}: argnums=None and weights="
            )
        raises(TypeError, lambda m=make: m(cubes, None), f"{name}: argnums=None goes together with weights=")
        raises(TypeError, lambda m=make: m(cubes, weights=3.0), f"{name}: weights is a float; it is a Variable")
        raises(TypeError, lambda m=make: m(cubes, weights=[X]), f"{name}: weights[0] is a ndarray; weights are")
        raises(ValueError, lambda m=make: m(cubes, (), weights=[dd.Variable(1.0)]), f"{name}: argnums=()", "weights=")


@pytest.mark.parametrize("make", [m for m in MAKERS if m not in (dd.grad, dd.value_and_grad)], ids=lambda m: m.__name__)
def test_without_weights_argnums_is_not_none(make):
    raises(TypeError, lambda: make(cubes, None), f"{make.__name__}: argnums is an int or a tuple of ints, not None")


# Points and directions.


def test_lone_arrays_are_refused_by_jvp_which_says_what_to_write():
    for call in (lambda: dd.jvp(cubes, X, V), lambda: dd.jvp(cubes, X, (V,))):
        raises(TypeError, call, "jvp: primals is an array of shape (2,)", "jvp(f, (x,), (v,))")
    raises(TypeError, lambda: dd.jvp(cubes, (X,), V), "jvp: tangents is an array of shape (2,)", "jvp(f, (x,), (v,))")
    raises(TypeError, lambda: dd.jvp(cubes, 1.0, 1.0), "jvp: primals is a float")


def test_a_transform_at_no_point_is_refused():
    raises(TypeError, lambda: dd.jvp(cubes, (), ()), "jvp: there are no primals")
    raises(TypeError, lambda: dd.vjp(cubes), "vjp: there are no primals", "vjp(f, x)")
    raises(TypeError, lambda: dd.linearize(cubes), "linearize: there are no primals", "linearize(f, x)")
    raises(TypeError, lambda: dd.hvp(cubes, (), ()), "hvp: there are no primals")
    raises(
        ValueError, lambda: dd.compare_modes(cubes), "compare_modes: argnums=0", "called with 0 positional arguments"
    )


def test_a_variable_is_no_tangent_of_a_plain_array():
    w = dd.Variable(V)
    for x, v in ((X, w), ({"a": X}, {"a": w}), (X, w * 2), (X, np.array([w[0], 1.0], dtype=object))):
        call = lambda x=x, v=v: dd.jvp(lambda x: 1.0, (x,), (v,))
        raises(TypeError, call, "jvp: tangents[0]", "is a Variable, primals[0]", ".value")
    raises(TypeError, lambda: dd.hvp(cubes, X, w), "hvp: tangents[0] is a Variable, primals[0] is none")
    assert_allclose(dd.jvp(cubes, (X,), (w.value,))[1], np.sum(3 * X**2 * V), rtol=1e-15)


def test_a_variable_is_the_tangent_of_a_variable():
    x, v = dd.Variable(X), dd.Variable(V)
    dd.jvp(cubes, (x,), (v,))[1].backward()  # Σ 3 x² v

    assert_allclose(x.grad, 6 * X * V, rtol=1e-15)
    assert_allclose(v.grad, 3 * X**2, rtol=1e-15)


def test_a_weight_that_a_transform_stands_in_for_is_a_tangent():
    w = dd.Variable(V)
    slope = dd.grad(lambda: dd.jvp(cubes, (X,), (w,))[1], None, weights=[w])()

    assert_allclose(slope[0], 3 * X**2, rtol=1e-15)


def test_hessian_vector_product_of_lone_arrays():
    expected = 6 * X * V
    tree = lambda p: np.sum(p["a"] ** 3)

    assert_allclose(dd.hvp(cubes, X, V), expected, rtol=1e-15)
    assert_allclose(dd.hvp(cubes, (X,), (V,)), expected, rtol=1e-15)
    assert_allclose(dd.hvp(cubes, [X], [V]), expected, rtol=1e-15)
    assert_allclose(dd.hvp(tree, {"a": X}, {"a": V})["a"], expected, rtol=1e-15)
    assert dd.hvp(lambda x: x**3, 2.0, 1.0) == 12.0
    assert dd.hvp(product, (3.0, 5.0), (1.0, 2.0)) == 20.0  # d(b²) = 2 b ḃ
    w = dd.Variable(X)
    dd.hvp(lambda x: np.sum(x**3 * w), X, V)[0].backward()
    assert_allclose(w.grad, [6 * X[0] * V[0], 0.0], rtol=1e-15)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: dd.hvp(3, X, V), "the first argument is a function, not 3; call it as hvp(f, x, v)."),
        (lambda: dd.hvp(cubes, X, (V,)), "primals is an array of shape (2,); it is a tuple"),
        (lambda: dd.hvp(cubes, (X,), V), "tangents is an array of shape (2,); it is a tuple"),
        (lambda: dd.hvp(cubes, (X,), (V, V)), "1 primals and 2 tangents"),
        (lambda: dd.hvp(cubes, X, V[:1]), "tangents[0] has shape (1,), primals[0] has shape (2,)"),
        (lambda: dd.hvp(cubes, X, 1j * V), "tangents[0] has dtype complex128"),
        (lambda: dd.hvp(cubes, {"a": X}, X), "tangents[0] has the structure"),
        (lambda: dd.hvp(cubes, "text", V), "primals[0] is a str"),
        (lambda: dd.hvp(lambda x: x, X, V), "the function returned an array of shape (2,); hvp needs a scalar."),
        (lambda: dd.hvp(lambda x: x[0] > 0, X, V), "the function returned a truth value"),
        (lambda: dd.hvp(lambda x: x[0] * 1j, X, V), "the function returned a complex number; hvp needs a real scalar"),
        (lambda: dd.hvp(lambda x: "text", X, V), "the function returned a str"),
    ],
)
def test_errors_of_hvp_say_hvp(call, words):
    raises((TypeError, ValueError), call, "hvp: " + words)


@pytest.mark.parametrize("make", [dd.hessian, dd.jacobian], ids=["hessian", "jacobian"])
@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (cubes, "text", "argument 0 is a str"),
        (cubes, None, "argument 0 is None"),
        (cubes, 1j * X, "argument 0 is complex"),
        (lambda x: "text", X, "the function returned a str"),
        (lambda x: {"a": None, "b": object()}, X, "the function returned a object as result['b']"),
    ],
)
def test_errors_of_hessian_and_jacobian_say_so(make, f, x, words):
    raises(TypeError, lambda: make(f)(x), f"{make.__name__}: {words}")


def test_errors_of_either_mode_of_jacobian_say_jacobian():
    for mode in ("fwd", "rev"):
        raises(TypeError, lambda m=mode: dd.jacobian(lambda x: "text", mode=m)(X), "jacobian: the function returned")
        raises(
            TypeError, lambda m=mode: dd.jacobian(cubes, mode=m)(1j * X), "jacobian: ", "jacobian(f, holomorphic=True)"
        )
        raises(TypeError, lambda m=mode: dd.jacobian(cubes, mode=m, has_aux=True)(X), "jacobian: with has_aux=True")
        raises(TypeError, lambda m=mode: dd.jacobian(cubes, mode=m, holomorphic=True)(X), "jacobian: holomorphic=True")


def test_the_hessian_of_a_complex_argument_says_how_it_is_taken():
    z = X * (1 + 1j)

    raises(TypeError, lambda: dd.hessian(cubes)(z), "use jacfwd(jacrev(f, holomorphic=True), holomorphic=True)")
    found = dd.jacfwd(dd.jacrev(cubes, holomorphic=True), holomorphic=True)(z)
    assert_allclose(found, np.diag(6 * z), rtol=1e-15)


@pytest.mark.parametrize(
    ("f", "x", "words"),
    [
        (cubes, "text", "argument 0 is a str"),
        (cubes, X, "argument 0 has shape (2,)"),
        (cubes, 1j, "argument 0 is complex"),
        (lambda x: "text", 1.0, "the function returned a str"),
        (lambda x: [x, object()], 1.0, "the function returned a object as result[1]"),
    ],
)
def test_errors_of_derivative_say_derivative(f, x, words):
    raises((TypeError, ValueError), lambda: dd.derivative(f)(x), f"derivative: {words}")


def test_errors_of_value_and_grad_say_value_and_grad():
    raises(TypeError, lambda: dd.value_and_grad(lambda x: x)(X), "value_and_grad: the function returned an array")
    raises(TypeError, lambda: dd.value_and_grad(cubes)("text"), "value_and_grad: argument 0 is a str")
    raises(TypeError, lambda: dd.value_and_grad(3), "value_and_grad: the first argument is a function, not 3")


CALLS = {
    dd.jvp: "jvp(f, (x,), (v,))",
    dd.vjp: "vjp(f, x)",
    dd.linearize: "linearize(f, x)",
    dd.hvp: "hvp(f, x, v)",
    dd.check_grads: "check_grads(f, (x,))",
    dd.compare_modes: "compare_modes(f, x)",
    dd.custom_jvp: "custom_jvp(f)",
    dd.custom_vjp: "custom_vjp(f)",
    **{make: f"{make.__name__}(f)(x)" for make in MAKERS},
}


@pytest.mark.parametrize("transform", CALLS, ids=lambda transform: transform.__name__)
def test_what_is_no_function_is_refused_with_the_call_to_write(transform):
    name = transform.__name__
    others = {dd.jvp: ((X,), (V,)), dd.hvp: (X, V), dd.check_grads: ((X,),)}.get(transform, ())

    raises(
        TypeError, lambda: transform(3, *others), f"{name}: the first argument is a function, not 3", CALLS[transform]
    )


# check_grads.


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"modes": "fwd"}, "modes is a sequence of 'fwd' and 'rev', not 'fwd'"),
        ({"modes": ()}, "modes is a sequence of 'fwd' and 'rev', not ()"),
        ({"modes": ("fwd", "back")}, "modes is a sequence of"),
        ({"modes": 3}, "modes is a sequence of"),
        ({"modes": None}, "modes is a sequence of"),
        ({"order": 0}, "order is a whole number of at least 1, not 0"),
        ({"order": -1}, "order is a whole number of at least 1"),
        ({"order": 1.5}, "order is a whole number of at least 1"),
        ({"order": True}, "order is a whole number of at least 1"),
        ({"order": "2"}, "order is a whole number of at least 1"),
        ({"rtol": "1e-6"}, "rtol is a number, 0 or positive, not '1e-6'"),
        ({"rtol": -1.0}, "rtol is a number"),
        ({"rtol": np.nan}, "rtol is a number"),
        ({"atol": None}, "atol is a number"),
        ({"atol": X}, "atol is a number"),
        ({"atol": np.inf}, "atol is a number"),
        ({"step": 0}, "step is a positive number, not 0"),
        ({"step": -1e-2}, "step is a positive number"),
        ({"step": 1j}, "step is a positive number"),
        ({"seed": -1}, "seed is a whole number of at least 0"),
        ({"seed": None}, "seed is a whole number of at least 0"),
    ],
)
def test_options_that_check_grads_cannot_use_are_refused(options, words):
    raises(ValueError, lambda: dd.check_grads(cubes, (X,), **options), "check_grads: " + words)


@pytest.mark.parametrize(
    ("f", "args", "kind", "words"),
    [
        (cubes, X, TypeError, "args is an array of shape (2,); it is a tuple"),
        (cubes, 1.0, TypeError, "args is a float; it is a tuple"),
        (cubes, "text", TypeError, "args is a str; it is a tuple"),
        (cubes, {"x": X}, TypeError, "args is a dict; it is a tuple"),
        (cubes, (), TypeError, "args is (), which holds no number"),
        (lambda x: 1.0, (None,), TypeError, "args is (None,), which holds no number"),
        (cubes, ("text",), TypeError, "args[0] is a str ('text')"),
        (product, (1.0, "text"), TypeError, "args[1] is a str ('text')"),
        (cubes, ({"a": [np.array(["s"])]},), TypeError, "args[0]['a'][0] is an array of dtype <U1"),
        (cubes, (np.array([True, False]),), TypeError, "args[0] is an array of dtype bool"),
        (cubes, (np.zeros(0),), ValueError, "args has no entries"),
        (lambda x: x[:0], (X,), ValueError, "the result has no entries"),
        (lambda x: "text", (X,), TypeError, "the function returned a str"),
        (lambda x: None, (X,), TypeError, "the function returned None"),
    ],
)
def test_arguments_and_results_that_check_grads_cannot_compare_are_refused(f, args, kind, words):
    raises(kind, lambda: dd.check_grads(f, args), "check_grads: " + words)


def test_check_grads_takes_integers_variables_and_steps():
    dd.check_grads(cubes, (np.array([1, 2]),))
    dd.check_grads(cubes, (dd.Variable(X),), order=2)
    dd.check_grads(lambda x: x > 0.5, (X,))
    dd.check_grads(lambda x: np.array([7, 3], dtype=np.uint8), (X,))
    half = dd.custom_jvp(np.sin)
    half.defjvp(lambda primals, tangents: (np.sin(primals[0]), 0.5 * tangents[0]))
    with pytest.raises(AssertionError, match="forward mode against differences"):
        dd.check_grads(half, (dd.Variable(X),))


def test_check_grads_leaves_its_arguments_as_they_are():
    x = X.copy()

    def writes(x):
        x[0] = 5.0 * x[1]
        return x * x

    dd.check_grads(writes, (x,))
    assert_array_equal(x, X)


# An operator of one's own.


def columns_of_jacobian(f, columns, argnums=0):
    """The columns of the Jacobian of a function with these numbers, counted through all arguments in order."""

    def columns_of_f(*args, **kwargs):
        given = Arguments(f, args, kwargs, selected(argnums, len(args), "columns_of_jacobian"), "columns_of_jacobian")
        p = Dense(len(columns))
        seeds = np.eye(given.size)[columns]
        parts = given.along_last_axis(seeds, tuple(given.positions))
        blocks = [leaf for tree in parts for leaf in flatten(tree)[0]]
        results = given.evaluated(p, map(p.seed, blocks))
        tangents = [np.moveaxis(tangent_block(leaf, p), 0, -1) for leaf in results.leaves]
        return results.structure.build(iter(tangents))

    return columns_of_f


def test_an_operator_with_a_sweep_of_its_own_is_a_few_lines():
    """Its arguments are trees, it adapts its function, and its errors say its name."""

    def f(a, weights, power=2):
        y = np.zeros(2)
        y[:] = a**power * weights["w"] + weights["b"]
        return {"y": y, "sum": np.sum(y)}

    weights = {"w": 2.0 * X, "b": 1.0}
    whole = dd.jacfwd(f, (0, 1))(X, weights, power=3)
    expected = np.column_stack([whole["y"][0], whole["y"][1]["b"], whole["y"][1]["w"]])
    found = columns_of_jacobian(f, [0, 2, 4], (0, 1))(X, weights, power=3)

    assert_allclose(found["y"], expected[:, [0, 2, 4]])
    assert_allclose(found["sum"], expected.sum(axis=0)[[0, 2, 4]])
    raises(TypeError, lambda: columns_of_jacobian(cubes, [0])("text"), "columns_of_jacobian: argument 0", "'text'")
    raises(TypeError, lambda: columns_of_jacobian(lambda x: "text", [0])(X), "columns_of_jacobian: the function")
    with pytest.warns(dd.IndependentResult, match="columns_of_jacobian"):
        columns_of_jacobian(lambda x: 1.0, [0])(X)


# Rules of one's own.


@pytest.mark.parametrize("rule", [dd.custom_jvp, dd.custom_vjp], ids=lambda rule: rule.__name__)
def test_nondiff_argnums_are_checked_when_a_function_is_declared(rule):
    name = rule.__name__

    assert rule(product, 1).nondiff_argnums == rule(product, [1]).nondiff_argnums == (1,)
    for wrong in (1.5, "1", (0, None), True):
        raises(TypeError, lambda w=wrong: rule(product, w), f"{name}: nondiff_argnums is an int or a tuple of ints")
    for wrong in (-1, (0, 0)):
        raises(ValueError, lambda w=wrong: rule(product, w), f"{name}: nondiff_argnums=", "0 or positive")


def test_a_number_for_the_tangent_of_an_array():
    with pytest.raises(ValueError, match=r"tangents\[0\] has shape \(\), primals\[0\] has shape \(2,\)"):
        dd.jvp(np.sin, (X,), (1.0,))
    with pytest.raises(ValueError, match=r"cotangent has shape \(\), the result has shape \(2,\)"):
        dd.vjp(np.sin, X)[1](np.float64(1.0))
