"""The one place that knows numba: options, cache, threads, generics, and calls by address.

Every compiled function of the package is decorated here. What this module guarantees:

- Importing compiles nothing; the first call of a kernel compiles it, or loads it from the cache.
- Stale code cannot run. numba's own cache stamps only the file that defines a function, so an edited helper in another
  file keeps running as it was. Ours lives in a folder named by a hash of every source file of the package and the
  versions of numba, llvmlite, numpy and Python; each entry is one file with its own checksum, so that neither a torn
  write nor two processes compiling at once can hand over wrong code.
- Functions whose signature holds a class from outside the package (a user's own rule or model) are never cached.
- No kernel reads numpy's global random state, and no kernel turns off NaN.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import platform
import shutil
import threading
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

import llvmlite
import llvmlite.binding as ll
import numba
import numpy as np
from llvmlite import ir
from numba import carray, config, njit, prange, types
from numba.core import cgutils
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.codegen import JITCodeLibrary
from numba.core.compiler import Compiler
from numba.core.dispatcher import Dispatcher
from numba.core.imputils import lower_builtin
from numba.core.registry import CPUDispatcher
from numba.core.typing.templates import AbstractTemplate, infer_global
from numba.extending import get_cython_function_address, intrinsic, register_jitable
from numpy.typing import NDArray

from ._check import integer, shown

__all__ = [
    "UNCOMPILED",
    "Callback",
    "address_of",
    "array_at",
    "attach",
    "cache_folder",
    "cached_files",
    "call",
    "carray",
    "clear_cache",
    "distinct",
    "field",
    "inlined",
    "invoke",
    "kernel",
    "lapack",
    "make_plan",
    "method",
    "parallel_region",
    "precise",
    "register_jitable",
    "set_threads",
    "spread",
    "threads",
    "user_kernel",
    "versions",
]

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")

# fastmath=True would also assume that NaN and inf never happen and delete the checks for them.
FASTMATH = {"contract", "reassoc", "nsz", "arcp"}
# Kernels only borrow arrays: without numba's reference counts, which are atomic and cost more than a small game's whole
# step (1.4 us instead of 0.3), and without allocation, which the compiler then refuses.
# forceinline is said, since numba lets it be inherited from whoever compiles a function first.
OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": FASTMATH, "nogil": True, "_nrt": False, "forceinline": False}
PACKAGE = Path(__file__).parent
# Files and folders that hold no kernel and that no file with kernels imports (a test sees to it): editing them recompiles nothing.
PLAIN = {"cli.py", "__main__.py", "plot.py", "theory.py", "experiments", "games",
         *(f"run/{name}.py" for name in ("progress", "storage", "trajectory", "checkpoint", "result", "learn", "ensemble", "resume", "grid",
                                         "drive", "job", "run", "signals"))}
UNCOMPILED = bool(config.DISABLE_JIT)  # NUMBA_DISABLE_JIT=1: kernels run as Python, for coverage


# ---------------------------------------------------------------------------------------------------------- cache
def _fingerprint() -> str:
    """Hash of all that decides what compiled code does."""
    digest = hashlib.sha256()
    for version in (numba.__version__, llvmlite.__version__, np.__version__, platform.python_version()):
        digest.update(version.encode() + b"\0")
    for path in sorted(PACKAGE.rglob("*.py")):
        inside = path.relative_to(PACKAGE)
        if inside.parts[0] in PLAIN or inside.as_posix() in PLAIN:
            continue
        digest.update(path.relative_to(PACKAGE).as_posix().encode() + b"\0")
        digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()[:16]


_FINGERPRINT = _fingerprint()


def versions() -> dict[str, str]:
    """Of what decides the speed and the last digits of results."""
    return {"numba": numba.__version__, "llvmlite": llvmlite.__version__, "numpy": np.__version__, "python": platform.python_version()}


def cache_root() -> Path:
    """Folder that holds the caches of every version: $FASTMPG_CACHE_DIR, else $NUMBA_CACHE_DIR, else ~/.cache/fastmpg."""
    for name in ("FASTMPG_CACHE_DIR", "NUMBA_CACHE_DIR"):
        if os.environ.get(name):
            return Path(os.environ[name])
    base = os.environ.get("XDG_CACHE_HOME")
    return (Path(base) if base else Path(os.path.expanduser("~")) / ".cache") / "fastmpg"


def cache_folder() -> Path:
    """Folder of this version's compiled code (it may not exist yet)."""
    return cache_root() / f"kernels-{_FINGERPRINT}"


