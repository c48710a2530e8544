"""Every token has its word in both languages, and no word, field, command or option orders anything."""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum
from importlib import import_module
from pkgutil import iter_modules
from types import ModuleType
from typing import get_args

import msgspec
import pytest

from katchi import vocabulary as v
from katchi.cli import consultation as consultation_commands
from katchi.cli import options
from katchi.cli.__main__ import NOUNS, application
from katchi.consult import acts, rules
from katchi.link import frames
from katchi.node import commands
from katchi.record.fields import Mode
from katchi.serve.invitation import Compared
from katchi.web import api
from katchi.web.api import acts as api_acts

TOKENS = [
    *(kind.value for kind in v.Kind),
    *(one.value for table in (v.Stance, v.Status, v.Form, v.Flag, v.Receipt) for one in table),
    *(precedence.name.lower() for precedence in v.Precedence),
    *get_args(Mode),
    *get_args(Compared),
    "own arrival times",
    "its own statement",
]

# Words that approve, order or release something, or name what could be: by how they begin, in English.
ENGLISH = (
    "aim", "allow", "approv", "assent", "attack", "authori", "bomb", "clearance", "consent", "deploy", "detonat", "employ",
    "execut", "fire", "firing", "go-ahead", "grant", "launch", "missile", "nuclear", "obey", "order", "permi", "release",
    "strik", "strike", "target", "veto", "warhead", "weapon", "yield",
)  # fmt: skip
KOREAN = (
    "가동 명령", "격발", "결재", "공격", "교전", "동의", "명령", "무기", "미사일", "발사", "사격", "승인", "위력", "인가",
    "재가", "지시", "타격", "투발", "투하", "표적", "핵탄", "핵무기", "허가", "허용",
)  # fmt: skip
REVIEWED: dict[str, str] = {}  # a word that begins like one of these and is innocent: why it is


@pytest.mark.parametrize("token", sorted(set(TOKENS)))
def test_a_token_has_a_word_in_english_and_in_korean(token):
    found = v.WORDS[token]
    assert found.en.strip() and re.search("[가-힣]", found.ko)
    assert not re.search("[가-힣]", found.en)


def test_a_korean_word_holds_the_placeholders_of_the_english_one():
    held = {en: (re.findall(r"{\w+}", one.en), re.findall(r"{\w+}", one.ko)) for en, one in v.WORDS.items()}
    assert [token for token, (english, korean) in held.items() if english != korean] == []


def test_two_stances_or_statuses_are_never_read_as_the_same_word():
    for table in (v.Stance, v.Status, v.Form, v.Receipt, v.Flag):
        for language in ("en", "ko"):
            assert len({v.word(one, language) for one in table}) == len(table), (table, language)


def test_the_command_line_takes_exactly_the_forms_and_precedences_of_the_vocabulary():
    assert set(get_args(consultation_commands.FormWord)) == {form.value for form in v.Form}
    assert set(get_args(options.PrecedenceWord)) == {precedence.name.lower() for precedence in v.Precedence}


def test_the_api_takes_exactly_the_precedences_of_the_vocabulary():
    assert set(get_args(api_acts.PrecedenceWord)) == {precedence.name.lower() for precedence in v.Precedence}


def test_an_unknown_token_is_shown_as_it_is():
    assert v.word("novel.kind", "ko") == "novel.kind"


def names_of_vocabulary() -> Iterator[str]:
    for token, one in v.WORDS.items():
        yield from (token, one.en, one.meaning)
    tables = [table for table in vars(v).values() if isinstance(table, type) and issubclass(table, Enum)]
    yield from (member.name for table in tables for member in table)


def names_of_structs(*modules) -> Iterator[str]:
    """Yield class names, tags and fields of all structs that the modules define or take."""
    for module in modules:
        for kind in vars(module).values():
            if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
                yield kind.__name__
                yield str(kind.__struct_config__.tag or "")
                yield from kind.__struct_fields__


def names_of_commands() -> Iterator[str]:
    app = application()
    for noun in NOUNS:
        yield noun
        for app_or_command in (app[noun], *(app[noun][name] for name in app[noun] if not name.startswith("-"))):
            yield from app_or_command.name
            if app_or_command.default_command is not None:
                yield from (name for argument in app_or_command.assemble_argument_collection() for name in argument.names)


def modules_of_the_api() -> list[ModuleType]:
    return [import_module(f"{api.__name__}.{found.name}") for found in iter_modules(api.__path__)]


def addresses_of_the_api() -> list[str]:
    handlers = [handler for module in modules_of_the_api() for handler in getattr(module, "HANDLERS", ())]
    return [word for handler in handlers for path in handler.paths for word in path.split("/") if word]


def parts(name: str) -> list[str]:
    """Return the words of a name: of snake_case, CamelCase, a token or a phrase."""
    return re.findall("[A-Za-z][a-z]*", re.sub("([a-z])([A-Z])", r"\1 \2", name.replace("_", " ")).lower())


def forbidden(names) -> list[str]:
    return [f"{word} in {name!r}" for name in names for word in parts(name) if word.startswith(ENGLISH) and word not in REVIEWED]


def test_nothing_that_can_be_said_or_sent_approves_orders_or_releases_anything():
    names = [
        *names_of_vocabulary(),
        *(kind.value for kind in v.Kind),
        *names_of_structs(acts, rules, commands, frames, *modules_of_the_api()),
        *addresses_of_the_api(),
        *names_of_commands(),
    ]
    assert len(names) > 400
    assert forbidden(names) == []


def test_no_korean_word_approves_orders_or_releases_anything():
    assert [one.ko for one in v.WORDS.values() if any(stem in one.ko for stem in KOREAN)] == []


@pytest.mark.parametrize(
    "name",
    ["launch-authority", "LaunchOrdered", "approved_by", "weapon.released", "authorisation", "AUTHORIZE", "--target", "Yields"],
)
def test_a_name_that_would_order_something_is_caught(name):
    assert forbidden([name])


def test_words_of_consultation_are_not_taken_for_orders():
    assert forbidden(["firm", "restoring", "border", "striped", "consultation", "ordinary"]) == []
