"""Lay the pictures that the documents show in docs/pictures/, out of those that the browser tests took.

    make pictures     runs those tests, then this

Each becomes a PNG of at most 256 colours: small enough for a repository, and a screen has few.
"""

from __future__ import annotations

import struct
import sys
import zlib
from collections import Counter
from functools import cache
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).resolve().parents[1]
TAKEN, SHOWN = ROOT / "build" / "screens", ROOT / "docs" / "pictures"
CHOSEN: Final = [
    f"{name}-{lang}-1280" for name in ("duty", "consultation", "as-of", "demo", "scenario-answer") for lang in ("en", "ko")
]
SIZE_MAX: Final = 150_000  # bytes of one picture
SIGNATURE: Final = b"\x89PNG\r\n\x1a\n"
COLOURS_MAX: Final = 256
RGB: Final = 2  # the PNG's colour type; Chromium writes no other for an opaque page

Pixels = list[bytes]  # a row: three bytes a pixel


class Picture(NamedTuple):
    """A decoded picture."""

    width: int
    rows: Pixels


def read(path: Path) -> Picture:
    """Return what a PNG of 8-bit RGB holds."""
    data, at, body = path.read_bytes(), len(SIGNATURE), b""
    width = height = 0
    while at < len(data):
        size, kind = struct.unpack(">I4s", data[at : at + 8])
        chunk, at = data[at + 8 : at + 8 + size], at + 12 + size
        if kind == b"IHDR":
            width, height, depth, colour, *_ = struct.unpack(">IIBBBBB", chunk)
            assert (depth, colour) == (8, RGB), f"{path} is not of 8-bit RGB"
        elif kind == b"IDAT":
            body += chunk
    raw, line = zlib.decompress(body), 3 * width + 1
    rows: Pixels = []
    before = bytes(3 * width)
    for number in range(height):
        row = raw[number * line : (number + 1) * line]
        before = _unfiltered(row[0], row[1:], before)
        rows.append(before)
    return Picture(width, rows)


def _unfiltered(how: int, row: bytes, above: bytes) -> bytes:
    """Undo one of the five filters of PNG (ISO/IEC 15948, clause 9)."""
    if how == 0:
        return row
    if how == 2:
        return bytes((one + up) & 255 for one, up in zip(row, above, strict=True))
    made = bytearray()
    for i, one in enumerate(row):
        left, up, corner = (made[i - 3], above[i], above[i - 3]) if i >= 3 else (0, above[i], 0)
        near = left if how == 1 else (left + up) // 2 if how == 3 else _paeth(left, up, corner)
        made.append((one + near) & 255)
    return bytes(made)


def _paeth(left: int, up: int, corner: int) -> int:
    guess = left + up - corner
    *_, nearest = min((abs(guess - one), rank, one) for rank, one in enumerate((left, up, corner)))
    return nearest


def reduced(picture: Picture) -> bytes:
    """Return a PNG of the picture's most frequent colours; every other pixel takes the nearest of them."""
    width, rows = picture
    pixels = [[row[i : i + 3] for i in range(0, 3 * width, 3)] for row in rows]
    frequent = [colour for colour, _ in Counter(pixel for row in pixels for pixel in row).most_common(COLOURS_MAX)]

    @cache
    def nearest(pixel: bytes) -> int:
        return min(range(len(frequent)), key=lambda i: sum((a - b) ** 2 for a, b in zip(pixel, frequent[i], strict=True)))

    body = b"".join(b"\0" + bytes(map(nearest, row)) for row in pixels)
    header = struct.pack(">IIBBBBB", width, len(rows), 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", b"".join(frequent)), (b"IDAT", zlib.compress(body, 9)), (b"IEND", b""))
    return SIGNATURE + b"".join(struct.pack(">I", len(d)) + k + d + struct.pack(">I", zlib.crc32(k + d)) for k, d in chunks)


def main() -> int:
    """Lay all chosen pictures; say how large each is."""
    SHOWN.mkdir(parents=True, exist_ok=True)
    missing = [name for name in CHOSEN if not (TAKEN / f"{name}.png").is_file()]
    if missing:
        sys.stderr.write(f"not in {TAKEN}: {', '.join(missing)}. `make pictures` takes them; it needs Chromium.\n")
        return 1
    for name in CHOSEN:
        data = reduced(read(TAKEN / f"{name}.png"))
        assert len(data) <= SIZE_MAX, f"{name} has {len(data)} bytes"
        (SHOWN / f"{name}.png").write_bytes(data)
        sys.stdout.write(f"docs/pictures/{name}.png {len(data):,} bytes\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
