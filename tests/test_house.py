"""The house rules that a machine can check: which way imports go, where numba lives, what is documented, how long files
are."""

import ast
import doctest
import importlib
import inspect
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import pytest

import fastmpg as fm
from fastmpg.metrics.metric import known

PACKAGE = Path(fm.__file__).parent
FILES = sorted(p for p in PACKAGE.rglob("*.py"))
LAYERS = [
    ("machine", "_check", "_discover", "_contract", "_same"),
    ("kernels",),
    ("models",),
    ("games", "policy"),
    ("feedback",),
    ("metrics", "horizon"),
    ("rules", "theory"),
    ("potential",),
    ("solvers",),
    ("run",),
    ("io",),
    ("experiments", "plot", "cli", "__main__"),
    ("docs",),
]
LAYER = {name: depth for depth, names in enumerate(LAYERS) for name in names}
LAZY = {"cli", "__main__"}  # only these may import upwards, or sideways, inside their functions


def name_of(path):
    """fastmpg/models/chain.py -> ("models", "chain"); a package is its __init__."""
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[:-1] if parts[-1] == "__init__" else parts


def imports(path):
    """Every import of the file as (line, absolute module name, imported name or None)."""
    package = ["fastmpg", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(), str(path))):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name, None
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                yield node.lineno, module, alias.name


def inner_imports(path):
    """(line, what inside the package), resolved to a module where the imported name is one."""
    for line, module, name in imports(path):
        parts = module.split(".")
        if parts[0] != "fastmpg":
            continue
        inside = parts[1:]
        if name and (not inside or (PACKAGE.joinpath(*inside, f"{name}.py")).exists()):
            inside.append(name)
        if inside:
            yield line, tuple(inside)


def test_every_file_has_a_layer():
    homeless = sorted({name_of(p)[0] for p in FILES if name_of(p)} - set(LAYER))
    assert not homeless, f"give {homeless} a place in LAYERS of {__file__}"


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(name_of(p)) or "__init__")
def test_imports_go_upward_only(path):
    """Nothing imports from a later layer; within a layer folders do not import their own package's list of rooms."""
    own = name_of(path)
    if not own or own[0] in LAZY:
        return  # fastmpg/__init__.py gathers, cli is on top
    later = [
        f"line {line}: {'.'.join(target)}"
        for line, target in inner_imports(path)
        if target[0] in LAYER and LAYER[target[0]] > LAYER[own[0]]
    ]
    assert not later, f"{'.'.join(own)} (layer {LAYERS[LAYER[own[0]]]}) imports from above: {later}"


def test_no_import_cycles():
    """Imports at module level and inside functions alike, file by file."""
    modules = {".".join(name_of(p)): p for p in FILES if name_of(p)}
    graph = {}
    for name, path in modules.items():
        graph[name] = set()
        for _, module, imported in imports(path):
            if module.split(".")[0] == "fastmpg":
                inside = ".".join(module.split(".")[1:])
                child = f"{inside}.{imported}".strip(".")
                graph[name].add(child if child in modules else inside)
    graph = {name: {t for t in targets if t in modules and t != name} for name, targets in graph.items()}
    done, path_ = set(), []

    def visit(name):
        assert name not in path_, " -> ".join([*path_[path_.index(name) :], name])
        if name in done:
            return
        path_.append(name)
        for target in sorted(graph[name]):
            visit(target)
        path_.pop()
        done.add(name)

    for name in sorted(graph):
        visit(name)
    assert done == set(modules)


def test_one_folder_knows_numba():
    users = {name_of(p)[0] for p in FILES for _, module, _ in imports(p)
             if module.split(".")[0] in ("numba", "llvmlite")}
    assert users == {"machine"}


def test_the_root_holds_no_more_than_it_must():
    assert {"/".join(name_of(p)) or "__init__" for p in FILES if p.parent == PACKAGE} == {
        "__init__", "__main__", "policy", "_discover", "_contract", "_same"}


def test_no_module_takes_the_place_of_what_its_folder_offers():
    """Importing fastmpg.metrics.x makes x an attribute of fastmpg.metrics, whatever stood there before."""
    loaded = [importlib.import_module(name) for name in modules()]
    known()
    for module in loaded[1:]:  # the package itself offers modules
        assert not [name for name in getattr(module, "__all__", ())
                    if inspect.ismodule(getattr(module, name))], module.__name__


def test_what_is_found_at_run_time_is_no_source_of_kernels():
    """A list of rooms imports what it finds, which a stamp of sources cannot see: kernels' modules take from none."""
    lists = {name_of(p)[0] for p in FILES if p.name == "__init__.py" and "_discover" in p.read_text() and name_of(p)}
    assert {"rules", "games"} <= lists
    for path in FILES:
        makes = ({name for _, module, name in imports(path) if module.endswith("machine")}
                 & {"kernel", "inlined", "precise", "unit"})
        if makes:
            assert not [inside for _, inside in inner_imports(path) if len(inside) == 1 and inside[0] in lists], path


def is_named_tuple(node):
    return isinstance(node, ast.ClassDef) and any(
        (isinstance(b, ast.Name) and b.id == "NamedTuple")
        or (isinstance(b, ast.Attribute) and b.attr == "NamedTuple")
        for b in node.bases
    )


