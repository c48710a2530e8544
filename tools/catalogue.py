"""Find every string that katchi shows to people, and keep the catalogue of each language level with them.

    python tools/catalogue.py update    rewrite the .po files: new strings are added untranslated
    python tools/catalogue.py check     name what is missing, obsolete, fuzzy or has other placeholders; exit 1

English strings are the keys. They reach people as `_("...")`, in templates too; as the message, `hint=` and `what=` of the
errors of errors.py, built at the spot or through a small function; as `Sentence("...")` and `sayable("...")`;
as steps of the demo's story (`Told`); as the reasons, which are tokens, of what does not verify
(`Unverified`, `Finding`), and what an `Unverified` says of it.
Sources are read as syntax trees and never run. What cannot be read from the source as a literal is
named and fails the check: such a string could never be found in a catalogue.
"""

from __future__ import annotations

import ast
import string
import sys
from collections.abc import Iterable, Iterator, Sequence
from itertools import product
from pathlib import Path
from typing import NamedTuple

from babel.messages.catalog import Catalog, Message
from babel.messages.pofile import read_po, write_po
from jinja2 import Environment, nodes

ROOT = Path(__file__).resolve().parents[1]
SOURCE = ROOT / "src" / "katchi"
LOCALES = SOURCE / "locale"
HEADER = """\
# What katchi shows to people, by its English words. `python tools/catalogue.py update` adds what is new.
msgid ""
msgstr ""
"Language: {language}\\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"Content-Transfer-Encoding: 8bit\\n"

"""

Function = ast.FunctionDef | ast.AsyncFunctionDef
TEMPLATES = Environment(autoescape=True)


class Shown(NamedTuple):
    """One string that is shown, and where it stands."""

    text: str
    place: str  # path:line


class Unreadable(NamedTuple):
    """Something that is shown and is no literal: no catalogue can hold it."""

    source: str
    place: str


def error_names(trees: Iterable[ast.Module]) -> frozenset[str]:
    """Return the errors whose first argument is a message, wherever they are defined (a reason comes first in Unverified)."""
    classes = [node for tree in trees for node in tree.body if isinstance(node, ast.ClassDef)]
    names = {"KatchiError"}
    while found := {cls.name for cls in classes if any(isinstance(b, ast.Name) and b.id in names for b in cls.bases)} - names:
        names |= found
    own_message = {cls.name for cls in classes if any(isinstance(n, ast.FunctionDef) and n.name == "__init__" for n in cls.body)}
    return frozenset(names) - (own_message - {"KatchiError"})