def cached_files() -> list[Path]:
    """Every file of compiled code under :func:`cache_root`, of this and of other versions."""
    with contextlib.suppress(OSError):
        return sorted(cache_root().glob("kernels-*/*.nb"))
    return []


def clear_cache() -> int:
    """Delete the compiled code of every version; return how many files went."""
    count = len(cached_files())
    for folder in cache_root().glob("kernels-*"):
        shutil.rmtree(folder, ignore_errors=True)
    return count


def _own(type_: Any) -> bool:
    """Whether a numba type is made of plain types and classes of this package only."""
    if isinstance(type_, types.BaseNamedTuple):
        module = type_.instance_class.__module__.partition(".")[0]
        return module == __package__ and all(map(_own, type_.types))
    if isinstance(type_, types.BaseTuple):
        return all(map(_own, type_.types))
    return not isinstance(type_, (types.Dispatcher, types.Callable))


class _Cache(FunctionCache):
    """numba's function cache with our folder, one checksummed file an entry, and no index to go stale."""

    def __init__(self, function: Any, kind: str) -> None:
        super().__init__(function)
        self.kind = kind

    def _path(self, sig: Any, codegen: Any) -> Path:
        key = repr((sig, codegen.magic_tuple(), config.BOUNDSCHECK, self.kind, self._py_func.__module__))
        name = f"{self._py_func.__qualname__}-{hashlib.sha256(key.encode()).hexdigest()[:24]}.nb"
        return cache_folder() / name.replace("<", "").replace(">", "")

    def _cacheable(self) -> bool:
        """What a function closes over is not part of its name."""
        return bool(self._enabled) and self._py_func.__closure__ is None

    def _load_overload(self, sig: Any, target_context: Any) -> Any:
        if not (self._cacheable() and all(map(_own, getattr(sig, "args", sig)))):
            return None
        try:
            blob = self._path(sig, target_context.codegen()).read_bytes()
            if hashlib.sha256(blob[32:]).digest() != blob[:32]:
                return None
            return _rebuild(target_context, pickle.loads(blob[32:]))
        except (OSError, EOFError, pickle.UnpicklingError, AttributeError, ImportError):
            return None

    def _save_overload(self, sig: Any, data: Any) -> None:
        own = all(map(_own, data.signature.args))
        if not (self._cacheable() and own and self._impl.check_cachable(data)):
            return
        blob = self._cache_file._dump(self._impl.reduce(data))
        path = self._path(sig, data.codegen)
        temporary = path.with_name(f"{path.name}.{os.getpid()}.{threading.get_ident()}.tmp")
        try:
            for folder in reversed([path.parent, *path.parent.parents]):  # parents=True would ignore the mode for parents
                folder.mkdir(mode=0o700, exist_ok=True)
            temporary.write_bytes(hashlib.sha256(blob).digest() + blob)
            os.replace(temporary, path)
        except OSError:  # a read-only or full disk: run uncached
            with contextlib.suppress(OSError):
                temporary.unlink()


class _NoEnv:
    def __init__(self, codegen):
        self.inner = codegen
    def __getattr__(self, name):
        return getattr(self.inner, name)
    def set_env(self, name, env):
        pass


STATS = {"inner": 0.0, "opt": 0.0, "emit": 0.0, "link": 0.0, "n_inner": 0, "n_outer": 0, "fpm": 0.0}
import time as _time


