"""`scipy.linalg`: Sylvester's and Lyapunov's equations."""

from __future__ import annotations

from typing import Any

import numpy as np
import scipy.linalg

from ..rules.contractions import conj, operand
from ..rules.matrices import H, broadcast_to_batch, mT
from ..tangents import Like
from ..tangents.expression import Tangent
from .forms import composite, tangent_rule

# Matrix equations.


def _plain_sylvester(a: Any, b: Any, q: Any) -> Any:
    """A X + X B = Q for every matrix of a batch; of what Q has in front, A and B are the same."""
    dtype = np.result_type(a, b, q)
    # LAPACK has four types of numbers.
    dtype = np.dtype(dtype.char if dtype.char in "fdFD" else complex if dtype.kind == "c" else float)
    few = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    batch = np.broadcast_shapes(few, q.shape[:-2])
    few = batch[len(batch) - len(few) :]
    a, b, q = (
        np.broadcast_to(m, (*shape, *m.shape[-2:])).astype(dtype) for m, shape in ((a, few), (b, few), (q, batch))
    )
    x = np.zeros(q.shape, dtype)
    if not q.size:
        return x
    (trsyl,) = scipy.linalg.get_lapack_funcs(("trsyl",), (q,))
    for index in np.ndindex(few):
        if not all(np.all(np.isfinite(m)) for m in (a[index], b[index])):
            x[(..., *index, slice(None), slice(None))] = np.nan
            continue
        kind = "complex" if dtype.kind == "c" else "real"
        (r, u), (s, v) = (scipy.linalg.schur(m, output=kind) for m in (a[index], b[index].conj().T))
        for front in np.ndindex(batch[: len(batch) - len(few)]):
            y, scale, info = trsyl(r, s, u.conj().T @ q[front + index] @ v, tranb="C")
            if info:
                raise np.linalg.LinAlgError(
                    "A X + X B = Q has no unique solution (A and −B share an eigenvalue), so there is no derivative."
                )
            x[front + index] = u @ (scale * y) @ v.conj().T
    return x


@tangent_rule(_plain_sylvester)
def sylvester(y: Any, a: Any, b: Any, q: Any, *, da: Tangent, db: Tangent, dq: Tangent) -> Tangent:
    """A Ẋ + Ẋ B = Q̇ − Ȧ X − X Ḃ"""
    rhs = broadcast_to_batch(dq - da @ y - y @ db, y.shape)
    return solved_sylvester(a, b, rhs, y.dtype)


def solved_sylvester(a: Any, b: Any, rhs: Tangent, dtype: Any) -> Tangent:
    if not rhs:
        return rhs
    like = Like(rhs.shape, np.result_type(dtype, rhs.like.dtype))
    return rhs.map(lambda block: sylvester(a, b, block), lambda block: sylvester(mT(a), mT(b), block), like)


@composite(scipy.linalg.solve_sylvester)
def solve_sylvester(a: Any, b: Any, q: Any) -> Any:
    return sylvester(operand(a), operand(b), operand(q))


@composite(scipy.linalg.solve_continuous_lyapunov)
def solve_continuous_lyapunov(a: Any, q: Any) -> Any:
    """A X + X Aᴴ = Q"""
    a, q = np.atleast_2d(operand(a)), np.atleast_2d(operand(q))
    return sylvester(a, H(a), q)


solve_lyapunov = solve_continuous_lyapunov


@composite(scipy.linalg.solve_discrete_lyapunov, active="a q")
def solve_discrete_lyapunov(a: Any, q: Any, method: Any = None) -> Any:
    """A X Aᴴ − X + Q = 0: the equations of all entries of X; of large matrices, as Bᴴ X + X B = −C."""
    a, q = operand(a), operand(q)
    n = a.shape[-1]
    eye = np.eye(n)
    if n < 10:
        product = a[..., :, None, :, None] * conj(a)[..., None, :, None, :]
        entries = np.eye(n * n) - np.reshape(product, (*a.shape[:-2], n * n, n * n))
        x = np.linalg.solve(entries, np.reshape(q, (*q.shape[:-2], n * n, 1)))
        return np.reshape(x, (*x.shape[:-2], n, n))
    inverse = np.linalg.inv(H(a) + eye)
    b = (H(a) - eye) @ inverse
    return sylvester(H(b), b, -2.0 * (H(inverse) @ q @ inverse))
