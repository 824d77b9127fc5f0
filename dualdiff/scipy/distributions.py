"""How a distribution of `scipy.stats` is given derivatives, by its log-density alone.

    continuous(stats.gamma, lambda z, a: sc.xlogy(a - 1, z) - z - sc.gammaln(a))

is the log-density f(z, shapes) at loc = 0, scale = 1.  With z = (x − loc) / scale everything else follows:

    log p = f(z) − log scale          F' = p          (log F)' = exp(log p − log F)          (F⁻¹)' = 1 / p

where SciPy makes p, F and F⁻¹, in every tail as accurately as it can.  Derivatives of F in the shapes need more, a
formula for F; a distribution declared without one raises there.

Conventions: outside the support the density is constant (0, and −inf for its logarithm) and its derivative 0; the ends
belong to the support, with the one-sided derivative.  For parameters outside their domain value and derivative are nan.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from .. import errors
from ..rules.call import fused_tree
from ..values.dual import Dual
from ..values.levels import duals_in, innermost, value_of
from ..values.objects import carries, stripped
from .forms import composite, double, undefined_where


class ByMethods:
    """A distribution of SciPy's with its method names; called with parameters, it is frozen."""

    def __init__(self, plain: Any, name: str) -> None:
        self.plain, self.name = plain, name
        self.methods: dict[str, Callable[..., Any]] = {}

    def __call__(self, *args: Any, **kwargs: Any) -> Frozen:
        self.plain(*stripped(fused_tree(args)), **stripped(fused_tree(kwargs)))  # SciPy's own check
        return Frozen(self, args, kwargs)

    def __getattr__(self, name: str) -> Any:
        if name in self.__dict__.get("methods", {}):
            return self.methods[name]
        raise AttributeError(f"{self!r} has no {name!r}; it has {', '.join(self.methods)}.")

    def __dir__(self) -> list[str]:
        return [*super().__dir__(), *self.methods]

    def __repr__(self) -> str:
        return f"<dualdiff.scipy.stats.{self.name}>"

    def declare(self, method: str, formula: Callable[..., Any], active: str | None = None) -> None:
        """Give a method: SciPy's makes the value, the formula the tangent."""
        bound = getattr(self.plain, method)

        def plain(*args: Any, **kwargs: Any) -> Any:
            return bound(*args, **kwargs)

        def differentiated(*args: Any, **kwargs: Any) -> Any:
            with np.errstate(all="ignore"):  # SciPy's own call has warned
                return formula(*args, **kwargs)

        plain.__name__ = plain.__qualname__ = f"{self.name}.{method}"
        plain.__module__ = "scipy.stats"
        differentiated.__module__ = "dualdiff.scipy.stats"
        self.methods[method] = composite(plain, active)(differentiated)


class Distribution(ByMethods):
    """A distribution of one number, whose methods take its parameters in SciPy's order."""

    def __init__(self, plain: Any, first: str, parameters: dict[str, Any]) -> None:
        super().__init__(plain, plain.name)
        self.shapes = plain.shapes.replace(" ", "").split(",") if plain.shapes else []
        self.parameters = parameters
        self.active = " ".join((first, *self.shapes, *parameters))  # arguments of its methods with a derivative
        self.first = first

    def method(self, name: str, formula: Callable[..., Any], first: str = "") -> None:
        """Give a method: ``formula`` receives all arguments, the parameters in SciPy's order, in double precision."""
        names = (first or self.first, *self.shapes, *self.parameters)

        def of_all(*args: Any, **kwargs: Any) -> Any:
            given = self.parameters | dict(zip(names, args, strict=False)) | kwargs
            return formula(*(double(given[name]) for name in names))

        self.declare(name, of_all)

    def refused(self, method: str, argument: str) -> errors.UnsupportedFunction:
        return errors.no_derivative_in(self.methods[method], argument)


