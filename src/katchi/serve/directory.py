"""A node's directory: keys, settings, store and the lock that lets one process write.

A directory is live or exercise for life, and belongs to one ally for life: both stand in the keys, the
store and the settings, and a directory whose parts disagree is refused. Readers take no lock.
"""

from __future__ import annotations

import fcntl
import os
import secrets
import tomllib
from pathlib import Path
from typing import Any

import msgspec

from katchi.bearer.certificate import CertificatePaths, create_certificate, pin, read_der
from katchi.consult.duty import DEFAULT_ESCALATE_AFTER_S
from katchi.errors import KatchiError, Malformed, NodeBusy, NotFound, Refused, StoreFailed, os_reason
from katchi.node.commands import FoundRoom
from katchi.node.machine import Machine
from katchi.node.settings import Settings
from katchi.record.canonical import decode_struct, encode
from katchi.record.charter import Charter
from katchi.record.fields import STATEMENT_SIZE_MAX, AllyId, Mode
from katchi.record.identity import Contact, Identity, KnownAlly, SignedIdentity, known, sign_contact, sign_identity
from katchi.record.suite import SHIPPED
from katchi.serve.clock import now_us
from katchi.serve.invitation import Invitation
from katchi.serve.keys import FileSigner
from katchi.serve.place import note, noted, place_of
from katchi.serve.threads import Threads
from katchi.store.reader import SqliteReader
from katchi.store.sqlite import SqliteStore
from katchi.vocabulary import Precedence

SETTINGS_TEXT = """\
# Settings of this node: they concern this government alone.
ally = "{ally}"
mode = "{mode}"  # for life

# Posts, in the order in which an unread message climbs them.
posts = ["duty", "deputy", "principal"]

# Sign a room's charter by itself if all its members are paired here ("paired"), or let an officer do it ("ask").
join = "paired"

# The address given in invitations, and the port on which allies reach this node.
address = "127.0.0.1:{link_port}"
link_port = {link_port}

# The port of the pages, on this computer alone.
port = {port}

# Seconds before an unread message goes to the next post.
[escalate_after_s]
routine = 28800
priority = 3600
immediate = 600
flash = 120
"""


