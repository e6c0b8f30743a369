"""A result for other programs: named axes for xarray, long form for pandas, a small table for notebooks."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .. import _check
from .._check import storage
from ..metrics.metric import known
from ..models import html

OWN = ("step", "player", "state", "action")  # axes that a result has beside its runs


def _library(name: str, extra: str) -> Any:
    import importlib

    try:
        return importlib.import_module(name)
    except ImportError:
        raise ImportError(f"this needs {name}: pip install 'fastmpg[{extra}]'") from None


def _sizes(result: Any) -> tuple[int, int, list[int]]:
    """Players, states, and every player's actions; a result that does not say them is one of another package."""
    actions = result.about.get("game", {}).get("num_actions")
    if not actions:
        raise ValueError("result does not say how many actions its players have: it was saved by an older version; run "
                         "it again, or use its arrays")
    return len(actions), result.policy.shape[-2], [int(n) for n in actions]


def _labels(result: Any) -> dict[str, NDArray[Any]]:
    """Names of players and states, and of actions where all players have the same, or numbers."""
    players, states, actions = _sizes(result)
    names = result.about.get("names") or {}
    found = {"player": np.asarray(names.get("players") or range(players)),
             "state": np.asarray(names.get("states") or range(states)), "action": np.arange(max(actions))}
    named = names.get("actions")
    if named and all(each == named[0] for each in named):
        found["action"] = np.asarray(named[0])
    return found


def _action_names(result: Any) -> NDArray[Any] | None:
    """(N, A) names of actions, empty where there is none, if players' differ; else None."""
    named = (result.about.get("names") or {}).get("actions")
    if not named or all(each == named[0] for each in named):
        return None
    longest = max(map(len, named))
    return np.array([[*each, *[""] * (longest - len(each))] for each in named])


def _apart(table: NDArray[Any], actions: list[int]) -> NDArray[Any]:
    """(..., S, A_total) as (..., N, S, A), NaN where a player has no such action."""
    edges, longest = np.cumsum([0, *actions]), max(actions)
    shape = (*table.shape[:-2], len(actions), table.shape[-2], longest)
    _check.budget(8 * int(np.prod(shape, dtype=object)), "a table of every player's actions", "record fewer policies")
    if table.shape[-1] == len(actions) * longest:
        return np.moveaxis(table.reshape(*table.shape[:-1], len(actions), longest), -2, -3)
    out = np.full(shape, np.nan)
    for i, n in enumerate(actions):
        out[..., i, :, :n] = table[..., edges[i]:edges[i + 1]]
    return out


def _axes(metric: str, table: NDArray[Any], actions: list[int]) -> tuple[tuple[str, ...], NDArray[Any]]:
    """Names of a metric's own axes, and the table with one for each."""
    axes = known()[metric].axes
    if "A" in axes:
        return ("player", "state", "action"), _apart(table, actions)
    return tuple({"N": "player", "S": "state"}[each] for each in axes), table


def _free(name: str, taken: Sequence[str]) -> str:
    """A parameter's name as a coordinate, where an axis or a variable has it already."""
    return f"{name}_of_rule" if name in taken else name


def dataset(result: Any) -> Any:
    """See :meth:`fastmpg.Result.to_xarray`."""
    xarray = _library("xarray", "xarray")
    actions = _sizes(result)[2]
    taken = (*OWN, *known(), "last_policy", "steps", "action_name")
    dims = tuple(_free(name, taken) for name in result.dims)
    variables: dict[str, Any] = {}
    for name, table in result.trace.items():
        if name != "step":
            own, values = _axes(name, table, actions)
            variables[name] = (*dims, "step", *own), values, {"long_name": known()[name].label}
    variables["last_policy"] = (*dims, "player", "state", "action"), _apart(result.policy, actions), {
        "long_name": "policy after the last step"}
    if isinstance(result.steps, np.ndarray):
        variables["steps"] = dims, result.steps, {"long_name": "updates made"}
    coords: dict[str, Any] = {"step": result.trace["step"], **_labels(result)}
    for name, values in result.coords.items():
        along = [axis for axis in range(values.ndim) if values.shape[axis] > 1]
        if name in result.dims:
            coords[_free(name, taken)] = values
        else:  # another parameter along some of the run axes
            coords[_free(name, taken)] = tuple(dims[axis] for axis in along), values.squeeze(
                tuple(axis for axis in range(values.ndim) if axis not in along))
    names = _action_names(result)
    if names is not None:
        coords["action_name"] = ("player", "action"), names
    return xarray.Dataset(variables, coords, _attributes(result))


def _attributes(result: Any) -> dict[str, Any]:
    """What netCDF keeps: strings and numbers."""
    about, game = result.about, result.about.get("game", {})
    found = {"title": f"{result.rule} on {result.game}", "game": result.game, "rule": result.rule,
             "status": result.status, "message": result.message, "game_kind": game.get("kind"),
             "discount": game.get("discount"), "num_actions": game.get("num_actions")}
    if about.get("rule"):
        found["rule_parameters"] = json.dumps(about["rule"]["parameters"], sort_keys=True)
    if not isinstance(result.steps, np.ndarray):
        found["steps_made"] = int(result.steps)
    if about.get("rng") is not None:
        found["rng"] = json.dumps(about["rng"], sort_keys=True)
    found |= {f"{name}_version": number for name, number in about.get("versions", {}).items()}
    return {name: value for name, value in found.items() if value is not None}


