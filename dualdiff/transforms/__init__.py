"""Transforms: from a function to its derivatives.

arguments.py    what enters and leaves: seeds, results; argnums.py: which arguments
evaluation.py   one evaluation: arguments in, a sweep, results out; all that a new operator needs
refusals.py     what a transform refuses before it runs anything; options.py: what a Jacobian is asked for
sharing.py      the same memory in two arguments
transformed.py  what a transform returns: a function with the name and text of the one it differentiates
forward.py      jvp, derivative, jacfwd; columns.py: Jacobians by columns; stopping.py: stop_gradient
recording.py    one recording of a function, and the gradient of it; rows.py: Jacobians by rows of it
reverse.py      grad, value_and_grad, elementwise_grad, jacrev
linearization.py  vjp, linearize: the recording kept
jacobian.py     by the mode that is cheaper: jacobian, hessian, hvp
sparse.py       sparsity, sparse_jacobian, value_and_sparse_jacobian, sparse_hessian
colouring.py    which columns travel together; plans.py: where each entry of a sparse derivative is found
sparse_derivative.py, detection.py: what sparse_jacobian returns, and how it finds its pattern
directions.py   a function along many directions at once; checks.py: whether a matrix agrees with it
operator.py     jacobian_operator; batch.py: batch_jacobian
workers.py      chunks in several processes, or by any engine with a map; their progress
custom_jvp.py, custom_vjp.py: rules of one's own; custom.py: what they have in common
linear.py       an opaque linear map, given with its transpose
variable.py     Variable: requires-grad style on top of the tape; graph.py: their record
weights.py      Variables that a function captures
curvature.py    hessian_diagonal, gauss_newton_product
uncertainty.py  propagate, standard_errors
vectors.py      ravel: nested parameters as one vector
compare.py      which mode is best for one function, measured; mode_report.py: what it says
hints.py        what other packages say of Duals that they cannot take, and the next step
"""
