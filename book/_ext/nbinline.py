"""The text inside a paragraph of a resolved page, as Markdown that every notebook shows."""

import base64
import mimetypes
import re
from html import escape as escape_html
from pathlib import Path, PurePosixPath
from urllib.parse import urljoin

from docutils import nodes
from nbtext import code_span, escape, inline_tex, one_line
from sphinx.util import logging

log = logging.getLogger(__name__)


def html_text(node):
    """Text for inside an HTML tag, where maths is read but Markdown is not."""
    if isinstance(node, nodes.Text):
        text = escape_html(node.astext(), quote=False)
        return text.replace("\n", " ").replace("$", "<span>&#36;</span>")
    if isinstance(node, nodes.math):
        return f"${escape_html(node.astext(), quote=False)}$"
    body = "".join(html_text(child) for child in node.children if not isinstance(child, nodes.raw))
    return f"<code>{body}</code>" if isinstance(node, nodes.literal) else body


class InlineWriter:
    """Text of a node: a method serves the docutils class it is named after and its heirs."""

    def __init__(self, app, docname):
        self.app, self.docname = app, docname
        self.site = app.config.nbexport_site.rstrip("/")
        self.page = f"{self.site}/{app.builder.get_target_uri(docname)}" if self.site else ""
        self.in_bold = self.in_table = False

    def warn(self, node, message, *values):
        log.warning("no notebook form: " + message, *values, location=node, type="nbexport")

    def method(self, kind, node):
        names = (f"{kind}_{cls.__name__}" for cls in type(node).__mro__)
        return next((getattr(self, name) for name in names if hasattr(self, name)), None)

    def text(self, node):
        out = ""
        for child in node.children:
            text = self.inline(child)
            if out.endswith("!") and text.startswith("["):
                out = out[:-1] + r"\!"  # else the link becomes an image
            if out.endswith("]") and text.startswith(("(", ":") if out.startswith("[") else "("):
                out = out[:-1] + r"\]"  # else the brackets become a link
            if out.endswith("$") and isinstance(child, nodes.math):
                out += " "  # else two formulas become a display
            out += text
        return out

    def bold(self, node, number=""):
        """The node's text in bold and on one line, after its number."""
        self.in_bold = True
        text = f"{number} {one_line(self.text(node))}".strip()
        self.in_bold = False
        return f"**{text}**" if text else ""

    def inline(self, node):
        if method := self.method("inline", node):
            return method(node)
        if not node.children:
            self.warn(node, "%s", node.tagname)
        return self.text(node)

    def inline_Text(self, node):
        text = escape(node.astext())
        return text.replace("|", r"\|") if self.in_table else text

    def inline_Invisible(self, node):
        return ""

    def inline_inline(self, node):
        return self.text(node)

    inline_target = inline_inline

    def inline_literal(self, node):
        if "kbd" in node["classes"]:
            return f"<kbd>{escape_html(node.astext(), quote=False)}</kbd>"
        return code_span(node.astext(), self.in_table)

    def inline_math(self, node):
        return inline_tex(node.astext(), self.in_table)

    def inline_emphasis(self, node):
        return self._marked(node, "*", "em")

    inline_title_reference = inline_emphasis

    def inline_strong(self, node):
        return self.text(node) if self.in_bold else self._marked(node, "**", "strong")

    def _marked(self, node, mark, tag):
        body = self.text(node)
        if not body.strip():
            return body
        siblings = [n for n in node.parent.children if n != ""]
        place = siblings.index(node)
        before, after = siblings[:place][-1:], siblings[place + 1 :][:1]
        # CommonMark sees no emphasis that begins or ends between punctuation and a letter.
        touches = any(isinstance(n, nodes.emphasis | nodes.strong) for n in before + after)
        touches |= bool(before) and before[0].astext()[-1:].isalnum() and not body[0].isalnum()
        touches |= bool(after) and after[0].astext()[:1].isalnum() and not body[-1].isalnum()
        if touches or body != body.strip():
            return f"<{tag}>{body}</{tag}>"
        return f"{mark}{body}{mark}"

    def inline_subscript(self, node):
        return f"<sub>{self.text(node)}</sub>"

    def inline_superscript(self, node):
        return f"<sup>{self.text(node)}</sup>"

    inline_footnote_reference = inline_superscript

    def inline_abbreviation(self, node):
        explanation = node.get("explanation")
        return f"{self.text(node)} ({escape(explanation)})" if explanation else self.text(node)

    def inline_raw(self, node):
        """HTML as it is, less comments, scripts, styles and the icons that directives draw."""
        if "html" not in node.get("format", "").split():
            return ""
        html = re.sub(r"(?s)<!--.*?-->|<(script|style|svg)\b.*?</\1>", "", node.astext())
        return re.sub(r'\b(src|href)="([^"]*)"', lambda found: self._html_link(found, node), html)

    def _html_link(self, found, node):
        address = self.address(found[2])
        if not address and not found[2].startswith("#"):
            self.warn(node, "%s, a relative address", found[0])
        return f'{found[1]}="{address or found[2]}"'

    def inline_reference(self, node):
        text, address = self.text(node), self.address(node.get("refuri", ""))
        if not address and "sd-hide-link-text" in node["classes"]:
            return ""  # a card's words are those of the link alone
        return f"[{text}]({address})" if text and address else text

    def inline_download_reference(self, node):
        text, file = self.text(node), node.get("filename")
        return f"[{text}]({self.site}/_downloads/{file})" if file and self.site else text

    def beside(self, target):
        """The notebook of another page, in the same folder, or nothing where it has none."""
        name = PurePosixPath(target.partition("#")[0]).stem
        with_code = [doc for doc, data in self.app.env.metadata.items() if "kernelspec" in data]
        return f"{name}.ipynb" if name in {doc.rpartition("/")[2] for doc in with_code} else ""

    def address(self, target):
        """Where a link leads: on the site, or to another notebook where there is no site."""
        if not target or target.startswith("#"):
            return ""
        if not re.match(r"[a-z][a-z0-9+.-]*:", target):
            if not self.page:
                return self.beside(target)
            target = urljoin(self.page, target)
        unsafe = {" ": "%20", "(": "%28", ")": "%29", "<": "%3C", ">": "%3E", "|": "%7C"}
        return "".join(unsafe.get(letter, letter) for letter in target)

    def inline_image(self, node):
        # As HTML, since some notebooks take no SVG data from Markdown's own form.
        alt = escape_html(" ".join(node.get("alt", "").split())).replace("|", "&#124;")
        width = node.get("width", "").removesuffix("px")
        size = f' width="{width}"' if width else ""
        return f'<img src="{self._image_source(node)}" alt="{alt}"{size}>'

    def _image_source(self, node):
        uri = node["uri"]
        if re.match(r"https?:|data:", uri):
            return uri
        file = Path(self.app.srcdir, uri)
        if uri not in self.app.env.images or not file.is_file():
            self.warn(node, "an image without a file, %s", uri)
            return ""
        if self.site:
            return f"{self.site}/_images/{self.app.env.images[uri][1]}"
        data = base64.b64encode(file.read_bytes()).decode()
        return f"data:{mimetypes.guess_type(uri)[0]};base64,{data}"
