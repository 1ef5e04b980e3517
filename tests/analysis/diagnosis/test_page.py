"""The verdict in a notebook: all that a terminal shows, and no markup from names."""

from __future__ import annotations

from html.parser import HTMLParser

import bayesgmm as bg
from bayesgmm.schema import with_record


class Checked(HTMLParser):
    """Collects text, and expects every tag to be closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open, self.text = [], ""

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text += data


def test_a_page_says_what_a_terminal_says():
    diagnosis = bg.diagnose(with_record(bg.example_fit(), partial=True))
    page = Checked()
    page.feed(diagnosis._repr_html_())
    assert page.open == []
    assert diagnosis.verdict in page.text
    for finding in diagnosis.findings:
        assert str(finding) in page.text
    for name in diagnosis.figures["variable"].values:
        assert str(name) in page.text


def test_names_are_text():
    finding = bg.Finding("Rows <b> & others.", "Look.", kind="few rows", serious=False)
    diagnosis = bg.diagnose(bg.example_fit())
    page = bg.Diagnosis(True, "Converged.", (finding,), diagnosis.figures)._repr_html_()
    assert "&lt;b&gt; &amp; others" in page
