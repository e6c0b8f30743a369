"""Units: what is compiled, optimised, emitted and cached as one.

Numba optimises and emits every function by itself, once more in each function that it is linked into, and lets the
process choose which of the copies runs: compilation takes several times as long, and the last bits depend on what was
compiled before. Here

- a kernel that only kernels call is an *inner* library: it is linked, and neither optimised as a module nor emitted;
- a *unit*, the function that is called by address, is linked with all that it calls, everything in it is made private,
  and the whole is optimised and emitted once.

So one source has one machine code: it does not matter what was compiled before, in which process or in which order.
"""

from __future__ import annotations

import contextlib
import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import llvmlite.binding as llvm
from numba import config
from numba.core import types
from numba.core.ccallback import _CFuncCompiler  # type: ignore[attr-defined]
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.compiler_lock import global_compiler_lock
from numba.core.registry import cpu_target
from numba.core.runtime import rtsys

from . import cache
from .options import OPTIONS
from .raised import raising


class _NoEnvironment:
    """A code generator to whom nobody gives Python objects: kernels use none."""

    def __init__(self, codegen: Any) -> None:
        self._codegen = codegen

    def __getattr__(self, name: str) -> Any:
        return getattr(self._codegen, name)

    def set_env(self, name: str, environment: Any) -> None:
        """Nothing: an inner library is not in memory."""


class _Inner(JITCodeLibrary):  # type: ignore[misc]
    """Of a kernel that only kernels call: linked into units, never run."""

    @property
    def codegen(self) -> Any:
        return _NoEnvironment(self._codegen)

    def _optimize_functions(self, ll_module: Any) -> None:
        """Not here: what a unit links is optimised with it."""
        ll_module.data_layout = self._codegen._data_layout

    def _link(self) -> None:
        for library in dict.fromkeys(self._linking_libraries):
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._link()
        self._finalized = True

    def get_pointer_to_function(self, name: str) -> int:
        """None: there is no code."""
        self._ensure_finalized()
        return 0


def _optimise(codegen: Any, module: Any) -> None:
    """LLVM's passes over a whole module, once."""
    made = codegen._module_pass_manager()
    if isinstance(made, tuple):
        manager, builder = made
        manager.run(module, builder)
    else:  # before numba 0.62
        made.run(module)


class _Outer(_Inner):
    """Of a unit: the C function that is called by address, and private copies of all that it calls."""

    codegen = JITCodeLibrary.codegen
    get_pointer_to_function = JITCodeLibrary.get_pointer_to_function

    def __init__(self, codegen: Any, name: str) -> None:
        super().__init__(codegen, name)
        self.enable_object_caching()

    def finalize(self) -> None:
        self._raise_if_finalized()
        self._link()
        for function in self._final_module.functions:
            if not function.is_declaration and not function.name.startswith("cfunc."):
                function.linkage = llvm.Linkage.internal
        _optimise(self._codegen, self._final_module)
        self._final_module.verify()
        self._finalize_final_module()

    @classmethod
    def of_object(cls, codegen: Any, name: str, code: bytes) -> _Outer:
        """A unit that was compiled before."""
        made = cls(codegen, name)
        made._set_compiled_object(code)
        made._finalize_final_module()
        return made


class InnerCompiler(Compiler):  # type: ignore[misc]
    """numba's compiler, with a library of ours."""

    library: type[_Inner] = _Inner

    def __init__(self, typingctx: Any, targetctx: Any, library: Any, args: Any, return_type: Any, flags: Any,
                 locals: Any) -> None:
        made = self.library(targetctx.codegen(), "kernel") if library is None else library
        super().__init__(typingctx, targetctx, made, args, return_type, flags, locals)

    def compile_extra(self, func: Callable[..., Any]) -> Any:
        self.state.library._name = func.__qualname__
        return super().compile_extra(func)

    def define_pipelines(self) -> list[Any]:
        """Without the passes for what no kernel holds: closures, comprehensions, array expressions, unrolling."""
        (made,) = super().define_pipelines()
        if not self.state.flags.auto_parallel.enabled:
            made.passes = [each for each in made.passes if each[0].__name__ not in NEEDLESS]
        return [made]


# An eighth of the time that numba takes before LLVM.
NEEDLESS = {"WithLifting", "InlineClosureLikes", "InlineInlinables", "FindLiterallyCalls", "LiteralUnroll",
            "InlineOverloads", "LiteralPropagationSubPipelinePass", "NopythonRewrites", "MakeFunctionToJitFunction",
            "RewriteDynamicRaises"}


class OuterCompiler(InnerCompiler):
    """The same for units."""

    library = _Outer


class UserCompiler(OuterCompiler):
    """The same for units with code of the user's, which may raise."""

    def __init__(self, typingctx: Any, targetctx: Any, *args: Any) -> None:
        super().__init__(typingctx, raising(targetctx), *args)


# ------------------------------------------------------------------------------------------------- while it compiles
PATIENCE = 1.0  # seconds of compilation after which a terminal is told
BURST = 10.0  # seconds without compilation after which it is told again


