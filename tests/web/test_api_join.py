"""Joining a room by the API, where the node's settings leave it to an officer."""

from __future__ import annotations

import json
from urllib.parse import urlsplit

import httpx

from katchi.demo.stage import Stage


def test_a_room_that_an_ally_proposed_is_joined_by_an_officers_word(tmp_path):
    with Stage(tmp_path, ("KOR", "USA")) as stage:
        stage.make()
        settings = stage.nodes["USA"] / "settings.toml"
        settings.write_text(settings.read_text().replace('join = "paired"', 'join = "ask"'))
        stage.start()

        def call(ally: str, method: str, path: str, **body: object) -> httpx.Response:
            token = json.loads((stage.nodes[ally] / "control.json").read_text())["token"]
            url = f"http://127.0.0.1:{urlsplit(stage.pages[ally]).port}{path}"
            return httpx.request(method, url, headers={"Authorization": f"Bearer {token}"}, json=body or None)

        room = call("KOR", "POST", "/api/rooms", title="Another", allies=["USA"], hash="sha384").json()
        assert (room["title"], room["hash"], len(room["id"]), room["missing"]) == ("Another", "sha384", 96, ["USA"])

        def proposed() -> list[dict[str, object]]:
            return [one for one in call("USA", "GET", "/api/rooms").json() if one["id"] == room["id"]]

        stage.wait("the charter has come", proposed)
        assert proposed()[0]["missing"] == ["USA"]
        early = call("USA", "POST", "/api/consultations", subject="Too early", room=room["id"])
        assert early.status_code >= 400, "a room that is not in force takes no act"
        joined = call("USA", "POST", f"/api/rooms/{room['id'][:10]}/join")
        assert (joined.status_code, joined.json()["missing"]) == (200, [])
        kept = call("USA", "POST", "/api/consultations", subject="Now", room=room["id"][:8])
        assert kept.status_code == 201 and len(kept.json()["entry"]) == 96
