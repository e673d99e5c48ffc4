"""The page of metrics is what Prometheus' own parser reads, whatever stands in names and labels."""

from __future__ import annotations

from prometheus_client.parser import text_string_to_metric_families

from cdc.api.exposition import COUNTER, GAUGE, SUMMARY, Exposition


def parsed(page):
    return {family.name: family for family in text_string_to_metric_families(page.text().decode())}


def test_metrics_of_each_kind_are_read_back():
    page = Exposition()
    page.metric("a_total", COUNTER, "Counts.")
    page.sample({"x": "1"}, 3)
    page.sample({"x": "2"}, 0.5)
    page.metric("b", GAUGE, "Is.")
    page.sample({}, 7)
    page.metric("c", SUMMARY, "Takes.")
    page.sample({"y": "z"}, 1.25, "_sum")
    page.sample({"y": "z"}, 2, "_count")
    families = parsed(page)
    assert {name: family.type for name, family in families.items()} == {"a": COUNTER, "b": GAUGE, "c": SUMMARY}
    assert families["a"].documentation == "Counts."
    assert [(each.labels, each.value) for each in families["a"].samples] == [({"x": "1"}, 3), ({"x": "2"}, 0.5)]
    assert [(each.labels, each.value) for each in families["b"].samples] == [({}, 7)]
    assert [(each.name, each.value) for each in families["c"].samples] == [("c_sum", 1.25), ("c_count", 2)]


def test_quotes_backslashes_and_line_ends_are_escaped():
    odd = 'a "quoted" \\ back\nslash, {é}'
    page = Exposition()
    page.metric("a", GAUGE, 'says "x" \\ and\nmore')
    page.sample({"x": odd}, 1)
    family = parsed(page)["a"]
    assert family.samples[0].labels == {"x": odd}
    assert family.documentation == 'says "x" \\ and\nmore'
