"""The far node: prints its link's port, then the time at which each message became visible."""

from __future__ import annotations

import asyncio
import sys
from array import array
from pathlib import Path

from katchi.node.notices import Notice, Told
from katchi.serve.clock import now_us
from katchi.serve.directory import NodeDirectory
from katchi.serve.service import Service


def main() -> None:
    """Serve until terminated."""
    directory = NodeDirectory.open(Path(sys.argv[1]))
    times = array("q")  # its own memory is measured with the node's

    def noticed(notice: Notice) -> None:
        if notice.told is Told.MESSAGE:
            times.append(now_us())

    with directory.locked():
        service = Service(directory, on_notice=noticed)
        asyncio.run(service.run(link_port=0, host="127.0.0.1", on_ready=lambda port: print(port, flush=True)))
    print("\n".join(map(str, times)))


if __name__ == "__main__":
    main()
