"""The `Law` class: a formula with its variables, parameters and derivatives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from scalinglaws.core.algebra import substitute
from scalinglaws.core.autodiff import Derivatives
from scalinglaws.core.expression import Expression, Name, evaluate, names_in
from scalinglaws.core.formula import Formula, parse
from scalinglaws.core.groups import IndexedNames
from scalinglaws.core.inversion import Inversion, find_inversion
from scalinglaws.core.parameters import Parameter, roles
from scalinglaws.core.structure import LogAffineTerm, Separation, log_affine_terms, separate
from scalinglaws.core.typeset import law_card, law_to_latex, typeset
from scalinglaws.display import Card, Displayed, Typeset
from scalinglaws.errors import FormulaError
from scalinglaws.numerals import abridged, cut
from scalinglaws.options import is_number

if TYPE_CHECKING:
    import pandas as pd

    Columns = Mapping[str, Any] | pd.DataFrame

# Names that are variables without being told: parameters, training tokens, training FLOPs.
STANDARD_VARIABLES = ("N", "D", "C")
_LABEL = 200  # characters of a formula that stands for a law


@dataclass(frozen=True, eq=True, repr=False)
class Law(Displayed, IndexedNames):
    """A scaling law as one line of maths.

    Parameters
    ----------
    formula : str
        For instance ``"loss ~ E + A/N**alpha + B/D**beta"``. Formulas may use names, numbers,
        ``+ - * / **``, parentheses, the functions exp, log, log2, log10, log1p, expm1, sqrt, abs,
        min, max, tanh, sigmoid, sin, cos, arctan, and

        * ``smoothmax(u, v, ..., q)`` = (u^(1/q) + v^(1/q) + ...)^q, the sum at q = 1 and the
          maximum as q goes to 0; with 1 as a term, a break,
        * ``saturate(x, knee, room)``: x up to the knee, then exponentially towards
          knee * (1 + room),
        * ``share(z, strength)``: the t between 0 and 1 with t / (1 - t)^strength = z,
        * ``boxcox(x, curvature)`` = (x^curvature - 1)/curvature, the logarithm at 0.

        ``target ~`` is optional. A named part can be defined after ``where``:
        ``"a*x**b where x = N + n_0"``. A parameter with an index, as in ``E[data]``, has one value
        for each value of that column.
    variables : sequence of str, optional
        Names that are columns of a table; all others are parameters. By default N, D and C.
    name : str, optional
        A short name, as in the catalogue.
    bounds : mapping of str to (low, high), optional
        Ranges that replace the defaults. By default, coefficients and offsets of a sum of powers
        are positive, and exponents of decaying terms are non-negative. The name of an indexed
        parameter means all its values; single ones have names such as ``E[c4]``.
    levels : mapping of str to sequence of str, optional
        Values of each index column; `scalinglaws.fit` takes them from the table.
    limits : (low, high), optional
        Possible range of the performance, such as (0, 1) for an accuracy. Runs outside raise an
        error, and intervals of predictions are truncated to it.
    description, reference : str, optional
        One sentence about the law, and its source.

    Raises
    ------
    FormulaError
        If the formula cannot be parsed.

    Examples
    --------
    >>> law = Law("loss ~ E + A/N**alpha")
    >>> law.variables, law.parameter_names
    (('N',), ('E', 'A', 'alpha'))
    >>> float(law.value({"E": 2.0, "A": 100.0, "alpha": 0.5}, N=1e4))
    3.0
    >>> law = Law("loss ~ E[data] + A/N**alpha", levels={"data": ["c4", "dclm"]})
    >>> law.parameter_names
    ('E[c4]', 'E[dclm]', 'A', 'alpha')
    """

    formula: str
    variables: tuple[str, ...] = ()
    name: str | None = None
    bounds: Mapping[str, tuple[float, float]] = field(default_factory=dict, hash=False)
    levels: Mapping[str, tuple[str, ...]] = field(default_factory=dict, hash=False)
    limits: tuple[float, float] | None = None
    description: str = ""
    reference: str = ""

    def __init__(
        self,
        formula: str,
        *,
        variables: Sequence[str] | None = None,
        name: str | None = None,
        bounds: Mapping[str, tuple[float, float]] | None = None,
        levels: Mapping[str, Sequence[str]] | None = None,
        limits: tuple[float, float] | None = None,
        description: str = "",
        reference: str = "",
    ) -> None:
        parsed = parse(formula)
        wanted = STANDARD_VARIABLES if variables is None else tuple(variables)
        found, shown = names_in(parsed.expression), abridged(formula, _LABEL)
        for variable in variables or ():
            if variable not in found:
                raise FormulaError(f"The variable {variable!r} does not occur in the law {shown}.")
        # the fields of a frozen dataclass can be set in no other way
        self.__dict__.update(
            formula=formula, variables=tuple(n for n in found if n in wanted), name=name,
            bounds=dict(bounds or {}), levels={k: tuple(v) for k, v in (levels or {}).items()},
            limits=tuple(limits) if isinstance(limits, list) else limits,
            description=description, reference=reference, parsed=parsed,
        )  # fmt: skip
        self._check(shown)

    def _check(self, shown: str) -> None:
        """Refuse arguments that contradict the formula."""
        if not self.parameter_names:
            raise FormulaError(
                f"The law {shown} has no parameters: every name in it is a variable."
            )
        for symbol, column in self.groups.items():
            for variable, what in ((symbol, "have an index"), (column, "be an index")):
                if variable in self.variables:
                    raise FormulaError(
                        f"{variable!r} is a variable of the law {shown} and cannot {what}."
                    )
        for parameter, pair in self.bounds.items():
            if parameter not in (*self.parameter_names, *self.symbols):
                raise FormulaError(
                    f"`bounds` names {parameter!r}, which is no parameter of the law; "
                    f"the parameters are {', '.join(self.parameter_names)}."
                )
            if not _is_range(pair):
                raise FormulaError(
                    f"`bounds` of {parameter!r} must be (low, high) with low < high; got {pair}."
                )
        if self.limits is not None and not _is_range(self.limits):
            raise FormulaError(f"`limits` must be (low, high) with low < high; got {self.limits}.")

    @cached_property
    def parsed(self) -> Formula:
        """The expression tree and the target."""
        return parse(self.formula)

    @property
    def target(self) -> str | None:
        """The performance column named left of ``~``, if any."""
        return self.parsed.target

    @property
    def groups(self) -> Mapping[str, str]:
        """The column that indexes each parameter that has an index."""
        return self.parsed.groups

    @cached_property
    def symbols(self) -> tuple[str, ...]:
        """Names of the parameters in the formula, without an index."""
        return tuple(n for n in names_in(self.parsed.expression) if n not in self.variables)

    @cached_property
    def separation(self) -> Separation:
        """Parameters in which the law is linear for given values of the others."""
        return separate(self.parsed.expression, self.symbols)

    @cached_property
    def products(self) -> tuple[LogAffineTerm, ...] | None:
        """The terms of a sum of positive products; None for any other law."""
        return log_affine_terms(self.parsed.expression, self.symbols)

    @cached_property
    def inversion(self) -> Inversion | None:
        """The part of the law that is linear once what stands around it is taken off, if any."""
        return find_inversion(self.parsed.expression, self.symbols)

    @cached_property
    def parameters(self) -> tuple[Parameter, ...]:
        """Role and range of each parameter."""
        found_roles = roles(self.parsed.expression, self.symbols)
        found = []
        for symbol, names in self.members.items():
            role, linear = found_roles[symbol], symbol not in self.separation.searched
            every = self.bounds.get(symbol, (role.lower, role.upper))
            for name in names:
                low, high = self.bounds.get(name, every)
                positive = role.kind != "exponent" and low >= 0 and (role.positive or low > 0)
                found.append(Parameter(name, symbol, role.kind, linear, positive, low, high))
        return tuple(found)

    @property
    def label(self) -> str:
        """The short name, or else the formula, abridged if it is long."""
        return self.name or cut(self.formula, _LABEL)

    @property
    def latex(self) -> str:
        """The law typeset, without dollar signs."""
        return law_to_latex(self)

    @property
    def indexed(self) -> Expression:
        """The formula as it was written, with the columns that are an index."""
        indexed = {symbol: Name(f"{symbol}[{column}]") for symbol, column in self.groups.items()}
        return substitute(self.parsed.written, indexed)

    @property
    def shown(self) -> Typeset:
        """The law as it is typed, and as HTML that needs no script."""
        return typeset(self)

    def _card(self) -> Card:
        return law_card(self)

    def _repr_latex_(self) -> str:
        return f"${self.latex}$"

    def with_bounds(self, bounds: Mapping[str, tuple[float, float]]) -> Law:
        """The same law with some ranges replaced."""
        return self.replaced(bounds={**self.bounds, **bounds})

    def with_levels(self, levels: Mapping[str, Sequence[str]]) -> Law:
        """The same law, with the values of the columns that are an index."""
        return self.replaced(levels=levels) if self.groups else self

    def replaced(self, **changes: Any) -> Law:
        """The same law with some of its arguments replaced."""
        return Law(**{**self._arguments(), **changes})

    def _arguments(self) -> dict[str, Any]:
        return {field.name: getattr(self, field.name) for field in fields(self)}

    # --- evaluation ----------------------------------------------------------------------

    def value(
        self, params: Mapping[str, Any], data: Columns | None = None, /, **variables: Any
    ) -> npt.NDArray[Any]:
        """Evaluate the law.

        Parameters
        ----------
        params : mapping of str to float
            A number for each parameter.
        data : DataFrame or mapping, optional
            Columns for the variables.
        **variables : float or array
            Variables as keywords.

        Returns
        -------
        ndarray
            In the broadcast shape of the variables.

        Raises
        ------
        ValueError
            If a parameter or a variable is missing.
        """
        names = self._names(params, data, variables)
        return np.asarray(evaluate(self.parsed.expression, names))

    def gradient(
        self, params: Mapping[str, Any], data: Columns | None = None, /, **variables: Any
    ) -> npt.NDArray[Any]:
        """Exact first derivatives in the parameters.

        Parameters
        ----------
        params, data, **variables
            As in `value`.

        Returns
        -------
        ndarray, shape (..., n_parameters)
            In the broadcast shape of the variables, and the order of ``parameter_names``.
        """
        names = self._names(params, data, variables)
        own = Derivatives(self.parsed.expression, names, self.symbols).gradient
        return self.scattered(own, 1, self._columns(self.group_columns, data, variables))

    def hessian(
        self, params: Mapping[str, Any], data: Columns | None = None, /, **variables: Any
    ) -> npt.NDArray[Any]:
        """Exact second derivatives in the parameters.

        Parameters
        ----------
        params, data, **variables
            As in `value`.

        Returns
        -------
        ndarray, shape (..., n_parameters, n_parameters)
            In the broadcast shape of the variables, and the order of ``parameter_names``.
        """
        names = self._names(params, data, variables)
        own = Derivatives(self.parsed.expression, names, self.symbols).hessian
        return self.scattered(own, 2, self._columns(self.group_columns, data, variables))

    def variable_gradient(
        self, params: Mapping[str, Any], data: Columns | None = None, /, **variables: Any
    ) -> npt.NDArray[Any]:
        """Exact first derivatives in the variables.

        Parameters
        ----------
        params, data, **variables
            As in `value`.

        Returns
        -------
        ndarray, shape (..., n_variables)
            In the broadcast shape of the variables, and the order of ``variables``.
        """
        names = self._names(params, data, variables)
        return Derivatives(self.parsed.expression, names, self.variables).gradient

    def _names(
        self, params: Mapping[str, Any], data: Columns | None, variables: Mapping[str, Any]
    ) -> dict[str, npt.NDArray[Any]]:
        wanted_columns = (*self.variables, *self.group_columns)
        columns = self._columns(wanted_columns, data, variables)
        for column in self.group_columns:
            if column not in self.levels:
                raise ValueError(
                    f"The law {self.label!r} has parameters indexed by {column!r}, but the values "
                    f"of that column are not set: pass levels={{{column!r}: [...]}} to Law, or fit "
                    "the law."
                )
        for kind, wanted, given in (
            ("parameter", self.parameter_names, params),
            ("variable", wanted_columns, columns),
        ):
            missing = [name for name in wanted if name not in given]
            if missing:
                raise ValueError(
                    f"The law {self.label!r} needs the {kind}{'s' if len(missing) > 1 else ''} "
                    f"{', '.join(missing)}; got {', '.join(map(str, given)) or 'none'}."
                )
        every = {**self.local(params, columns), **{v: columns[v] for v in self.variables}}
        # to floating point at once: 6*N*D overflows int64 without a word
        return {k: np.asarray(v) * 1.0 for k, v in every.items()}

    def _columns(
        self, wanted: Sequence[str], data: Columns | None, variables: Mapping[str, Any]
    ) -> dict[str, Any]:
        found = {} if data is None else {v: data[v] for v in wanted if v in data}
        return {**found, **variables}

    # --- as data -------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The law's arguments as plain JSON values."""
        return {
            **self._arguments(),
            "variables": list(self.variables),
            "bounds": {k: [_plain(v) for v in pair] for k, pair in self.bounds.items()},
            "levels": {column: list(levels) for column, levels in self.levels.items()},
            "limits": None if self.limits is None else [_plain(v) for v in self.limits],
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Law:
        """The inverse of `to_dict`."""
        limits = values.get("limits")
        return cls(
            **{k: values[k] for k in ("formula", "variables", "name", "description", "reference")},
            bounds={k: (float(a), float(b)) for k, (a, b) in values["bounds"].items()},
            levels=values.get("levels"),
            limits=None if limits is None else (float(limits[0]), float(limits[1])),
        )

    def __reduce__(self) -> tuple[Any, tuple[dict[str, Any]]]:
        return Law.from_dict, (self.to_dict(),)


def _is_range(pair: object) -> bool:
    """(low, high) with low < high."""
    if not isinstance(pair, tuple | list) or len(pair) != 2:
        return False
    low, high = pair
    return is_number(low) and is_number(high) and bool(low < high)


def _plain(value: float) -> float | str:
    """JSON has no infinity; its name reads back with float()."""
    return float(value) if math.isfinite(value) else str(float(value))
