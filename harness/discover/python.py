"""What the sources of a Python project tell: its web app, the route that answers questions, or how its command is run.

Sources are parsed, never run.
"""

from __future__ import annotations

import ast
import shlex
import warnings
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from brownout.harness.discover.handler import Function, answer, body, keyword, name_of, text_of, words
from brownout.harness.discover.project import Find, Project
from brownout.harness.discover.sources import Source
from brownout.harness.discover.wording import HEALTH, likely_route

__all__ = ["Module", "command_line", "modules", "web_app"]

FRAMEWORKS = ("FastAPI", "Starlette", "Litestar", "Quart", "Flask")
ROUTERS = {"APIRouter": "prefix", "Blueprint": "url_prefix"}


@dataclass(frozen=True)
class Module:
    """A parsed source file. `imports` are the modules and names that it imports, dotted; relative ones begin with dots."""

    here: str
    text: str
    tree: ast.Module
    imports: frozenset[str]

    @property
    def path(self) -> PurePosixPath:
        return PurePosixPath(self.here)

    @property
    def name(self) -> PurePosixPath:
        """Its path without the ending, and for a package that of its folder."""
        return self.path.parent if self.path.stem == "__init__" else self.path.with_suffix("")


@dataclass(frozen=True)
class _Route:
    """A route: its path, the function that answers, and the call that registers it (a decorator or an entry of a list)."""

    path: str
    module: Module
    function: Function | None
    registered: ast.Call

    @property
    def source(self) -> str:
        return f"{self.module.here}:{self.registered.lineno}"

    @property
    def posted(self) -> bool:
        """Whether it takes POST requests."""
        methods = keyword(self.registered, "methods")
        named = [text_of(m) for m in methods.elts] if isinstance(methods, ast.List | ast.Tuple | ast.Set) else []
        return name_of(self.registered.func) == "post" or "POST" in named