class Module:
    """The syntax tree of one source file, and what it shows."""

    def __init__(self, path: Path, errors: frozenset[str]) -> None:
        self._path, self._errors = path, errors
        self._tree = ast.parse(path.read_text(encoding="utf-8"), str(path))
        self._around: dict[ast.AST, tuple[Function | ast.ClassDef, ...]] = {}
        self._note_scopes(self._tree, ())

    def _note_scopes(self, node: ast.AST, around: tuple[Function | ast.ClassDef, ...]) -> None:
        self._around[node] = around
        inside = (node, *around) if isinstance(node, Function | ast.ClassDef) else around
        for child in ast.iter_child_nodes(node):
            self._note_scopes(child, inside)

    def found(self) -> Iterator[Shown | Unreadable]:
        """Yield what is shown, in the order of the source."""
        for node in ast.walk(self._tree):
            if isinstance(node, ast.Call):
                for value, must_be_read in self._shown_by(node):
                    yield from self._read(value, must_be_read)

    def _shown_by(self, call: ast.Call) -> Iterator[tuple[ast.expr, bool]]:
        """Yield the arguments of a call that are shown, and whether each must be a literal."""
        name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
        keywords = {keyword.arg: keyword.value for keyword in call.keywords if keyword.arg}
        if name in ("_", "sayable", "Sentence") and isinstance(call.func, ast.Name):
            yield from ((value, self._path.name != "errors.py" or name != "Sentence") for value in call.args)
        elif name in self._errors or self._is_of_own_error(call):
            yield from ((value, True) for value in (*call.args[:1], *(keywords[k] for k in ("hint",) if k in keywords)))
            if "what" in keywords:  # part of a sentence: often quoted from elsewhere
                yield keywords["what"], False
        elif name == "Told" and len(call.args) > 1:
            yield call.args[1], True
        elif name == "Unverified" and call.args:  # a token, which is said in words where it is not English; what does not hold
            yield call.args[0], False
            yield from ((value, not isinstance(value, ast.Attribute)) for value in call.args[1:2])
        elif name == "Finding" and len(call.args) > 2:
            yield call.args[1], False
        elif name == "Failure" and len(call.args) > 2 and not isinstance(call.args[1], ast.Attribute):
            yield from ((value, True) for value in call.args[1:3])

    def _is_of_own_error(self, call: ast.Call) -> bool:
        """Return whether this is `super().__init__(...)` in an error class."""
        is_init = isinstance(call.func, ast.Attribute) and call.func.attr == "__init__"
        cls = next((scope for scope in self._around[call] if isinstance(scope, ast.ClassDef)), None)
        return is_init and cls is not None and any(isinstance(b, ast.Name) and b.id in self._errors for b in cls.bases)

    def _read(self, value: ast.expr, must_be_read: bool) -> Iterator[Shown | Unreadable]:
        place = f"{self._path.relative_to(ROOT)}:{value.lineno}"
        texts = self._texts(value, self._around[value])
        if texts is None and must_be_read:
            yield Unreadable(ast.unparse(value), place)
        yield from (Shown(text, place) for text in texts or () if _has_words(text))

    def _texts(self, value: ast.expr, scopes: Sequence[ast.AST]) -> list[str] | None:
        """Return all strings that an expression can be, None if that cannot be read from the source."""
        match value:
            case ast.Constant(value=str(text)):
                return [text]
            case ast.BinOp(left=left, op=ast.Add(), right=right):
                starts, ends = self._texts(left, scopes), self._texts(right, scopes)
                return None if starts is None or ends is None else [start + end for start, end in product(starts, ends)]
            case ast.IfExp(body=one, orelse=other):
                return self._all((one, other), scopes)
            case ast.BoolOp(op=ast.Or(), values=values):
                return self._all(values, scopes)
            case ast.Call(func=ast.Name(id="next"), args=[ast.GeneratorExp(elt=chosen, generators=[among]), default]):
                return self._all([*self._chosen(chosen, among, scopes), default], scopes)
            case ast.Name(id=name):
                return self._named(name, scopes)
        return None

    def _all(self, values: Iterable[ast.expr], scopes: Sequence[ast.AST]) -> list[str] | None:
        readings = [self._texts(value, scopes) for value in values]
        return None if not readings or None in readings else [text for reading in readings for text in reading or ()]

    def _chosen(self, chosen: ast.expr, among: ast.comprehension, scopes: Sequence[ast.AST]) -> Iterator[ast.expr]:
        """Yield what `chosen` can be where a table written out in the source is searched for it."""
        table = among.iter
        if isinstance(table, ast.Name) and scopes and isinstance(scopes[0], Function):
            table = next(_assigned(table.id, scopes[0].body), table)
        for row in table.elts if isinstance(table, ast.Tuple | ast.List) else ():
            if isinstance(chosen, ast.Name):
                yield from _taken_apart(chosen.id, among.target, row)

    def _named(self, name: str, scopes: Sequence[ast.AST]) -> list[str] | None:
        """Return what a name can be: what is assigned to it, or given for it where its function is called."""
        for depth, scope in enumerate(scopes):
            if not isinstance(scope, Function):
                continue
            if assigned := list(_assigned(name, scope.body)):
                return self._all(assigned, scopes[depth:])
            if name in (parameter.arg for parameter in _parameters(scope)):
                return self._given(name, scope)
        return self._all(_assigned(name, self._tree.body), ())

    def _given(self, name: str, function: Function) -> list[str] | None:
        """Return what the module's calls of `function` give for its parameter `name`."""
        is_method = isinstance(next(iter(self._around[function]), None), ast.ClassDef)
        ordered = [*function.args.posonlyargs, *function.args.args][is_method:]
        position = next((i for i, parameter in enumerate(ordered) if parameter.arg == name), -1)
        texts: list[str] = []
        for call in (node for node in ast.walk(self._tree) if isinstance(node, ast.Call)):
            called = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", None)
            if called != function.name:
                continue
            given = next((keyword.value for keyword in call.keywords if keyword.arg == name), None)
            if given is None and 0 <= position < len(call.args):
                given = call.args[position]
            given = given or _default(name, function)
            reading = None if given is None else self._texts(given, self._around[call])
            if reading is None:
                return None
            texts += reading
        return texts or None


def _has_words(text: str) -> bool:
    """Return whether there is anything to translate: a template of placeholders alone is the same in any language."""
    return any(char.isalpha() for literal, *_ in string.Formatter().parse(text) for char in literal)


def _parameters(function: Function) -> list[ast.arg]:
    return [*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs]


def _default(name: str, function: Function) -> ast.expr | None:
    plain = [*function.args.posonlyargs, *function.args.args]
    defaults = dict(zip((p.arg for p in reversed(plain)), reversed(function.args.defaults), strict=False))
    defaults |= {p.arg: v for p, v in zip(function.args.kwonlyargs, function.args.kw_defaults, strict=True) if v is not None}
    return defaults.get(name)


def _assigned(name: str, body: Sequence[ast.stmt]) -> Iterator[ast.expr]:
    """Yield what is assigned to `name` in these statements, tuples taken apart."""
    for node in (inner for statement in body for inner in ast.walk(statement)):
        match node:
            case ast.AnnAssign(target=ast.Name(id=found), value=ast.expr() as value) if found == name:
                yield value
            case ast.Assign(targets=targets, value=value):
                for target in targets:
                    yield from _taken_apart(name, target, value)