class Frozen:
    """A distribution with its parameters."""

    def __init__(self, distribution: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        self.dist, self.args, self.kwds = distribution, args, kwargs

    def __repr__(self) -> str:
        given = [*map(repr, self.args), *(f"{name}={value!r}" for name, value in self.kwds.items())]
        return f"{repr(self.dist).removesuffix('>')} of {', '.join(given) or 'no parameters'}>"

    def __getattr__(self, name: str) -> Any:
        method = getattr(self.dist, name)
        return lambda x: method(x, *self.args, **self.kwds)


class Continuous(Distribution):
    def __init__(
        self,
        plain: Any,
        logpdf: Callable[..., Any],
        pdf: Callable[..., Any] | None = None,
        cdf: Callable[..., Any] | None = None,
        logcdf: Callable[..., Any] | None = None,
        logsf: Callable[..., Any] | None = None,
    ) -> None:
        """``pdf`` is needed where the density is 0 or infinite at an end of the support, ``cdf`` in the shapes.

        ``logcdf`` and ``logsf`` spare the difference of two large logarithms in a far tail.
        """
        super().__init__(plain, "x", {"loc": 0.0, "scale": 1.0})
        self.density, self.log_density = pdf, logpdf
        self.formulas = {"cdf": cdf, "sf": cdf, "logcdf": logcdf, "logsf": logsf}
        self.method("logpdf", self._logpdf)
        self.method("pdf", self._pdf)
        for name in self.formulas:
            self.method(name, lambda x, *parameters, name=name: self._integral(name, x, *parameters))
        for name in ("ppf", "isf"):
            self.method(name, lambda q, *parameters, name=name: self._inverse(name, q, *parameters), first="q")

    def _standardized(self, x: Any, *parameters: Any, finite: bool = False) -> tuple[Any, ...]:
        """z, replaced by a harmless number outside the support; the shapes; where z is inside, undefined, at an end."""
        *shapes, loc, scale = parameters
        z = (x - loc) / scale
        plain, (lo, hi) = stripped(z), self.plain.support(*stripped(shapes))
        inside = (lo <= plain) & (plain <= hi)
        if finite:
            inside = inside & np.isfinite(plain)
        undefined = np.isnan(plain) | np.isnan(lo) | np.logical_not(stripped(scale) > 0)
        inside = inside | undefined  # not dropped, so that nan passes
        return np.where(inside, z, _middle(lo, hi)), shapes, inside, undefined, (plain == lo) | (plain == hi)

    def _logpdf(self, x: Any, *parameters: Any) -> Any:
        z, shapes, inside, undefined, _ = self._standardized(x, *parameters)
        result = self.log_density(z, *shapes) - np.log(parameters[-1])
        return undefined_where(np.where(inside, result, 0.0), undefined)

    def _pdf(self, x: Any, *parameters: Any) -> Any:
        z, shapes, inside, undefined, end = self._standardized(x, *parameters, finite=True)
        if self.density is None or not np.any(end):
            result = np.exp(self.log_density(z, *shapes))
        else:
            middle = _middle(*self.plain.support(*stripped(shapes)))
            away = np.exp(self.log_density(np.where(end, middle, z), *shapes))
            # Powers of the distance from an end have their derivative there; their logarithms have not.
            result = np.where(end, self.density(np.where(end, z, middle), *shapes), away)
        return undefined_where(np.where(inside, result / parameters[-1], 0.0), undefined)

    def _of_shapes(self, method: str, formula: Any, z: Any, shapes: Any, perturbation: Any) -> Any:
        """What changes because of the shapes alone, z being constant."""
        active = [i for i, shape in enumerate(shapes) if _carries(shape, perturbation)]
        if not active:
            return 0.0
        if formula is None:
            raise self.refused(method, self.shapes[active[0]])
        return formula(z, *shapes)

    def _integral(self, name: str, x: Any, *parameters: Any) -> Any:
        """F and 1 − F, and their logarithms: the slope in z is the density, or the density over the integral."""
        # Infinitely far out, F is constant.
        z, shapes, inside, undefined, end = self._standardized(x, *parameters, finite=True)
        perturbation = innermost(duals_in((z, *shapes)))
        if perturbation is None:
            return None
        z0, *shapes0 = (value_of(v, perturbation) for v in (z, *shapes))
        sign = -1.0 if name.endswith("sf") else 1.0
        formula = self.formulas[name]
        if name.startswith("log"):
            logarithm = getattr(self, name)(z0, *shapes0)
            vanished = np.isneginf(stripped(logarithm))
            if formula is not None and not np.any(vanished & end):  # a formula knows more where SciPy's value overflows
                result = formula(z, *shapes)
            else:
                slope = np.where(vanished, np.inf, np.exp(self.logpdf(z0, *shapes0) - logarithm))
                change = self._of_shapes(name, self.formulas["cdf"], z0, shapes, perturbation) * np.exp(-logarithm)
                result = sign * (slope * (z - z0) + change)
        else:
            change = self._of_shapes(name, formula, z0, shapes, perturbation)
            result = sign * (self.pdf(z0, *shapes0) * (z - z0) + change)
        return undefined_where(np.where(inside, result, 0.0), undefined)

    def _inverse(self, name: str, q: Any, *parameters: Any) -> Any:
        """F(z) = q  implies  p(z) ż + ∂F/∂shapes = q̇, with the sign of q̇ changed for 1 − F."""
        *shapes, loc, scale = parameters
        perturbation = innermost(duals_in((q, *shapes)))
        if perturbation is None:
            z = getattr(self, name)(q, *shapes)
        else:
            q0, *shapes0 = (value_of(v, perturbation) for v in (q, *shapes))
            z0 = getattr(self, name)(q0, *shapes0)
            change = self._of_shapes(name, self.formulas["cdf"], z0, shapes, perturbation)
            dq = (q - q0) * (1.0 if name == "ppf" else -1.0)
            z = moved(z0, (dq - change) * (1.0 / self.pdf(z0, *shapes0)), perturbation)
        return undefined_where(loc + scale * z, np.isnan(stripped(z)))


def _middle(lo: Any, hi: Any) -> Any:
    """A number inside of the support."""
    one_sided = np.where(np.isfinite(lo), lo + 1.0, np.where(np.isfinite(hi), hi - 1.0, 0.0))
    return np.where(np.isfinite(lo) & np.isfinite(hi), 0.5 * lo + 0.5 * hi, one_sided)


def moved(value: Any, change: Any, perturbation: Any) -> Any:
    """The value with the tangent of a change."""
    return Dual(value, perturbation.combine(((1.0, change.tangent),), value), perturbation)


def _carries(x: Any, perturbation: Any) -> bool:
    return type(x) is Dual and x.perturbation is perturbation


class Discrete(Distribution):
    """Probabilities of whole numbers k, with derivatives in the shapes; ``k`` and ``loc`` have none."""

    def __init__(
        self,
        plain: Any,
        logpmf: Callable[..., Any],
        pmf: Callable[..., Any],
        cdf: Callable[..., Any] | None = None,
        whole: tuple[str, ...] = (),
    ) -> None:
        """``pmf`` serves where the probability is 0, its logarithm −inf; ``whole`` are parameters that are counts."""
        super().__init__(plain, "k", {"loc": 0.0})
        self.whole = whole
        self.active = " ".join(shape for shape in self.shapes if shape not in whole)
        self.log_probability, self.probability, self.cumulative = logpmf, pmf, cdf
        for name in ("logpmf", "pmf", "cdf", "sf", "logcdf", "logsf"):
            self.method(name, lambda k, *parameters, name=name: self._formula(name, k, *parameters))
        for name in ("ppf", "isf"):
            self.methods[name] = lambda *args, name=name, **kwargs: getattr(self.plain, name)(
                *stripped(fused_tree(args)), **stripped(fused_tree(kwargs))
            )

    def _formula(self, name: str, k: Any, *parameters: Any) -> Any:
        *shapes, loc = parameters
        for argument, arg in zip((*self.whole, "k", "loc"), (*self._counts(shapes), k, loc), strict=True):
            if carries(arg):
                raise self.refused(name, argument)
        k = k - loc
        lo, hi = self.plain.support(*stripped(shapes))
        inside = (lo <= k) & (k <= hi)
        undefined = np.isnan(k) | np.isnan(lo)
        if name in ("logpmf", "pmf"):
            inside = (inside & (np.floor(k) == k)) | undefined
            result = self._probability(name, np.where(inside, k, lo), shapes)
        else:
            if self.cumulative is None:
                raise self.refused(name, next(s for s, v in zip(self.shapes, shapes, strict=True) if carries(v)))
            inside = (inside & (np.floor(k) < hi)) | undefined
            k = np.where(inside, np.floor(k), lo)
            result = self.cumulative(k, *shapes) * (-1.0 if name.endswith("sf") else 1.0)
            if name.startswith("log"):
                perturbation = innermost(duals_in(tuple(shapes)))
                assert perturbation is not None
                result = result * np.exp(-getattr(self, name)(k, *(value_of(s, perturbation) for s in shapes)))
        return undefined_where(np.where(inside, result, 0.0), undefined)

    def _counts(self, shapes: Any) -> list[Any]:
        return [shapes[self.shapes.index(name)] for name in self.whole]

    def _probability(self, name: str, k: Any, shapes: Any) -> Any:
        logarithm = self.log_probability(k, *shapes)
        if name == "logpmf":
            return logarithm
        vanished = np.isneginf(stripped(logarithm))
        if not np.any(vanished):
            return np.exp(logarithm)
        lo, _ = self.plain.support(*stripped(shapes))
        return np.where(vanished, self.probability(np.where(vanished, k, lo), *shapes), np.exp(logarithm))
