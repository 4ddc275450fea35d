"""The colors of everything that the book draws, for a light and for a dark page.

The same names and values as the custom properties in book/_static/book.css. It needs no Matplotlib,
so that what writes its own SVG takes its colors from here too.
"""

LIGHT = {
    "ink": "#1d2430",
    "mute": "#596273",
    "line": "#d4d9e3",
    "card": "#ffffff",
    "acc": "#6d28d9",
    "acc-soft": "#ede7fb",
    "neg": "#1f6fd1",
    "pos": "#dd6b10",
    "ok": "#0b7a53",
    "no": "#b3261e",
}
DARK = {
    "ink": "#e7eaf1",
    "mute": "#a7b0c0",
    "line": "#3b4352",
    "card": "#161a21",
    "acc": "#b79dff",
    "acc-soft": "#362a57",
    "neg": "#62a3ff",
    "pos": "#ff9b45",
    "ok": "#4fd3a0",
    "no": "#ff8a80",
}
SERIES = ("acc", "pos", "ok", "neg")  # of the lines that share a drawing, in this order