def _taken_apart(name: str, target: ast.expr, value: ast.expr) -> Iterator[ast.expr]:
    match target, value:
        case ast.Name(id=found), _ if found == name:
            yield value
        case ast.Tuple(elts=targets), ast.Tuple(elts=values):
            for one, its in zip(targets, values, strict=False):
                yield from _taken_apart(name, one, its)


def shown_strings(source: Path = SOURCE) -> tuple[list[Shown], list[Unreadable]]:
    """Return all strings that the sources show, and what cannot be read from them."""
    errors = error_names(ast.parse(path.read_text(encoding="utf-8"), str(path)) for path in SOURCE.rglob("*.py"))
    found = [one for path in sorted(source.rglob("*.py")) for one in Module(path, errors).found()]
    found += [one for path in sorted(source.rglob("*.html")) for one in in_template(path)]
    return [one for one in found if isinstance(one, Shown)], [one for one in found if isinstance(one, Unreadable)]


def in_template(path: Path) -> Iterator[Shown | Unreadable]:
    """Yield what a page's template shows; it is read as a syntax tree and never rendered."""
    source = path.read_text(encoding="utf-8")
    lines = source.splitlines()
    for call in TEMPLATES.parse(source, filename=str(path)).find_all(nodes.Call):
        if not (isinstance(call.node, nodes.Name) and call.node.name == "_"):
            continue
        place = f"{path.relative_to(ROOT)}:{call.lineno}"
        for value in call.args:
            texts = _in_expression(value)
            if texts is None:
                yield Unreadable(lines[call.lineno - 1].strip(), place)
            yield from (Shown(text, place) for text in texts or ())


def _in_expression(value: nodes.Node | None) -> list[str] | None:
    """Return all strings that a template's expression can be, None if that cannot be read from it."""
    match value:
        case nodes.Const(value=str(text)):
            return [text]
        case nodes.CondExpr(expr1=one, expr2=other):
            readings = [_in_expression(one), _in_expression(other)]
            return None if None in readings else [text for reading in readings for text in reading or ()]
    return None


def placeholders(text: str) -> list[tuple[str, str | None, str | None]]:
    """Return the {placeholders} of a template with their formats, sorted."""
    parsed = string.Formatter().parse(text)
    return sorted((name, form, conversion) for _, name, form, conversion in parsed if name is not None)


def problems(catalogue: Catalog, shown: Iterable[Shown], unreadable: Iterable[Unreadable]) -> list[str]:
    """Return what is wrong with a catalogue, one line each."""
    wanted = {one.text: one.place for one in shown}
    held = {str(message.id): message for message in catalogue if message.id}
    lines = [f"{one.place}: not a literal: {one.source}" for one in unreadable]
    lines += [f"{wanted[text]}: missing: {text}" for text in sorted(wanted.keys() - held.keys())]
    lines += [f"obsolete: {text}" for text in sorted(held.keys() - wanted.keys())]
    lines += [f"obsolete, kept as a comment: {message}" for message in catalogue.obsolete]
    for text, message in sorted(held.items()):
        if text in wanted and not message.string:
            lines.append(f"{wanted[text]}: not translated: {text}")
        elif message.fuzzy:
            lines.append(f"fuzzy: {text}")
        elif placeholders(text) != placeholders(str(message.string)):
            lines.append(f"other placeholders: {text} -> {message.string}")
    return lines


def updated(old: Catalog, shown: Iterable[Shown]) -> Catalog:
    """Return a catalogue of exactly the strings shown, with the translations that `old` has for them."""
    new = Catalog(locale=old.locale, fuzzy=False)
    for text in sorted({one.text for one in shown}):
        known: Message | None = old.get(text)
        new.add(text, known.string if known else "", flags=known.flags if known else ())
    return new


def catalogue_paths() -> list[Path]:
    """Return the .po files of all languages."""
    return sorted(LOCALES.glob("*/LC_MESSAGES/katchi.po"))


def read_catalogue(path: Path) -> Catalog:
    """Return the catalogue at `path`."""
    with path.open("rb") as file:
        return read_po(file, locale=path.parts[-3])


def write_catalogue(path: Path, catalogue: Catalog) -> None:
    """Write a catalogue without line numbers and dates, so that a change shows only itself."""
    entries = Catalog(locale=path.parts[-3], fuzzy=False)
    for message in catalogue:
        if message.id:
            entries.add(message.id, message.string, flags=message.flags)
    with path.open("wb") as file:
        file.write(HEADER.format(language=path.parts[-3]).encode())
        write_po(file, entries, width=120, sort_output=True, no_location=True, omit_header=True)


def main(words: Sequence[str]) -> int:
    """Update or check all catalogues."""
    if list(words) not in (["update"], ["check"]):
        sys.stderr.write(__doc__ or "")
        return 2
    shown, unreadable = shown_strings()
    if words[0] == "update":
        for path in catalogue_paths():
            write_catalogue(path, updated(read_catalogue(path), shown))
    lines = [
        f"{path.parts[-3]}: {line}" for path in catalogue_paths() for line in problems(read_catalogue(path), shown, unreadable)
    ]
    sys.stdout.write("".join(line + "\n" for line in lines))
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
