"""Programs in plain NumPy that write in place, alias, branch and loop: what real code does."""

import numpy as np


def writes_into_zeros_like(x):
    y = np.zeros_like(x)
    y[1:] += x[:-1] ** 2
    y[0] = x[-1] * x[0]
    return y


def writes_through_a_view(x):
    y = x * 2.0
    v = y[1:]
    v *= x[1:]
    v[0] = x[0] ** 3
    return y


def writes_through_a_view_of_a_view(x):
    y = np.sin(x)
    w = y[::-1][1:]
    w[:] = x[1:] * x[:-1]
    return y * x


def sees_a_write_through_the_base(x):
    y = x**2
    v = y[:2]
    y[1] = x[0] * x[2]
    return v * 3.0


def keeps_a_scalar_taken_before_the_write(x):
    y = x * x
    a = y[0]
    y[0] = 5.0
    return a * y


def keeps_a_copy_made_before_the_write(x):
    y = x * x
    z = y + 0.0
    w = y.copy()
    y[:] = 1.0
    return z * w + y


def writes_into_its_argument(x):
    x[0] = x[1] * x[2]
    x *= 2.0
    return x * x


def writes_into_a_view_of_its_argument(x):
    v = x[1:]
    v[0] = x[0] ** 2
    x[2] = v[0] * 3.0
    return v * x[:-1]


def overwrites_with_a_constant(x):
    y = x**3
    y[1] = 7.0
    return y


def shifts_within_itself(x):
    y = x**2
    y[1:] = y[:-1]
    y[:-1] += y[1:]
    return y


def masked_assignment(x):
    y = x.copy()
    y[x > 0.5] = 0.0
    y[x <= 0.5] *= 3.0
    return y


def integer_array_assignment(x):
    y = np.zeros((2, 3), like=x)
    y[[0, 1, 1], [2, 0, 2]] = x[:3]
    y[0, [0, 1]] = x[1:3] ** 2
    return y


def repeated_index_last_wins(x):
    y = np.zeros_like(x)
    y[[0, 1, 0]] = x[:3]
    return y


def reshaped_view(x):
    y = np.concatenate([x, x**2])
    m = y.reshape(2, -1)
    m[1] += m[0] * x
    m[:, 0] = x[0]
    return y


def transposed_view(x):
    m = np.outer(x, x)
    m.T[0] += x
    m[1:, 1] = np.sin(x[1:])
    return m


def fortran_order_buffer(x):
    m = np.asfortranarray(np.outer(x, x))
    r = m.ravel(order="F")
    r[1] = x[2]
    m.T.reshape(-1)[0] = x[1]
    return m


def diagonal_fill(x):
    m = np.outer(x, x)
    np.fill_diagonal(m, x * 3.0)
    return m


def ufunc_out(x):
    y = np.empty_like(x)
    np.multiply(x, x, out=y)
    np.add(y, x, out=y[...])
    np.exp(x, out=y, where=x > 0.5)
    return y


def ufunc_at(x):
    y = np.zeros_like(x)
    np.add.at(y, [0, 0, 1], x[:3])
    np.multiply.at(y, [0, 1, 0], x[:3])
    return y


def plain_name_rebound(x):
    total = np.zeros(x.shape)
    total += x
    total *= x
    return total


def accumulating_loop(x):
    s = 0.0
    for i in range(len(x)):
        s += x[i] ** 2 * (i + 1)
        if s > 1.0:
            s = s * 0.5
    return s


def euler_loop(x):
    y = np.empty((20, len(x)), like=x)
    y[0] = x
    for i in range(19):
        y[i + 1] = y[i] + 0.05 * np.sin(y[i]) * x[::-1]
    return y[-1]


def copyto_and_put(x):
    y = np.zeros_like(x)
    np.copyto(y, x**2, where=x > 0.4)
    np.put(y, [0, -1], x[1] * x[:2])
    return y


def sorts_in_place(x):
    y = x * np.array([1.0, -1.0] * (len(x) // 2) + [1.0] * (len(x) % 2))
    y.sort()
    return y


def fills_and_flat(x):
    y = np.outer(x, x)
    y[0].fill(x[1])
    y.flat[5] = x[0]
    y.flat[::7] *= 2.0
    return y


def broadcast_assignment(x):
    y = np.ones((3, len(x)), like=x)
    y *= x
    y[:, :2] = x[:2] ** 2
    y[1:] = y[0]
    return y


def swaps_rows(x):
    m = np.outer(x, x**2)
    m[[0, 1]] = m[[1, 0]]
    return m


def constant_mutated_after_use(x):
    c = np.ones(x.shape)
    y = c * x
    c[:] = 100.0
    return y * x


def value_overwritten_after_use(x):
    y = np.sin(x)
    z = y * x
    y[:] = 0.0
    w = np.exp(z)
    z *= 0.0
    return w + y


def overwritten_operand_of_a_matrix_product(x):
    m = np.outer(x, x)
    y = m @ x
    m[:] = 0.0
    return y


def writes_complex_parts(x):
    z = x + 1j * x**2
    z.imag[1:] = x[:-1] * 3.0
    z.real *= x
    z.imag = z.imag * 2.0
    return np.abs(z) ** 2


def alias_seen_after_a_write_to_the_other(x):
    y = x * 1.0
    a, b, c = y[:3], y[1:], y.reshape(2, -1)
    a[1] = x[0] ** 2
    b *= 2.0
    c[0] += a[:2]
    return a.sum() * b + c.ravel()[1:]


def argument_written_after_a_shift_of_it(x):
    y = x + 1.0
    x[0] = 5.0 * x[1]
    return y * x


def shift_of_the_argument_written(x):
    y = x + 1.0
    z = y + 1.0
    y[0] = x[1]
    x *= 2.0
    return x * y * z


def argument_written_through_its_transpose(x):
    row = x.T
    x[1] = x[0] ** 2
    row[0] *= x[2]
    return row * x


IN_PLACE = [value for value in list(globals().values()) if callable(value) and value.__module__ == __name__]
