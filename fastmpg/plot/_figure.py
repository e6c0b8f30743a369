"""Figures: their style, their colours, and how they are saved."""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ..run import storage

# Okabe and Ito's colours, which colour-blind readers tell apart; the pale yellow is left out.
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000")
STYLE: dict[str, Any] = {
    "font.size": 9.0, "axes.titlesize": 10.0, "axes.labelsize": 9.0, "legend.fontsize": 8.0, "xtick.labelsize": 8.0,
    "ytick.labelsize": 8.0, "axes.spines.top": False, "axes.spines.right": False, "axes.grid": True,
    "axes.axisbelow": True,
    "grid.alpha": 0.3, "grid.linewidth": 0.6, "lines.linewidth": 1.4, "legend.frameon": False,
    "axes.titleweight": "normal",
    "axes.linewidth": 0.8, "savefig.dpi": 160, "figure.dpi": 100, "axes.formatter.limits": (-4, 5),
    "svg.hashsalt": "fastmpg",
    "figure.facecolor": "white", "savefig.facecolor": "white", "axes.formatter.useoffset": False,
}


def _matplotlib() -> Any:
    try:
        import matplotlib
    except ImportError:
        raise ImportError('plotting needs matplotlib: pip install "fastmpg[report]"') from None
    return matplotlib


@contextlib.contextmanager
def style() -> Iterator[None]:
    """Publication defaults while something is drawn; the caller's own settings come back afterwards."""
    matplotlib = _matplotlib()
    from cycler import cycler

    with matplotlib.rc_context(STYLE | {"axes.prop_cycle": cycler(color=COLOURS)}):
        yield


def figure(rows: int = 1, columns: int = 1, *, size: tuple[float, float] | None = None,
           title: str = "") -> tuple[Any, Any]:
    """A figure that no window or global state knows of, and its axes as an array (rows, columns).

    Parameters
    ----------
    rows, columns : int
    size : (float, float), optional
        Width and height in inches.
    title : str
    """
    with style():
        from matplotlib.figure import Figure

        sheet = Figure(figsize=size or (4.4 * columns + 0.4, 3.0 * rows + (0.3 if title else 0.0)),
                       layout="constrained")
        axes = sheet.subplots(rows, columns, squeeze=False)
        if title:
            room = 104.0 * sheet.get_figwidth() / len(title)  # points a letter that the figure is wide
            sheet.suptitle(title, fontsize=max(6.0, min(11.5, room)), fontweight="bold")
    return sheet, axes


def axes_of(ax: Any) -> Any:
    """The axes that were given, or those of a new pyplot figure."""
    if ax is not None:
        return ax
    with style():
        from matplotlib import pyplot

        return pyplot.subplots(layout="constrained")[1]


def panels(ax: Any, count: int, across: int, size: tuple[float, float], title: str = "") -> tuple[Any, list[Any]]:
    """What a picture of several panels returns, and their axes: what was given, or a new figure.

    Raises
    ------
    ValueError
        If other than ``count`` axes were given.
    """
    if ax is None:
        sheet, axes = figure(-(-count // across), across, size=size, title=title)
        flat = list(axes.ravel())
        for spare in flat[count:]:
            spare.set_axis_off()
        return sheet, flat[:count]
    given = [ax] if hasattr(ax, "plot") else list(np.ravel(np.asarray(ax, object)))
    if len(given) != count or not all(hasattr(each, "plot") for each in given):
        raise ValueError(f"ax must be {'one matplotlib Axes' if count == 1 else f'{count} matplotlib Axes'}, found "
                         f"{len(given)} of {type(given[0]).__name__ if given else 'nothing'}")
    return ax, given


def shades(count: int) -> list[Any]:
    """Ordered colours for a sweep, from dark to bright, distinct in grey too."""
    table = _matplotlib().colormaps["viridis"]
    return [table(x) for x in np.linspace(0.0, 0.9, count)]


def save(sheet: Any, path: str | os.PathLike[str]) -> Path:
    """Write a figure as its suffix says (.png, .svg, .pdf), whole or not at all, without dates or program names."""
    target = Path(path)
    kind = target.suffix.lower().lstrip(".")
    empty = {"png": {"Software": None}, "svg": {"Date": None, "Creator": None},
             "pdf": {"CreationDate": None, "Producer": None, "Creator": None}}
    if kind not in empty:
        raise ValueError(f"a figure is saved as .png, .svg or .pdf, found {target.name!r}")
    buffer = io.BytesIO()
    with style():
        sheet.savefig(buffer, format=kind, metadata=empty[kind])
    return storage.write_atomically(target, buffer.getvalue())
