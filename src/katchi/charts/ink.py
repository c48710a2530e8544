"""What charts are drawn with: the tones and fonts of the pages (web/static/katchi.css), and the widths they are made for."""

from __future__ import annotations

INK, QUIET, STRONG, LINE, SHADE, PAPER = "#1b2126", "#55606a", "#8b959e", "#ccd2d8", "#eef0f2", "#ffffff"
MIDDLE = "#aab3bb"  # filled bars: dark enough to see, light enough to write beside
WARN, WARN_PAPER = "#7a4b00", "#fff3dc"
FONTS = (
    "'Public Sans Variable', 'Public Sans', 'Noto Sans KR Variable', 'Noto Sans KR', 'Noto Sans CJK KR', "
    "'Apple SD Gothic Neo', 'Malgun Gothic', system-ui, sans-serif"
)
TEXT, SMALL = 13, 12  # px: drawn at their own size on a telephone as on a desk
LEADING = 17  # px from one line of TEXT to the next
NARROW, WIDE = 344, 580  # px