class _InnerLibrary(JITCodeLibrary):
    """Of a kernel that only kernels call: linked, but neither optimised nor emitted by itself."""

    @property
    def codegen(self):
        return _NoEnv(self._codegen)

    def _optimize_functions(self, ll_module):
        if os.environ.get("NOFPM"):
            ll_module.data_layout = self._codegen._data_layout
            return
        t = _time.perf_counter()
        super()._optimize_functions(ll_module)
        STATS["fpm"] += _time.perf_counter() - t

    def finalize(self):
        self._raise_if_finalized()
        t = _time.perf_counter()
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        self._final_module = ll.parse_bitcode(self._final_module.as_bitcode())
        self._finalized = True
        STATS["inner"] += _time.perf_counter() - t
        STATS["n_inner"] += 1

    def get_pointer_to_function(self, name):
        self._ensure_finalized()
        return 0

    def serialize_using_object_code(self):
        return (self.name, "inner", self._final_module.as_bitcode())

    @classmethod
    def load(cls, codegen, state):
        self = cls(codegen, state[0])
        self._final_module = ll.parse_bitcode(state[2])
        self._finalized = True
        return self


class _OuterLibrary(JITCodeLibrary):
    def __init__(self, codegen, name):
        super().__init__(codegen, name)
        self.enable_object_caching()

    def serialize_using_object_code(self):
        return (self.name, "outer", (self._get_compiled_object(), self._final_module.as_bitcode()))

    @classmethod
    def load(cls, codegen, state):
        self = cls(codegen, state[0])
        code, bitcode = state[2]
        self._set_compiled_object(code)
        self._final_module = ll.parse_bitcode(bitcode)
        self._finalize_final_module()
        return self

    def finalize(self):
        self._raise_if_finalized()
        t = _time.perf_counter()
        own = {fn.name for fn in self._final_module.functions if not fn.is_declaration}
        for library in dict.fromkeys(self._linking_libraries):
            self._reload_init.update(library._reload_init)
            self._final_module.link_in(library._get_module_for_linking(), preserve=True)
        for fn in self._final_module.functions:
            if not fn.is_declaration and fn.name not in own:
                fn.linkage = ll.Linkage.internal
        t1 = _time.perf_counter()
        STATS["link"] += t1 - t
        self._optimize_final_module()
        t2 = _time.perf_counter()
        STATS["opt"] += t2 - t1
        self._final_module.verify()
        self._finalize_final_module()
        t3 = _time.perf_counter()
        STATS["emit"] += t3 - t2
        STATS["n_outer"] += 1
        if os.environ.get("SHOW"):
            print(f"{self.name:40s} link {t1-t:.3f} opt {t2-t1:.3f} emit {t3-t2:.3f}")

    def _optimize_functions(self, ll_module):
        if os.environ.get("NOFPM"):
            ll_module.data_layout = self._codegen._data_layout
            return
        t = _time.perf_counter()
        super()._optimize_functions(ll_module)
        STATS["fpm"] += _time.perf_counter() - t

    def _optimize_final_module(self):
        if False:
            return super()._optimize_final_module()
        pm, pb = self._codegen._module_pass_manager()
        pm.run(self._final_module, pb)


class _InnerCompiler(Compiler):
    library_class = _InnerLibrary

    def __init__(self, typingctx, targetctx, library, args, return_type, flags, locals):
        if library is None:
            library = self.library_class(targetctx.codegen(), "x")
        super().__init__(typingctx, targetctx, library, args, return_type, flags, locals)

    def compile_extra(self, func):
        self.state.library._name = func.__qualname__
        return super().compile_extra(func)


class _OuterCompiler(_InnerCompiler):
    library_class = _OuterLibrary


class _NoLocator:
    """Stands in for numba's cache locators, which insist on a writable folder beside the source or at home."""

    def __init__(self, py_func: Any, py_file: str) -> None:
        pass

    @classmethod
    def from_function(cls, py_func: Any, py_file: str) -> _NoLocator:
        return cls(py_func, py_file)

    def get_cache_path(self) -> str:
        return os.devnull

    def get_source_stamp(self) -> str:
        return _FINGERPRINT

    def get_disambiguator(self) -> None:
        return None