def modules(found: Iterable[Source]) -> list[Module]:
    """The sources that can be parsed."""
    made = []
    for source in found:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # such as of a backslash in a text
                tree = ast.parse(source.text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            continue
        made.append(Module(source.here, source.text, tree, frozenset(_imports(tree))))
    return made


def web_app(found: list[Module], project: Project) -> None:
    """Write into `project` what the sources tell of a web app."""
    project.start = next((app for module in found if (app := _app(module, found))), None)
    included = [i for module in found for i in _included(module)]
    routes = [r for module in found for r in _routes(module, included) if not set(r.path) & set("{}<>")]
    healthy = next((r for r in routes if HEALTH.fullmatch(r.path) and not r.posted), None)
    if healthy:
        project.ready = Find(healthy.path, healthy.source)
    asked = [r for r in routes if r.posted]
    route = next((r for r in asked if likely_route(r.path)), asked[0] if asked else None)
    if route is None:
        return
    project.path = Find(route.path, route.source)
    if route.function is not None:
        classes = {c.name: c for m in found for c in ast.walk(m.tree) if isinstance(c, ast.ClassDef)}
        sent, said = body(route.function, classes), answer(route.function, route.registered, route.module.text, classes)
        project.body = Find(sent, route.source) if sent else None
        project.answer = Find(said, route.source) if said else None


def command_line(found: list[Module], scripts: Mapping[str, str], project: Project) -> None:
    """Write into `project` how an app without a server is run: a script of pyproject.toml, or a file that runs itself."""
    if scripts:
        name, target = next(iter(scripts.items()))
        ending = target.partition(":")[0].split(".")
        module = next((m for m in found if list(m.name.parts[-len(ending) :]) == ending), None)
        project.command = Find([name], f"pyproject.toml: project.scripts.{name}")
    else:
        module = next((m for m in found if "__main__" in words(m.tree)), None)
        if module:
            project.command = Find(["{python}", module.here], f"{module.here}: it runs itself")
    if module:
        used = words(module.tree)
        project.stdin = bool(used & {"stdin", "input"}) and not used & {"argv", "argparse", "click", "typer", "fire"}


def _imports(tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (a.name for a in node.names)
        elif isinstance(node, ast.ImportFrom):
            module = "." * node.level + (node.module or "")
            yield module
            yield from (f"{module.removesuffix('.')}.{a.name}" for a in node.names)


def _app(module: Module, found: list[Module]) -> Find[str] | None:
    """The command that serves the module's app: an object of a framework at its top, or made by a function there."""
    if module.path.name == "manage.py" and any(i.startswith("django.") for i in module.imports):
        return Find(f"python {shlex.quote(module.here)} runserver --noreload 127.0.0.1:{{port}}", module.here)
    for statement in module.tree.body:
        factory = statement.name if isinstance(statement, Function) else ""
        for node in ast.walk(statement) if factory else (statement,):
            if not isinstance(node, ast.Assign | ast.AnnAssign) or not isinstance(node.value, ast.Call):
                continue
            name = name_of(node.targets[0] if isinstance(node, ast.Assign) else node.target)
            kind = name_of(node.value.func)
            if kind in FRAMEWORKS and name:
                command = _serve(module, found, factory or name, kind, bool(factory))
                return Find(command, f"{module.here}: {name} = {kind}()")
    return None


def _serve(module: Module, found: list[Module], name: str, kind: str, factory: bool) -> str:
    root = _root(module, found)
    dotted = ".".join(module.name.relative_to(root).parts)
    if kind == "Flask":
        target = f"{dotted}:{name}" if root == PurePosixPath() else f"{module.name}:{name}"
        return f"flask --app {shlex.quote(target)} run --port {{port}}"
    folder = f" --app-dir {shlex.quote(str(root))}" if root != PurePosixPath() else ""
    return f"uvicorn {shlex.quote(f'{dotted}:{name}')}{' --factory' if factory else ''} --port {{port}}{folder}"


def _root(module: Module, found: list[Module]) -> PurePosixPath:
    """The folder from which a module is imported: the nearest one that holds something that the module imports."""
    wanted = {i.partition(".")[0] for i in module.imports}
    for folder in module.path.parents:
        inside = [m.name.relative_to(folder).parts for m in found if m.name.is_relative_to(folder) and m is not module]
        if {parts[0] for parts in inside if parts} & wanted:
            return folder
    return PurePosixPath("src") if module.path.parts[0] == "src" else PurePosixPath()


def _routes(module: Module, included: list[tuple[Module, ast.Call]]) -> Iterator[_Route]:
    """The routes of a module: decorated functions, and the entries of Starlette's lists of routes."""
    prefixes, outer = _prefixes(module), _outer(module, included)
    functions = {f.name: f for f in ast.walk(module.tree) if isinstance(f, Function)}
    for function in functions.values():
        for call in function.decorator_list:
            if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Attribute) or not call.args:
                continue
            path, router = text_of(call.args[0]), name_of(call.func.value)
            if path is None or call.func.attr not in ("post", "get", "route", "api_route"):
                continue
            whole = outer + prefixes[router] + path if router in prefixes else path
            if whole.startswith("/"):
                yield _Route(whole, module, function, call)
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and name_of(node.func) == "Route" and node.args:
            path = text_of(node.args[0])
            handler = node.args[1] if len(node.args) > 1 else keyword(node, "endpoint")
            if path and path.startswith("/"):
                yield _Route(path, module, functions.get(name_of(handler)), node)


def _prefixes(module: Module) -> dict[str, str]:
    """The prefixes of the module's routers, by the names of their variables."""
    found = {}
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and name_of(node.value.func) in ROUTERS:
            prefix = keyword(node.value, ROUTERS[name_of(node.value.func)])
            found[name_of(node.targets[0])] = text_of(prefix) or ""
    return found


def _included(module: Module) -> Iterator[tuple[Module, ast.Call]]:
    """The calls by which a module puts routers into an app."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Call) and name_of(node.func) in ("include_router", "register_blueprint") and node.args:
            yield module, node


def _outer(module: Module, included: list[tuple[Module, ast.Call]]) -> str:
    """The prefix under which the routers of a module are put into the app, where it is written out."""
    for other, call in included:
        given = call.args[0]
        owner = name_of(given.value) if isinstance(given, ast.Attribute) else ""
        imported = any(i.endswith(f"{module.name.name}.{name_of(given)}") for i in other.imports)
        if owner == module.name.name or (not owner and (imported or other is module)):
            return text_of(keyword(call, "prefix") or keyword(call, "url_prefix")) or ""
    return ""
