"""In the list of sources a paper has the name that it has in the text: Ba et al., 2016."""

from pybtex.plugin import register_plugin
from pybtex.style.formatting.alpha import Style
from pybtex.style.labels import BaseLabelStyle
from pybtex.style.template import optional, sentence


def names(entry):
    """The authors as the text names them: one, two, or the first of many."""
    last = [
        " ".join(map(str, person.rich_prelast_names + person.rich_last_names))
        for person in entry.persons["author"]
    ]
    return " and ".join(last) if len(last) < 3 else f"{last[0]} et al."


class AuthorAndYear(BaseLabelStyle):
    """Labels as in the text."""

    def format_labels(self, entries):
        """A label for each entry."""
        return [f"{names(entry)}, {entry.fields['year']}" for entry in entries]


class Sources(Style):
    """Sorted by name; one address where the preprint's is the same."""

    default_label_style = AuthorAndYear

    def format_web_refs(self, e):
        """The preprint, the DOI, and the address if it is another one than the preprint's."""
        own = e.fields.get("eprint", " ") not in e.fields.get("url", "")
        address = [optional[self.format_url(e)]] if own else []
        return sentence[*address, optional[self.format_eprint(e)], optional[self.format_doi(e)]]


def setup(app):
    register_plugin("pybtex.style.formatting", "sources", Sources)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
