"""Pictures of graphs are well-formed, show every node and arrow, and are refused or saved with clear words."""

import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pytest
from graph.graphs import TYPES, graphs
from hypothesis import given, settings

from spinntensor.errors import OutputError
from spinntensor.graph import INPUT, Graph, Node
from spinntensor.graph.show import HEIGHT, MOST, WIDTH

SVG = "{http://www.w3.org/2000/svg}"


def boxes(tree):
    found = [r for g in tree.iter(f"{SVG}g") for r in g.iter(f"{SVG}rect")]
    return [(int(r.get("x")), int(r.get("y"))) for r in found]


@settings(max_examples=40, deadline=None, derandomize=True)
@given(graphs())
def test_every_node_has_a_box_of_its_own_below_its_operands(graph):
    tree = ElementTree.fromstring(graph.show().svg)
    places = boxes(tree)
    assert len(set(places)) == len(places) == len(graph)
    width, height = int(tree.get("width")), int(tree.get("height"))
    assert all(0 <= x <= width - WIDTH and 0 <= y <= height - HEIGHT for x, y in places)
    where = dict(zip([n.id for n in graph.nodes], places, strict=True))
    assert all(where[i][1] < where[n.id][1] for n in graph.nodes for i in n.inputs)
    arrows = sum(len(set(n.inputs)) for n in graph.nodes) + len(graph.updates)
    assert len([p for p in tree.iter(f"{SVG}path") if p.get("marker-end")]) == arrows


def test_text_is_escaped_and_the_source_is_a_tip():
    node = Node(3, INPUT, (), TYPES[0], (("name", "a<b>&"),), "m&m.py:3")
    picture = Graph((node,), (3,)).show()
    tree = ElementTree.fromstring(picture._repr_svg_())
    assert "m&m.py:3" in tree.find(f".//{SVG}title").text
    assert any(t.text == "%3 input a<b>&" for t in tree.iter(f"{SVG}text"))


def test_saving(tmp_path):
    node = Node(0, INPUT, (), TYPES[0], (("name", "x"),))
    picture = Graph((node,), (0,)).show()
    assert picture.save(tmp_path / "g.svg").read_text() == picture.svg
    with pytest.raises(OutputError, match="choose a folder that exists"):
        picture.save(tmp_path / "none" / "g.svg")
    many = tuple(replace(node, id=i) for i in range(MOST + 1))
    with pytest.raises(OutputError, match="use print_graph instead"):
        Graph(many, (0,)).show()
