"""Both languages say everything, with the same values in it, and name commands that exist."""

from __future__ import annotations

import ast
import importlib.util
import sys
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from command_lines import command_lines, fault_of

from katchi import errors, language

ROOT = Path(__file__).resolve().parents[2]
TOOL = ROOT / "tools" / "catalogue.py"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("catalogue", TOOL)
    module = importlib.util.module_from_spec(spec)
    sys.modules["catalogue"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def shown(tool):
    return tool.shown_strings()


def found_in(tool, source: str) -> list[str]:
    path = TOOL.parent / "example.py"  # never written: only its place is shown
    module = tool.Module.__new__(tool.Module)
    module._path, module._errors = path, frozenset({"Refused", "NotFound"})
    module._tree = ast.parse(source)
    module._around = {}
    module._note_scopes(module._tree, ())
    return [one.text if isinstance(one, tool.Shown) else f"? {one.source}" for one in module.found()]


def test_every_string_that_is_shown_stands_in_korean_with_the_same_placeholders(tool, shown):
    (path,) = tool.catalogue_paths()
    assert tool.problems(tool.read_catalogue(path), *shown) == []


def test_the_catalogue_is_written_as_the_tool_writes_it(tool, shown, tmp_path):
    (path,) = tool.catalogue_paths()
    again = tmp_path / "ko" / "LC_MESSAGES" / "katchi.po"
    again.parent.mkdir(parents=True)
    tool.write_catalogue(again, tool.updated(tool.read_catalogue(path), shown[0]))
    assert again.read_text() == path.read_text()


def test_every_command_that_a_string_tells_people_to_type_exists_in_both_languages(tool):
    (path,) = tool.catalogue_paths()
    texts = [text for message in tool.read_catalogue(path) for text in (message.id, message.string) if text]
    lines = [line for text in texts for line in command_lines(text)]
    lines += [text.partition(": ")[2] for text in texts if text.startswith(("Example: katchi", "예: katchi"))]
    assert len(lines) > 50
    assert [fault for line in lines if (fault := fault_of(line))] == []


def test_the_installed_catalogue_is_compiled_from_the_source(tool):
    (path,) = tool.catalogue_paths()
    translate = language.translator("ko")
    behind = [m.id for m in tool.read_catalogue(path) if m.id and translate(m.id) != m.string]
    assert not behind, "install again: pip install -e ."


def test_a_missing_an_obsolete_a_fuzzy_and_a_misplaced_string_are_each_named(tool):
    catalogue = Catalog(locale="ko", fuzzy=False)
    catalogue.add("old", "옛것")
    catalogue.add("fuzzy", "흐림", flags=("fuzzy",))
    catalogue.add("{n} of {all:.0f}", "{n}의 {all}")
    catalogue.add("empty", "")
    shown = [tool.Shown(text, "a.py:1") for text in ("new", "fuzzy", "{n} of {all:.0f}", "empty")]
    assert tool.problems(catalogue, shown, [tool.Unreadable("f'x'", "b.py:2")]) == [
        "b.py:2: not a literal: f'x'",
        "a.py:1: missing: new",
        "obsolete: old",
        "a.py:1: not translated: empty",
        "fuzzy: fuzzy",
        "other placeholders: {n} of {all:.0f} -> {n}의 {all}",
    ]


def test_strings_are_found_through_a_small_function_a_name_and_a_condition(tool):
    source = """
SEE = "See the list."

def refuse(what, hint="Try again."):
    return Refused("{what} is empty", hint=hint + " " + SEE, what=what)

def act(many):
    advice = "Give fewer." if many else "Give more."
    raise NotFound(_("nothing here"), hint=advice)

refuse("a position")
refuse("a reason", hint="Stop.")
"""
    assert set(found_in(tool, source)) == {
        "{what} is empty",
        "Try again. See the list.",
        "Stop. See the list.",
        "a position",
        "a reason",
        "nothing here",
        "Give fewer.",
        "Give more.",
    } | {"? _('nothing here')"}


def test_a_string_that_is_put_together_while_running_is_named_as_unreadable(tool):
    assert found_in(tool, "_(f'{n} entries')\n_(table[key])") == ["? f'{n} entries'", "? table[key]"]


def test_strings_in_a_template_are_found_wherever_they_stand_and_what_is_no_literal_is_named(tool, monkeypatch, tmp_path):
    monkeypatch.setattr(tool, "ROOT", tmp_path)
    page = tmp_path / "page.html"
    lines = (
        """{# _("not shown") #}<p title="{{ _('said \\"so\\"') }}">{% if _("one") == x %}{% endif %}""",
        """{{ _("{n} left").format(n=1) | upper }}{% call a(_("two") if x""",
        """else _("three")) %}{{ _("four" if x else "five") }}{% endcall %}""",
        """{% for name in (("/", _("six")),) %}{{ said(name) }} _("plain text") {{ _(name) }}{% endfor %}""",
    )
    page.write_text("\n".join(lines), encoding="utf-8")
    found = list(tool.in_template(page))
    assert sorted(one.text for one in found if isinstance(one, tool.Shown)) == sorted(
        ['said "so"', "one", "{n} left", "two", "three", "four", "five", "six"]
    )
    (unreadable,) = (one for one in found if isinstance(one, tool.Unreadable))
    assert unreadable.place == "page.html:4"


def test_updating_keeps_translations_adds_what_is_new_and_guesses_nothing(tool):
    old = Catalog(locale="ko", fuzzy=False)
    old.add("kept", "보존")
    old.add("a consultation needs a subject", "협의에는 건명이 있어야 합니다")
    new = tool.updated(old, [tool.Shown("kept", "a.py:1"), tool.Shown("a consultation needs a subjects", "a.py:2")])
    assert {m.id: (m.string, m.fuzzy) for m in new if m.id} == {
        "kept": ("보존", False),
        "a consultation needs a subjects": ("", False),
    }


def test_an_error_is_said_in_the_language_of_whoever_reads_it_and_quotes_the_input_as_it_was():
    words = {"{what} cannot be empty": "{what}: 비워 둘 수 없습니다", "a position": "입장", "no {name}": "{name} 없음"}
    said = words.get
    assert (
        errors.Malformed("{what} cannot be empty", what="a position").said(lambda t: said(t, t))[0] == "입장: 비워 둘 수 없습니다"
    )
    assert errors.NotFound("no {name}", name="a position").said(lambda t: said(t, t))[0] == "a position 없음"
