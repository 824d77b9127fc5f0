"""A pass about matrix products: a stack of one matrix is that matrix."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from .record import Instruction, Ref, Variable, refs
from .simplifying import Program

_PRODUCTS = ("__matmul__", np.matmul)


def stacks(program: Program) -> Program:
    """``(A @ B[None])[0]`` is ``A @ B``: the same product of the same matrices."""
    variables = program.variables
    uses = Counter(refs(program.outputs))
    stacked: dict[int, Ref] = {}  # ``B[None]``, and B
    products: dict[int, int] = {}  # by result, where it is made
    parts: list[tuple[int, Instruction]] = []  # ``C[0]`` of such a product
    for i, step in enumerate(program.steps):
        uses.update(step.reads)
        if step.how == "get" and type(step.out) is Ref and type(step.args[0]) is Ref:
            if _is_stack(variables[step.out.number], variables[step.args[0].number]):
                stacked[step.out.number] = step.args[0]
            elif step.args[0].number in products and step.args[1] == 0 and type(step.args[1]) is int:
                parts.append((i, step))
        elif _is_product(step) and any(type(item) is Ref and item.number in stacked for item in step.args):
            products[step.out.number] = i
    steps: list[Any] = list(program.steps)
    moved: dict[int, int] = {}  # by root, whose memory it is now
    for i, step in parts:
        whole, part = step.args[0].number, step.out.number
        product = steps[products[whole]]
        pair = [stacked.get(item.number, item) if type(item) is Ref else None for item in product.args]
        if uses[whole] != 1 or not all(_is_matrix(item, variables) for item in pair):
            continue
        matrix = variables[part]
        if matrix.root != whole or matrix.strides != np.empty(matrix.shape, matrix.dtype).strides:
            continue
        steps[products[whole]] = Instruction(
            product.how, product.what, tuple(pair), {}, Ref(part), (), product.line, product.errstate
        )
        steps[i] = None
        moved[whole] = part
    if not moved:
        return program
    for number, variable in enumerate(variables):
        if variable.root in moved and number not in moved:
            variables[number] = variable._replace(root=moved[variable.root])
    return program._replace(steps=[step for step in steps if step is not None])


def _is_stack(view: Variable, matrix: Variable) -> bool:
    same = (view.root, view.offset, view.strides[1:]) == (matrix.root, matrix.offset, matrix.strides)
    return same and len(view.shape) == 3 and view.shape == (1, *matrix.shape)


def _is_product(step: Instruction) -> bool:
    if step.how not in ("operator", "call") or step.kwargs or step.written or type(step.out) is not Ref:
        return False
    return type(step.what) is not tuple and step.what in _PRODUCTS


def _is_matrix(item: Any, variables: list[Variable]) -> bool:
    return type(item) is Ref and variables[item.number].kind == "array" and len(variables[item.number].shape) == 2