def _rebuild(target_context, payload):
    from numba.core.compiler import CompileResult
    libdata, fndesc, env, signature, objectmode, lifted, typeann, reload_init, referenced_envs = payload
    if libdata[1] not in ("inner", "outer"):
        return CompileResult._rebuild(target_context, *payload)
    for fn in reload_init or ():
        fn()
    library = (_InnerLibrary if libdata[1] == "inner" else _OuterLibrary).load(target_context.codegen(), libdata)
    cfunc = target_context.get_executable(library, fndesc, env)
    return CompileResult(target_context=target_context, typing_context=target_context.typing_context, library=library, environment=env,
                         entry_point=cfunc, fndesc=fndesc, type_annotation=typeann, signature=signature, objectmode=objectmode,
                         lifted=lifted, typing_error=None, call_helper=None, metadata=None, reload_init=reload_init,
                         referenced_envs=referenced_envs)


class _Impl(FunctionCache._impl_class):  # type: ignore[misc, name-defined]
    _locator_classes = (_NoLocator,)


_Cache._impl_class = _Impl


class _Kernel(CPUDispatcher):  # type: ignore[misc]
    """A dispatcher that does not compile a version of its own for every integer that a caller writes out."""

    def get_call_template(self, args: Any, kws: Any) -> Any:
        return super().get_call_template(tuple(types.int64 if isinstance(each, types.IntegerLiteral) else each for each in args), kws)


class _Inner(_Kernel):
    """A kernel without the function that takes Python's objects apart, which costs as much compilation as the kernel itself.

    Nearly all are called by other kernels only; a call from Python compiles another version, which has it.
    """

    outer: Any = None

    def __call__(self, *args: Any) -> Any:
        if self.outer is None:
            self.outer = _compile(self.py_func, _Kernel, **{name: self.targetoptions[name] for name in OPTIONS})
        return self.outer(*args)


def _compile(function: F, kind: type[_Kernel] = _Inner, **options: Any) -> F:
    more = {"pipeline_class": _InnerCompiler if kind is _Inner else _OuterCompiler}
    if config.DISABLE_JIT:
        more = {}
    dispatcher = njit(**{**OPTIONS, "no_cfunc_wrapper": True, "no_cpython_wrapper": kind is _Inner, **options, **more})(function)
    if not UNCOMPILED:
        dispatcher.__class__ = kind
        dispatcher._cache = _Cache(function, kind.__name__)
    return dispatcher  # type: ignore[no-any-return]


# ----------------------------------------------------------------------------------------------------- decorators
def kernel(function: F) -> F:
    """Compile a function over arrays, scalars and NamedTuples of them on its first call; cached on disk. It cannot allocate."""
    return _compile(function)


def inlined(function: F) -> F:
    """As :func:`kernel`, always inlined: for what runs at every step of a small game, where handing arrays over shows."""
    return _compile(function, forceinline=True)


def user_kernel(function: F) -> F:
    """Compile the ``update`` of a rule of your own (or any kernel) on its first call.

    It takes arrays, scalars and NamedTuples of them, may allocate, and runs inside the same compiled loop as the rules of
    the package. It is compiled in every process: what a user's function calls cannot be stamped.

    Examples
    --------
    >>> import fastmpg as fm
    >>> @fm.kernel
    ... def double(x):
    ...     return 2 * x
    >>> double(21)
    42
    """
    if not callable(function):
        raise TypeError(f"function must be a function, found {shown(function)}")
    return njit(**{**OPTIONS, "_nrt": True})(function)  # type: ignore[no-any-return]


def precise(function: F) -> F:
    """As :func:`inlined` for arithmetic that rounds as it is written: the same bits wherever it is inlined or vectorised."""
    return _compile(function, fastmath=False, forceinline=True)