def test_named_tuples_have_names_of_their_own():
    """The key of compiled code holds a class's name, not its module: two of one name could be taken for each other."""
    homes = {}
    for path in FILES:
        for node in ast.walk(ast.parse(path.read_text())):
            if is_named_tuple(node):
                homes.setdefault(node.name, []).append("/".join(name_of(path)))
    assert len(homes) >= 10
    assert not {name: where for name, where in homes.items() if len(where) > 1}


def test_every_public_name_is_documented():
    """Everything that `import fastmpg` offers, and every public function, class and method behind it."""
    listed = [name for _, _, name in imports(PACKAGE / "__init__.py") if name and not name.startswith("_")]
    public = {name: getattr(fm, name) for name in listed if hasattr(fm, name)}
    assert {"learn", "ensemble", "evaluate", "MarkovGame", "rules", "games"} <= set(public)
    bare = []
    for name, value in public.items():
        if not inspect.getdoc(value):
            bare.append(name)
    for module in (fm.games, fm.rules, fm.metrics, fm.theory):
        for name in getattr(module, "__all__", [n for n in vars(module) if not n.startswith("_")]):
            value = getattr(module, name)
            if callable(value) and getattr(value, "__module__", None) == module.__name__ and not inspect.getdoc(value):
                bare.append(f"{module.__name__}.{name}")
    for name, kind in public.items():
        if inspect.isclass(kind):
            for member, value in vars(kind).items():
                inherited = any(
                    getattr(base, member, None) is not None and getattr(getattr(base, member), "__doc__", None)
                    for base in kind.__mro__[1:]
                )
                if not member.startswith("_") and inspect.isfunction(value) and not value.__doc__ and not inherited:
                    bare.append(f"{name}.{member}")
    assert not bare


def modules():
    return ["fastmpg", *(info.name for info in pkgutil.walk_packages(fm.__path__, "fastmpg.")
                         if not info.name.endswith("__main__"))]


def test_there_are_examples():
    finder = doctest.DocTestFinder(exclude_empty=True)
    found = [test for name in modules() for test in finder.find(importlib.import_module(name)) if test.examples]
    assert len(found) >= 15


IMPORT = """
import json, sys
from numba.core import event
compiled = []
class Listener(event.Listener):
    def on_start(self, happened): compiled.append(str(happened.data["dispatcher"]))
    def on_end(self, happened): pass
event.register("numba:compile", Listener())
import fastmpg
from numba.core.dispatcher import Dispatcher
import gc
alive = [d for d in gc.get_objects() if isinstance(d, Dispatcher) and d.py_func.__module__.startswith("fastmpg")]
signed = [d.py_func.__qualname__ for d in alive if d.signatures]
heavy = [m for m in ("matplotlib", "tqdm", "pytest", "xarray", "dask", "pandas", "pygambit", "quantecon",
                     "nashpy", "pyspiel", "gymnasium", "pettingzoo")
         if m in sys.modules]
print(json.dumps(dict(compiled=compiled, signed=signed, heavy=heavy, alive=len(alive))))
"""


def test_promises_name_files_that_are_there():
    here = Path(__file__).parent
    named = set(re.findall(r"test_\w+\.py", (here.parent / "fastmpg" / "docs" / "trust.md").read_text()))
    assert len(named) > 20 and not {name for name in named if not (here / name).exists()}


@pytest.mark.compiled
def test_importing_is_light():
    """A fresh process compiles nothing and imports no plotting (its time, beside that of numba: bench/start.py)."""
    import json

    run = json.loads(subprocess.run([sys.executable, "-c", IMPORT], capture_output=True, text=True, check=True).stdout)
    assert run["compiled"] == [] and run["signed"] == [] and run["heavy"] == []
    assert run["alive"] >= 40, "the kernels were there to be asked"


@pytest.mark.parametrize("path", FILES, ids=lambda p: "/".join(name_of(p)) or "__init__")
def test_files_are_short(path):
    lines = path.read_text().splitlines()
    assert len(lines) <= 400 and max(map(len, lines), default=0) <= 120


def test_lines_of_tests_are_short():
    """Of tests, benchmarks and what checks a change too, in whatever language: 120 columns."""
    root = Path(__file__).parent.parent
    files = [path for room in ("tests", "bench", ".ci") for path in (root / room).rglob("*")
             if path.suffix == ".py" or path.name == "run"]
    assert len(files) >= 60
    long = [f"{path.relative_to(root)}:{number}" for path in files
            for number, line in enumerate(path.read_text().splitlines(), 1) if len(line) > 120]
    assert not long


DECORATORS = {"kernel", "inlined", "precise", "unit", "user_kernel"}


def kernels(path):
    """(name, docstring) of every function of a file that is compiled: decorated, or attached to a class by name."""
    tree = ast.parse(path.read_text())
    calls = [node for node in ast.walk(tree) if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)]
    attached = {word.value.id for call in calls if call.func.id == "attach" for word in call.keywords
                if isinstance(word.value, ast.Name)}
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef):
            decorated = {each.id for each in node.decorator_list if isinstance(each, ast.Name)} & DECORATORS
            if decorated or node.name in attached:
                yield node.name, ast.get_docstring(node)


def test_every_kernel_is_documented():
    found = {(path, name): said for path in FILES for name, said in kernels(path)}
    assert len(found) >= 200
    assert not [f"{'/'.join(name_of(path))}: {name}" for (path, name), said in found.items() if not said]
