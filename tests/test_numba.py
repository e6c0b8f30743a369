"""What the package takes of numba that numba does not promise: one table, so that another version is refused by one
clear sentence."""

import ast
import inspect
import re
import tomllib
from pathlib import Path

import llvmlite.binding as llvm
import numba
import pytest
from numba.core.ccallback import _CFuncCompiler
from numba.core.compiler import Compiler
from numba.core.registry import CPUDispatcher, cpu_target
from numba.np.ufunc import parallel

from fastmpg import machine

MACHINE = sorted(Path(machine.__file__).parent.glob("*.py"))
PROJECT = Path(__file__).parent.parent / "pyproject.toml"
compiled = pytest.mark.skipif(machine.UNCOMPILED, reason="nothing is compiled")


# --------------------------------------------------------------------------------------------------------- the range
def numbers(version):
    return tuple(map(int, re.match(r"[\d.]+\d", version)[0].split(".")))


@pytest.mark.skipif(not PROJECT.exists(), reason="pyproject.toml is not beside the tests")
def test_numba_is_within_the_declared_range():
    declared = next(each for each in tomllib.loads(PROJECT.read_text())["project"]["dependencies"]
                    if each.startswith("numba"))
    low, high = (numbers(re.search(sign + r"([\d.]+)", declared)[1]) for sign in (">=", "<"))
    assert low <= numbers(numba.__version__)[:2] < high, \
        f"numba {numba.__version__} is installed, and {declared} declared"


# --------------------------------------------------------------------------------------------------- private names
def library():
    return cpu_target.target_context.codegen().create_library("empty")


# Where a name is looked up: what of numba's has it, as the package meets it.
OWNERS = {
    "code library": library,
    "code generator": lambda: library()._codegen,
    "engine": lambda: library()._codegen._engine,
    "thread pool": lambda: parallel,
    "dispatcher": lambda: numba.njit(lambda: 0),
    "flags of llvm's": lambda: llvm.Linkage,
    "compiler": lambda: Compiler,
    "struct": lambda: numba.core.cgutils.create_struct_proxy(numba.types.complex128),
}
NAMES = {
    "code library": ("_codegen", "_ensure_finalized", "_final_module", "_finalize_final_module", "_finalized",
                     "_get_compiled_object", "_get_module_for_linking", "_linking_libraries", "_name",
                     "_optimize_functions", "_raise_if_finalized", "_set_compiled_object", "enable_object_caching",
                     "get_pointer_to_function"),
    "code generator": ("_data_layout", "_engine", "_module_pass_manager", "magic_tuple", "set_env"),
    "engine": ("get_function_address",),
    "thread pool": ("_is_initialized", "_launch_threads"),
    "dispatcher": ("get_call_template", "overloads", "py_func"),
    "flags of llvm's": ("internal",),
    "compiler": ("compile_extra",),
    "struct": ("_getvalue",),
}


@compiled
@pytest.mark.parametrize(("owner", "name"), [(owner, name) for owner, names in NAMES.items() for name in names])
def test_private_names_of_numba(owner, name):
    assert hasattr(OWNERS[owner](), name), (
        f"numba {numba.__version__} has no {name!r} in its {owner}: machine/ cannot run on it before it is adapted")


@compiled
@pytest.mark.parametrize(("function", "parameters"), [
    (Compiler.__init__, ("typingctx", "targetctx", "library", "args", "return_type", "flags", "locals")),
    (_CFuncCompiler.__init__, ("py_func", "targetdescr", "targetoptions", "locals", "pipeline_class")),
    (CPUDispatcher.get_call_template, ("args", "kws"))], ids=lambda each: getattr(each, "__qualname__", ""))
def test_private_signatures_of_numba(function, parameters):
    found = tuple(inspect.signature(function).parameters)[1:]
    assert found == parameters, \
        f"numba {numba.__version__} changed what {function.__qualname__} takes: machine/ must be adapted"


@compiled
@pytest.mark.parametrize("option", ["_nrt", "forceinline", "no_cfunc_wrapper", "no_cpython_wrapper"])
def test_private_options_of_numba(option):
    assert hasattr(cpu_target.options, option), \
        f"numba {numba.__version__} does not take {option!r}: machine/ must be adapted"


def private_names(tree):
    """What is taken from objects and from modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            yield node.attr
        elif isinstance(node, ast.ImportFrom) and not node.level:
            yield from (each.name for each in node.names)


def own_names(trees):
    """What the package itself defines: functions, classes, names that are assigned, attributes of self."""
    for tree in trees:
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                yield node.name
            elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
                yield node.attr
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id


def test_the_table_is_complete():
    trees = [ast.parse(path.read_text(encoding="utf-8")) for path in MACHINE]
    taken = {name for tree in trees for name in private_names(tree) if re.match(r"_[^_]", name)}
    written = {"_name", "_finalized"}  # assigned, to objects of numba's
    known = {"_fields", "_CFuncCompiler"} | {name for names in NAMES.values() for name in names}
    assert taken - (set(own_names(trees)) - written) - known == set(), "add what is new to NAMES"