def method(name: str, default: Callable[..., Any] | None = None) -> Callable[..., Any]:
    """A generic function that runs the static kernel ``name`` of the NamedTuple class of its first argument.

    Compiled code finds the kernel at compile time; uncompiled code (``NUMBA_DISABLE_JIT=1``) at run time. ``default`` is the kernel
    of classes that have none.
    """

    def generic(obj: Any, *args: Any) -> Any:
        return getattr(type(obj), name, default)(obj, *args)  # type: ignore[misc]

    generic.__name__ = generic.__qualname__ = name

    def kernel_of(obj: Any) -> Any:
        found = getattr(getattr(obj, "instance_class", None), name, default)
        if found is not None and not isinstance(found, Dispatcher):  # a user's plain function
            found = _JITTED.setdefault(found, user_kernel(found))
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


def field(name: str) -> Callable[..., Any]:
    """A generic function of a NamedTuple and a stand-in: the field ``name``, or the stand-in where there is no such field."""

    if UNCOMPILED:
        return lambda obj, other: getattr(obj, name, other)

    @intrinsic
    def get(typingctx: Any, obj: Any, other: Any) -> Any:
        fields = getattr(obj, "instance_class", obj)._fields
        if name not in fields:
            return other(obj, other), lambda context, builder, signature, args: args[1]
        place = fields.index(name)
        return obj.types[place](obj, other), lambda context, builder, signature, args: builder.extract_value(args[0], place)

    return get


_JITTED: dict[Any, Any] = {}


def attach(**members: Any) -> Callable[[type[T]], type[T]]:
    """Class decorator: give a NamedTuple its static kernels (and types), which :func:`method` finds by name."""

    def decorate(cls: type[T]) -> type[T]:
        for name, member in members.items():
            setattr(cls, name, member if isinstance(member, type | bool) else staticmethod(member))
        return cls

    return decorate


_SEEN: dict[tuple[str, tuple[str, ...]], list[type]] = {}


def distinct(value: Any) -> Any:
    """A NamedTuple that compiled code cannot take for one of another class.

    numba's dispatchers tell NamedTuples apart by the names of class and fields alone: a class that is defined a second time, as
    in a notebook, would go on running the first one's kernels. The second one becomes a subclass with a name of its own.
    """
    kind = type(value)
    classes = _SEEN.setdefault((kind.__name__, kind._fields), [])
    for place, each in enumerate(classes):
        if each is kind or each.__bases__ == (kind,):
            return value if place == 0 else each(*value)
    if classes:
        kind = type(f"{kind.__name__}_{len(classes)}", (kind,), {"__slots__": (), "__module__": kind.__module__})
    classes.append(kind)
    return value if len(classes) == 1 else kind(*value)


# -------------------------------------------------------------------------------------------------------- threads
_lock = threading.RLock()


def threads() -> int:
    """Number of threads that parallel kernels use now."""
    return int(numba.get_num_threads())


def set_threads(count: int) -> None:
    """Let parallel kernels use ``count`` threads (1 to numba.config.NUMBA_NUM_THREADS)."""
    numba.set_num_threads(integer(count, "count", low=1, high=int(config.NUMBA_NUM_THREADS)))


@contextlib.contextmanager
def parallel_region(active: bool) -> Iterator[None]:
    """Hold while parallel kernels may run: two Python threads inside them at once abort under the workqueue layer."""
    if not active:
        yield
        return
    with _lock:
        yield


# ------------------------------------------------------------------------------------------------ calls by address
@intrinsic
def _call(typingctx: Any, address: Any, arguments: Any) -> Any:
    """Call the C function at an address with pointer-sized arguments; the address is a run-time value, so it caches."""
    sig = types.void(address, arguments)

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        target, packed = args
        values = cgutils.unpack_tuple(builder, packed)
        pointer = ir.PointerType(ir.IntType(8))
        function = ir.FunctionType(ir.VoidType(), [pointer] * len(values))
        callee = builder.inttoptr(target, function.as_pointer())
        builder.call(callee, [builder.inttoptr(value, pointer) for value in values])
        return context.get_dummy_value()

    return sig, codegen


