#!/usr/bin/env python3
"""Draws row-streaming.svg beside itself: one moment of an inverted residual block."""
import pathlib

ROW, GAP = 26, 4
out = []


def rect(x, y, w, h, style):
    out.append(f'<rect class="{style}" x="{x}" y="{y}" width="{w}" height="{h}" rx="2"/>')


def text(x, y, words, style=""):
    out.append(f'<text class="{style}" x="{x}" y="{y}">{words}</text>')


def arrow(d, style="arrow"):
    out.append(f'<path class="{style}" d="{d}" marker-end="url(#head)"/>')


def row_y(top, i):
    return top + i * (ROW + GAP)


def tensor(x, top):
    """The block's input of ten rows; the output has taken the place of the first five."""
    w = 190
    for i in range(10):
        y = row_y(top, i)
        if i < 5:
            rect(x, y, w, ROW, "output")
            text(x + w / 2, y + 18, f"output row {i}", "mid on")
        elif i == 5:
            rect(x, y, w, ROW, "input")
            rect(x, y, 66, ROW, "output")
            text(x + 128, y + 18, "input row 5", "mid")
        else:
            rect(x, y, w, ROW, "waits" if i == 6 else "input")
            text(x + w / 2, y + 18, f"input row {i}", "mid")
    return w


top = 120
x0 = 250
w = tensor(x0, top)
text(x0, top - 40, "Block input and output", "strong")
text(x0, top - 20, "one stretch of the arena", "muted")

# Left: what the rows are.
for first, end, lines in ((0, 5, ("written: the output has", "eaten these rows of the input")),
                          (5, 6, ("being overwritten, pixel by", "pixel: read, added, written")),
                          (6, 7, ("read by the expansion; waits", "for its addition (residual)")),
                          (7, 10, ("not read yet",))):
    y0, y1 = row_y(top, first), row_y(top, end) - GAP
    out.append(f'<path class="brace" d="M{x0 - 10} {y0 + 1}h-6v{y1 - y0 - 2}h6"/>')
    middle = (y0 + y1) / 2 + 4 - 7 * (len(lines) - 1)
    for n, words in enumerate(lines):
        text(x0 - 24, middle + 14 * n, words, "end muted small")

# Right: the rings.
xr = 640
ring_top = top + 112
rows = ("row 6", "row 4", "row 5")
for slot, words in enumerate(rows):
    y = row_y(ring_top, slot)
    rect(xr, y, 400, ROW, "ring")
    text(xr + 200, y + 18, words, "mid dark")
    text(xr + 410, y + 18, f"slot {slot}", "muted small")
text(xr, ring_top - 40, "Expanded tensor: a ring of 3 rows, not 10", "strong")
text(xr, ring_top - 20, "row y lies in slot y mod 3; row 7 will replace row 4", "muted")

one_top = ring_top + 170
rect(xr, one_top, 400, ROW, "ring")
text(xr + 200, one_top + 18, "row 5", "mid dark")
text(xr, one_top - 14, "After the depthwise convolution: 1 row", "strong")

# Who makes what.
arrow(f"M{x0 + w + 6} {row_y(top, 6) + 13}C{x0 + w + 100} {row_y(top, 6) + 13} "
      f"{xr - 110} {ring_top + 13} {xr - 8} {ring_top + 13}")
text(x0 + w + 38, row_y(top, 6) - 78, "1 × 1 expansion", "op")
text(x0 + w + 38, row_y(top, 6) - 63, "makes row 6", "muted small")
arrow(f"M{xr + 460} {ring_top + 43}C{xr + 520} {ring_top + 43} {xr + 520} {one_top + 13} "
      f"{xr + 408} {one_top + 13}")
text(xr + 515, one_top - 68, "3 × 3 depthwise", "op")
text(xr + 515, one_top - 53, "reads rows 4, 5, 6", "muted small")
arrow(f"M{xr - 6} {one_top + 13}C{xr - 150} {one_top + 13} {x0 + w + 150} {row_y(top, 5) + 17} "
      f"{x0 + w + 8} {row_y(top, 5) + 17}")
text(x0 + w + 38, one_top + 46, "1 × 1 projection,", "op")
text(x0 + w + 38, one_top + 61, "plus input row 5,", "op")
text(x0 + w + 38, one_top + 76, "becomes output row 5", "muted small")

# The order of turns.
y = 530
text(40, y - 18, "The order in which the operators take turns", "strong")
turns = [("expansion 6", "ring"), ("depthwise 5", "ring"), ("projection, addition 5", "output"),
         ("expansion 7", "ring"), ("depthwise 6", "ring"), ("projection, addition 6", "output")]
x = 40
text(x, y + 18, "…", "")
x += 24
for i, (words, style) in enumerate(turns):
    width = 56 + 6.6 * len(words)
    rect(x, y, width, ROW, style if i < 3 else style + " later")
    text(x + width / 2, y + 18, words, "mid " + ("on" if style == "output" and i < 3 else
                                                 "dark" if i < 3 else ""))
    x += width + 8
text(x + 4, y + 18, "…", "")

body = "\n".join(out)
svg = f'''<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1300 590" width="1300" height="590" role="img">
<title>Row streaming: one moment of an inverted residual block</title>
<!-- made by row-streaming.py -->
<style>
text{{font-family:system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif;font-size:13px;fill:#1f2328}}
.title{{font-size:20px;font-weight:600}}
.strong,.op{{font-weight:600}}
.muted{{fill:#59636e}}
.small{{font-size:12px}}
.mid{{text-anchor:middle}}
.end{{text-anchor:end}}
.dark{{fill:#111}}
.on{{fill:#fff}}
.background{{fill:#fff}}
.output{{fill:#1b5e9e}}
.input{{fill:#8ec6f0}}
.waits{{fill:#8ec6f0;stroke:#d55e00;stroke-width:2.5}}
.ring{{fill:#e69f00}}
.later{{fill-opacity:.25}}
.brace{{fill:none;stroke:#59636e;stroke-width:1}}
.arrow{{fill:none;stroke:#59636e;stroke-width:2}}
.head{{fill:#59636e}}
@media (prefers-color-scheme:dark){{
text{{fill:#e6edf3}}.muted{{fill:#9198a1}}.dark{{fill:#111}}.on{{fill:#fff}}.background{{fill:#0d1117}}
.output{{fill:#2b6cb0}}.input,.waits{{fill:#3b6d93}}.brace,.arrow{{stroke:#9198a1}}.head{{fill:#9198a1}}
}}
</style>
<defs><marker id="head" viewBox="0 0 10 10" refX="8" refY="5" markerWidth="7" markerHeight="7" orient="auto"><path class="head" d="M0 0L10 5L0 10z"/></marker></defs>
<rect class="background" width="1300" height="590"/>
<text class="title" x="40" y="40">Row streaming: an inverted residual block while it makes row 5</text>
{body}
</svg>
'''
pathlib.Path(__file__).with_suffix(".svg").write_text(svg)
