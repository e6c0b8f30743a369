"""Functions that mean something else for every NamedTuple class, found at compile time by a static kernel's name."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from numba import types
from numba.core.dispatcher import Dispatcher
from numba.core.imputils import lower_builtin
from numba.core.typing.templates import AbstractTemplate, infer_global

from .decorators import user_kernel
from .frames import Held

T = TypeVar("T")
_compiled: dict[Any, Any] = {}  # users' plain functions


def method(name: str, default: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A generic function that runs the static kernel ``name`` of the NamedTuple class of its first argument.

    Compiled code finds the kernel at compile time; uncompiled code (``NUMBA_DISABLE_JIT=1``) at run time. ``default``
    is the kernel of classes that have none.
    """

    def generic(obj: Any, *args: Any) -> Any:
        kind = type(obj.frame if isinstance(obj, Held) else obj)
        return getattr(kind, name, default)(obj, *args)  # type: ignore[misc]

    generic.__name__ = generic.__qualname__ = name

    def kernel_of(obj: Any) -> Any:
        found = getattr(getattr(obj, "instance_class", None), name, default)
        if found is not None and not isinstance(found, Dispatcher):  # a user's plain function
            found = _compiled.setdefault(found, user_kernel(found))
        return found

    class Template(AbstractTemplate):  # type: ignore[misc]
        """Types a call as one of the kernel itself: an overload would be a function around it, compiled on its own."""

        def generic(self, args: Any, kws: Any) -> Any:
            found = kernel_of(args[0])
            if found is None:
                return None
            template, _, given, named = found.get_call_template(args, kws)
            return template(self.context).apply(given, named)

    Template.key = generic
    infer_global(generic, types.Function(Template))

    @lower_builtin(generic, types.VarArg(types.Any))
    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        target = context.get_function(types.Dispatcher(kernel_of(sig.args[0])), sig)
        context.add_linking_libs(getattr(target, "libs", ()))
        return target(builder, args)

    return generic


def attach(**members: Any) -> Callable[[type[T]], type[T]]:
    """Class decorator: give a NamedTuple its static kernels (types, names), which :func:`method` finds by name."""

    def decorate(cls: type[T]) -> type[T]:
        for name, member in members.items():
            setattr(cls, name, member if isinstance(member, type | int | tuple) else staticmethod(member))
        return cls

    return decorate