class NodeDirectory:
    """The files of one node."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store_path = path / "record.sqlite"
        self.control_path = path / "control.json"
        self.countersignatures_path = path / "countersignatures.kept"
        self._lock: int | None = None

    @classmethod
    def create(cls, path: Path, *, ally: str, mode: Mode) -> NodeDirectory:
        """Make a node: keys, identity, certificate, store, national room. Asks nothing.

        Raises:
            Malformed: not an ally id. Refused: the directory is not empty. StoreFailed: the disk did not take it.
        """
        try:
            msgspec.convert(ally, AllyId)
        except msgspec.ValidationError:
            raise Malformed(
                "'{ally}' is not an ally id", hint="1 to 32 letters, digits or hyphens, such as KOR.", ally=ally
            ) from None
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            is_empty = not any(path.iterdir())
        except OSError as error:
            raise StoreFailed(
                "cannot make {path}: {error}",
                hint="Name a directory that can be written.",
                path=str(path),
                error=os_reason(error),
            ) from None
        if not is_empty:
            raise Refused("{path} is not empty", hint="Name a new directory: a node is never made over another.", path=str(path))
        directory = cls(path)
        signer = FileSigner.create(path / "keys.pem")
        identity = Identity(mode=mode, ally=ally, suite=signer.suite, keys=signer.public_keys, serial=0, at=now_us())
        signed = sign_identity(identity, signer)
        (path / "identity.cbor").write_bytes(encode(signed))
        create_certificate(ally, CertificatePaths.within(path))
        link_port = 20_000 + secrets.randbelow(10_000)
        text = SETTINGS_TEXT.format(ally=ally, mode=mode, link_port=link_port, port=link_port + 10_000)
        (path / "settings.toml").write_text(text, encoding="utf-8")
        SqliteStore.create(directory.store_path, meta={"ally": ally, "mode": mode}).close()
        note(path / "place.json", place_of(directory.store_path))
        with directory.locked():
            machine, store = directory.machine()
            machine.submit(FoundRoom(title=f"{ally} national", allies=()), now_us())
            store.append(machine.close_group(now_us()))
            machine.committed()
            store.close()
        return directory

    @classmethod
    def open(cls, path: Path) -> NodeDirectory:
        """Return the node at `path`, or raise NotFound."""
        if not (path / "record.sqlite").is_file():
            raise NotFound("there is no node in {path}", hint="Make one: `katchi node init {path} --ally KOR`.", path=str(path))
        return cls(path)

    # The one writer.

    def locked(self) -> NodeDirectory:
        """Take the directory's lock, to be used in `with`; NodeBusy if another process holds it."""
        descriptor = os.open(self.path / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(descriptor)
            raise NodeBusy(
                "another process is writing to the node in {path}",
                hint="If `katchi node serve` runs there, give commands with --node {path}: they go to it.",
                path=str(self.path),
            ) from None
        self._lock = descriptor
        return self

    def __enter__(self) -> NodeDirectory:
        return self

    def __exit__(self, *_: object) -> None:
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    # What it holds.

    @property
    def identity(self) -> SignedIdentity:
        """This ally's signed identity."""
        try:
            return decode_struct((self.path / "identity.cbor").read_bytes(), SignedIdentity, size_max=64 * 1024)
        except (OSError, KatchiError):
            raise Malformed(
                "{path}/identity.cbor cannot be read", hint="Restore it from a backup of this directory.", path=str(self.path)
            ) from None

    def own(self) -> KnownAlly:
        """This ally, verified."""
        return known(self.identity, SHIPPED)

    def signer(self) -> FileSigner:
        """The private keys, which are those of this node's identity.

        Raises:
            Refused: they are another node's.
        """
        signer = FileSigner.load(self.path / "keys.pem")
        if signer.public_keys != self.identity.identity.keys:
            raise Refused(
                "{path}/keys.pem holds the keys of another node than identity.cbor",
                hint="Live and exercise, and two allies, never share a directory. Put both files of one node back.",
                path=str(self.path),
            )
        return signer

    def raw_settings(self) -> dict[str, Any]:
        """settings.toml as it stands."""
        path = self.path / "settings.toml"
        try:
            return tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise NotFound(
                "cannot read {path}: {error}", hint="Restore it from a backup.", path=str(path), error=os_reason(error)
            ) from None
        except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
            raise Malformed("{path} is not TOML: {error}", hint="Correct that line.", path=str(path), error=str(error)) from None

    def settings(self) -> Settings:
        """The settings, as the machine takes them.

        Raises:
            Malformed: a value is not as it must be. Refused: mode or ally are not those of the keys.
        """
        raw = self.raw_settings()
        identity = self.identity.identity
        try:
            duty: dict[str, Any] = {"posts": raw.get("posts", ["duty"])}
            after_s = {int(Precedence[name.upper()]): s for name, s in raw.get("escalate_after_s", {}).items()}
            if after_s:
                duty["escalate_after_s"] = DEFAULT_ESCALATE_AFTER_S | after_s
            chosen: dict[str, Any] = {name: raw[name] for name in ("ally", "mode", "join", "bytes_a_day_max") if name in raw}
            settings = msgspec.convert(chosen | {"duty": duty}, Settings)
        except (msgspec.ValidationError, KeyError) as error:
            raise Malformed(
                "settings.toml is not as it must be: {error}",
                hint="Correct it in {path}/settings.toml.",
                error=str(error),
                path=str(self.path),
            ) from None
        if (settings.ally, settings.mode) != (identity.ally, identity.mode):
            raise Refused(
                "settings.toml says {said}, but the keys here are of {held}",
                hint="A node belongs to one ally, live or exercise, for life. Make another node instead.",
                said=f"{settings.ally} {settings.mode}",
                held=f"{identity.ally} {identity.mode}",
            )
        return settings

    @property
    def link_port(self) -> int:
        """The port on which allies reach this node, by its settings."""
        return int(self.raw_settings().get("link_port", 0))

    @property
    def port(self) -> int:
        """The port of this node's pages, by its settings; 0 takes any free one."""
        return int(self.raw_settings().get("port", 0))

    def machine(self) -> tuple[Machine, SqliteStore]:
        """Return the node machine on its store; the caller holds the lock.

        A store that was restored or copied here is noted as such: its chains will open a new epoch.
        """
        store = SqliteStore.open(self.store_path)
        try:
            self._require_same(store)
            here, before = place_of(self.store_path), noted(self.path / "place.json")
            was_restored = before != here
            self._require_member(store)
            machine = Machine(
                self.settings(),
                self.own(),
                self.signer(),
                SHIPPED,
                store,
                os.urandom,
                was_restored=was_restored,
                check=Threads(os.cpu_count() or 1),
            )
            if was_restored:  # durable before the new place is noted: a crash between the two loses nothing
                store.append(machine.close_group(now_us()))
                machine.committed()
                note(self.path / "place.json", here)
        except BaseException:
            store.close()
            raise
        return machine, store

    def reader(self) -> SqliteReader:
        """Return the store, to read only, also while another process writes it."""
        reader = SqliteReader.open(self.store_path)
        self._require_same(reader)
        return reader

    def _require_same(self, store: SqliteReader) -> None:
        identity = self.identity.identity
        held = store.meta
        if (held.get("ally"), held.get("mode")) != (identity.ally, identity.mode):
            raise Refused(
                "the store in {path} is of {held}, but the keys are of {said}",
                hint="Live and exercise, and two allies, never share a directory. Put the right store back.",
                path=str(self.path),
                held=f"{held.get('ally')} {held.get('mode')}",
                said=f"{identity.ally} {identity.mode}",
            )

    def _require_member(self, store: SqliteStore) -> None:
        """Refuse a store whose rooms know this ally by other keys than those here."""
        own = self.identity
        for signed in store.charters():
            charter = decode_struct(signed.statement, Charter, size_max=STATEMENT_SIZE_MAX)
            if all(member.statement != own.statement for member in charter.members):
                raise Refused(
                    "the store in {path} is of another node of {ally}: its rooms name other keys",
                    hint="Put the store and the keys of one node together. Nothing was changed.",
                    path=str(self.path),
                    ally=own.identity.ally,
                )

    def invitation(self, *, address: str | None) -> Invitation:
        """Return this node's invitation, with the address at which allies reach it."""
        own = self.own()
        certificate = read_der(CertificatePaths.within(self.path).certificate)
        contact = Contact(
            mode=own.mode,
            ally=own.ally,
            identity=own.fingerprint,
            serial=now_us(),
            tls=(pin(certificate),),
            seal=(),
            addresses=(address or str(self.raw_settings().get("address", f"127.0.0.1:{self.link_port}")),),
            at=now_us(),
        )
        return Invitation(identity=own.signed, contact=sign_contact(contact, self.signer()), certificate=certificate)
