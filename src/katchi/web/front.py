"""What the pages and the API need of a running node: its commands, its views, its officers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from katchi.errors import NotFound
from katchi.node.batch import Batch
from katchi.node.commands import NodeCommand, Written
from katchi.node.notices import Notice, Told
from katchi.serve.alarm import Alarm, ways_of
from katchi.serve.clock import now_us
from katchi.serve.directory import NodeDirectory
from katchi.serve.questions import Asked
from katchi.serve.service import Service
from katchi.vocabulary import Precedence
from katchi.web.drafts import Drafts
from katchi.web.live import Live, Now
from katchi.web.local import open_local
from katchi.web.outside import Audits
from katchi.web.sent import Sent
from katchi.web.sessions import Sessions
from katchi.web.shared import Shared
from katchi.web.shelf import Shelf
from katchi.web.simulations import Simulations

Value = TypeVar("Value")


class Front:
    """One running node, as its pages see it."""

    def __init__(self, service: Service, directory: NodeDirectory, clock: Callable[[], int] = now_us) -> None:
        self.service, self.directory, self.clock = service, directory, clock
        self._local = open_local(directory.path / "web.sqlite")
        self.sessions = Sessions(self._local, clock)
        self.drafts = Drafts(self._local, clock)
        self.sent = Sent(self._local, clock)
        self.live = Live(self._now)
        self.shared = Shared(clock)
        self.audits = Audits(directory.path, self.live.changed)
        self.shelf = Shelf(directory.path / "scenarios")
        self.simulations = Simulations(directory.path / "simulations", self.live.changed, clock)
        self._rings = 0
        machine = service.driver.machine
        self.ally, self.mode = machine.own.ally, machine.settings.mode
        self.fingerprint: str = machine.own.fingerprint.hex()
        self.posts = machine.settings.duty.posts
        self.origin = ""  # http://ally.localhost:PORT, once it is served
        service.kept_watchers.append(self._kept)
        service.notice_watchers.append(self._noticed)
        ways = ways_of(directory.raw_settings())
        alarm = Alarm(ways, self.ally, self.mode, self.posts[0], lambda post: self.live.posts[post] > 0, clock)
        service.notice_watchers.append(alarm.noticed)
        service.answer("sign-in-link", self._sign_in_link)

    async def submit(self, command: NodeCommand) -> Written:
        """Give a command to the node; return once it is durable."""
        return await self.service.submit(command)

    async def ask(self, question: Callable[[Asked], Value]) -> Value:
        """Ask the node's state and links, between two batches."""
        machine = self.service.driver.machine
        return await self.service.driver.ask(lambda: question(Asked(machine.state, machine.peers)))

    def close(self) -> None:
        """End the streams and close web.sqlite."""
        self.live.end()
        self.audits.end()
        self.simulations.end()
        self._local.close()

    def _now(self) -> Now:
        desk = self.service.driver.machine.state.desk
        highest = next((one.precedence for one in desk.most_urgent(1)), -1)
        return Now(len(desk), highest, self._rings, self.clock())

    def _kept(self, batch: Batch) -> None:
        if not batch.is_empty:  # a page that asks changes nothing: told of it, all pages would ask again, for ever
            self._changed()

    def _noticed(self, notice: Notice) -> None:
        if notice.told is Told.ESCALATED or (notice.told is Told.MESSAGE and notice.precedence >= Precedence.IMMEDIATE):
            self._rings += 1
        self._changed()

    def _changed(self) -> None:
        self.shared.forget()
        self.live.changed()

    async def _sign_in_link(self, arguments: Mapping[str, Any]) -> dict[str, str]:
        post = str(arguments.get("post") or self.posts[0])
        if post not in self.posts:
            raise NotFound(
                "this node has no post '{post}'", hint="Its posts are: {posts}.", post=post, posts=", ".join(self.posts)
            )
        name = str(arguments["name"]) if arguments.get("name") else None
        return {"url": f"{self.origin}/sign-in/{self.sessions.new_link(post, name)}", "post": post}
