"""What pages say of times, words and commands."""

from __future__ import annotations

from katchi.web.speech import commands


def test_a_command_in_a_hint_is_set_as_one_and_what_was_typed_stays_text():
    assert str(commands("Run `katchi <room>` & wait.")) == "Run <code>katchi &lt;room&gt;</code> &amp; wait."
    assert str(commands("no command")) == "no command"