@intrinsic
def _pointer(typingctx: Any, address: Any) -> Any:
    """An address as a pointer that carray takes."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return builder.inttoptr(args[0], cgutils.voidptr_t)

    return types.voidptr(types.intp), codegen


def array_at(address: Any, shape: Any, dtype: Any) -> Any:
    """The array at an address, inside a :class:`Callback`."""
    return carray(_pointer(address), shape, dtype)


array_at = register_jitable(array_at)


class Callback:
    """A compiled function that others call by address, ``function(plan, share)``: one array of integers (sizes and addresses), a number.

    For heavy functions: code that calls them by name would link and optimise them again, level by level, which takes a minute.
    Compiled when the address is first asked for, and cached.
    """

    def __init__(self, function: Callable[..., None], **options: Any) -> None:
        self.function, self.options, self._address = function, OPTIONS | {"_nrt": True} | options, 0

    @property
    def address(self) -> int:
        """Of a C function that takes a pointer to int64 and an int64."""
        with _lock:
            if not self._address:
                signature = ((types.CPointer(types.int64), types.int64), types.void)
                self._code = CFunc(self.function, signature, locals={}, options=self.options, **({} if self.options.get("parallel") else {"pipeline_class": _OuterCompiler}))
                self._code._cache = _Cache(self.function, "Callback")  # type: ignore[attr-defined]
                self._code.compile()
                self._address = int(self._code.address or 0)
        return self._address


FAN, CODE, SHARES, FREE = 0, 1, 2, 3  # what a plan begins with: two addresses and a number; from FREE on it is its callback's own


def _fan(plan: Any, share: Any) -> None:
    head = carray(plan, FREE)
    code, shares, where = head[CODE], head[SHARES], head.ctypes.data
    for b in prange(shares):
        _call(code, (where, b))


_fan_out = Callback(_fan, parallel=True)


def make_plan(callback: Callback, shares: int, numbers: Sequence[int]) -> NDArray[np.int64]:
    """What :func:`spread` hands to a callback, which finds ``numbers`` from FREE on."""
    if shares > 1:
        numba.get_num_threads()  # starts the threads' runtime, which a cached function needs when it is linked
    return np.array([_fan_out.address if shares > 1 else 0, callback.address, shares, *numbers], np.int64)


def spread(plan: Any) -> None:
    """Let the plan's callback do its shares 0..SHARES-1, by as many threads as there are.

    The one place where threads begin: of a heavy callback no second version, for threads, is compiled. A caller may lower the plan's
    number of shares.
    """
    where = plan.ctypes.data
    _call(plan[CODE] if plan[SHARES] == 1 else plan[FAN], (where, 0))


spread = inlined(spread)


_ADDRESSES: dict[str, int] = {}


def lapack(name: str) -> int:
    """Address of one of scipy's LAPACK routines, for :func:`call`."""
    if name not in _ADDRESSES:
        _ADDRESSES[name] = int(get_cython_function_address("scipy.linalg.cython_lapack", name))
    return _ADDRESSES[name]


call = _call


@intrinsic
def _invoke(typingctx: Any, address: Any, arguments: Any) -> Any:
    """Call a kernel by the address that :func:`address_of` gave, with a tuple of its arguments."""

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        kinds, values = list(signature.args[1].types), cgutils.unpack_tuple(builder, args[1])
        convention = context.call_conv
        target = builder.inttoptr(args[0], convention.get_function_type(types.none, kinds).as_pointer())
        convention.call_function(builder, target, types.none, kinds, values)
        return context.get_dummy_value()

    return types.void(types.intp, arguments), codegen


invoke = _invoke


def address_of(kernel: Any, *values: Any) -> int:
    """The address of a kernel that returns nothing, compiled for arguments like these: its callers link none of its code.

    What calls a kernel by name has all of it optimised again, and so has every caller's caller: for large ones that takes longer
    than everything else.
    """
    if UNCOMPILED:
        return 0
    kinds = tuple(map(numba.typeof, values))
    with _lock:
        if kernel.outer is None:
            kernel.outer = _compile(kernel.py_func, _Kernel, **{name: kernel.targetoptions[name] for name in OPTIONS})
        kernel.outer.compile(kinds)
    made = kernel.outer.overloads[kinds]
    return int(made.library.get_pointer_to_function(made.fndesc.llvm_func_name))