class _Notice:
    """One line on a terminal when compilation takes longer than :data:`PATIENCE`; one for a whole burst."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.depth, self.told, self.spent, self.ended = 0, False, 0.0, -BURST

    def _say(self, what: str, kept: bool) -> None:
        with self.lock:
            if self.told:
                return
            self.told = True
        where = (f"kept in {cache.cache_folder()} for later processes" if kept
                 else "not kept: it is not the package's own")
        with contextlib.suppress(Exception):
            sys.stderr.write(f"fastmpg: compiling {what} ... ({where})\n")
            sys.stderr.flush()

    @contextlib.contextmanager
    def __call__(self, what: str, kept: bool = True) -> Iterator[None]:
        began, timer = time.monotonic(), None
        with self.lock:
            self.depth += 1
            if self.depth == 1 and began - self.ended > BURST:
                self.told, self.spent = False, 0.0
            if self.depth == 1 and not self.told and sys.stderr is not None and sys.stderr.isatty():
                timer = threading.Timer(max(0.0, PATIENCE - self.spent), self._say, (what, kept))
                timer.daemon = True
        if timer is not None:
            timer.start()
        try:
            yield
        finally:
            if timer is not None:
                timer.cancel()
            with self.lock:
                self.depth -= 1
                self.ended = time.monotonic()
                if self.depth == 0:
                    self.spent += self.ended - began


_notice = _Notice()


@contextlib.contextmanager
def _no_collection() -> Iterator[None]:
    """No garbage is looked for while compilation makes objects that all live to its end: an eighth of the time."""
    active = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if active:
            gc.enable()


@contextlib.contextmanager
def _undisturbed() -> Iterator[None]:
    """Ctrl-C, and SIGTERM where somebody hears it, wait for the end of a unit's compilation, which numba does not
    survive half done."""
    before: dict[int, Any] = {}
    if threading.current_thread() is threading.main_thread():
        before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
        before = {number: each for number, each in before.items()
                  if callable(each) or (number == signal.SIGINT and each == signal.SIG_DFL)}
    heard: dict[int, Any] = {}
    for number in before:
        signal.signal(number, heard.__setitem__)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for number, frame in heard.items():
            if callable(before[number]):
                before[number](number, frame)
            else:
                os.kill(os.getpid(), number)


@contextlib.contextmanager
def compiling(what: str, kept: bool) -> Iterator[None]:
    """Hold while a unit is made and remembered: Ctrl-C and SIGTERM wait, and a terminal is told if that takes long."""
    with _undisturbed(), _notice(what, kept):
        yield


COMPILED: list[tuple[str, float]] = []  # units compiled by this process, and the processor's seconds that each took


class Code(NamedTuple):
    """A compiled unit: the address of its C function, what keeps it in memory, and what is known of it."""

    address: int
    library: Any
    facts: dict[str, Any]


def code_of(function: Callable[..., Any], named: Callable[..., Any], kinds: tuple[Any, ...], modules: set[str] | None,
            options: dict[str, Any], facts: Callable[[], dict[str, Any]] = dict) -> Code:
    """A function compiled for these types, now or before.

    named: what the cache calls it   modules: that its sources are in; None for code that is not kept
    facts: what else to keep of it, asked for once it is compiled
    """
    with global_compiler_lock:
        codegen = cpu_target.target_context.codegen()
        name = ""
        if modules is not None:
            machine = (codegen.magic_tuple(), settings(), sorted((k, repr(v)) for k, v in options.items()))
            with contextlib.suppress(OSError):  # the package's own source is gone, or was edited under this process
                name = cache.key(named, repr(kinds), modules, machine)
            found = cache.load(name) if name else None
            if found is not None:
                if options.get("_nrt"):  # whose symbols such code needs; nothing else may have compiled yet
                    rtsys.initialize(cpu_target.target_context)
                library = _Outer.of_object(codegen, name, found[1])
                address = codegen._engine.get_function_address(found[0]["symbol"])
                if address:
                    return Code(int(address), library, found[0])
        began = time.thread_time()
        chosen = OPTIONS | {k: v for k, v in options.items() if k != "entry"}
        with _no_collection():
            made = _CFuncCompiler(function, cpu_target, chosen, {}, pipeline_class=UserCompiler if modules is None else
                                  OuterCompiler).compile(kinds, types.void)
        known = {"symbol": made.fndesc.llvm_cfunc_wrapper_name} | facts()
        address = int(made.library.get_pointer_to_function(known["symbol"]))
        if name:
            cache.save(name, known, made.library._get_compiled_object())
        COMPILED.append((named.__qualname__, time.thread_time() - began))
        return Code(address, made.library, known)


def settings() -> tuple[Any, ...]:
    """numba's settings that change what is compiled."""
    return config.BOUNDSCHECK, config.OPT, config.LOOP_VECTORIZE, config.SLP_VECTORIZE, config.USING_SVML