def netcdf(result: Any, path: str) -> None:
    """See :meth:`fastmpg.Result.to_netcdf`."""
    found = dataset(result)
    folder = Path(path).parent
    if not folder.is_dir():
        raise FileNotFoundError(f"path must be in a folder that exists, found {path!r}")
    with tempfile.TemporaryDirectory() as room:  # whole before it gets its name
        made = os.path.join(room, "result.nc")
        try:
            found.to_netcdf(made)
        except (ValueError, ImportError, ModuleNotFoundError) as error:
            if "engine" in str(error) or isinstance(error, ImportError):
                raise ImportError("netCDF files need h5netcdf or netCDF4: pip install 'fastmpg[xarray]'") from None
            raise
        storage.write_atomically(path, Path(made).read_bytes())


def frame(result: Any, metrics: Sequence[str] | None) -> Any:
    """See :meth:`fastmpg.Result.to_frame`."""
    pandas = _library("pandas", "pandas")
    recorded = [name for name in result.trace if name != "step"]
    chosen = recorded if metrics is None else _check.sequence(metrics, "metrics", "names of recorded metrics")
    wrong = [name for name in chosen if not isinstance(name, str) or name not in recorded]
    if wrong:
        raise ValueError(f"metrics must be recorded ones, {', '.join(recorded) or 'of which there are none'}, found "
                         f"{_check.shown(wrong[0])}")
    actions, labels = _sizes(result)[2], _labels(result)
    named = _action_names(result)
    lead, columns = result.policy.shape[:-2], {_free(name, OWN): values for name, values in result.coords.items()}
    place = {name: axis for axis, name in enumerate(result.dims)}
    pieces = []
    for name in chosen:
        own, values = _axes(name, result.trace[name], actions)
        rows = int(values.size)
        _check.budget(60 * rows, f"a table of {rows} numbers", "choose fewer metrics, or record fewer steps")
        index = dict(zip((*range(len(lead)), "step", *own), np.indices(values.shape, np.int32, sparse=True),
                         strict=True))

        def spread(part: Any, shape: tuple[int, ...] = values.shape) -> Any:
            return np.broadcast_to(part, shape).ravel()

        piece: dict[str, Any] = {}
        for column, along in columns.items():
            original = column.removesuffix("_of_rule")
            if original in place:
                piece[column] = spread(along[index[place[original]]])
            else:
                piece[column] = spread(along.reshape(*along.shape, *(1,) * (values.ndim - along.ndim)))
        piece["step"], piece["metric"] = spread(result.trace["step"][index["step"]]), name
        for axis in own:
            words = labels[axis][index[axis]]
            if axis == "action" and named is not None:
                words = named[index["player"], index["action"]]
            piece[axis] = spread(words)
        piece["value"] = values.ravel()
        table = pandas.DataFrame(piece)
        if "action" in own and len(set(actions)) > 1:  # what players do not have is no row
            table = table[spread(index["action"] < np.array(actions)[index["player"]])]
        pieces.append(table)
    every = [*columns, "step", "metric", *(axis for axis in OWN[1:] if any(axis in each for each in pieces)), "value"]
    if not pieces:
        return pandas.DataFrame({name: [] for name in every})
    whole = pandas.concat(pieces, ignore_index=True) if len(pieces) > 1 else pieces[0].reset_index(drop=True)
    for axis in OWN[1:]:
        if axis in whole and labels[axis].dtype.kind == "i" and len(pieces) > 1 and not (axis == "action" and (
                named is not None)):
            whole[axis] = whole[axis].astype("Int64")  # whole numbers, and none where a metric has no such axis
    whole["metric"] = whole["metric"].astype("category")
    return whole[every]


def page(result: Any) -> str:
    """See :meth:`fastmpg.Result._repr_html_`."""
    made = np.asarray(result.steps)
    rows: list[tuple[str, Any]] = [("rule", result.rule), ("game", result.game),
                                   ("steps", made.min() if made.min() == made.max() else f"{made.min()} to "
                                    f"{made.max()}"), ("status", f"{result.status}: {result.message}")]
    for name, count in zip(result.dims, result.policy.shape[:-2], strict=True):
        values = result.coords.get(name)
        told = "" if name == "run" or values is None else ": " + ", ".join(
            f"{v:g}" if values.dtype.kind == "f" else str(v) for v in values[:12]) + ", ..." * (count > 12)
        rows.append((f"axis {name}", f"{count}{told}"))
    picture = ""
    for name in (*(each for each in ("ne_gap", "qre_gap", "grad_norm", "value") if each in result.trace), *(
            each for each in result.trace if known().get(each) is not None and known()[each].axes in ((), ("N",)))):
        table = result.trace[name]
        if table.size == 0 or table.dtype.kind != "f":
            continue
        one = (table.max(axis=-1) if known()[name].axes else table).reshape(-1, result.trace["step"].size)
        with np.errstate(invalid="ignore"):
            line = one.mean(axis=0)
        last = one[:, -1]
        rows.append((known()[name].label, f"{last[0]:.4g}" if last.size == 1 else f"{np.nanmin(last):.4g} to "
                     f"{np.nanmax(last):.4g} at the end"))
        falls = name != "value"
        picture = html.sparkline(line.tolist(), f"{known()[name].label} by step" + ", logarithmic" * falls, log=falls)
        break
    rows.append(("recorded", f"{result.trace['step'].size} steps: "
                 + (", ".join(sorted(set(result.trace) - {"step"})) or "nothing")))
    return html.facts("Result", rows, picture)
