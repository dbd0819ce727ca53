"""Generated parts of pages: written between their marks, everything else left alone."""

import pytest

from spinntensor.errors import InputError, OutputError
from spinntensor.report.section import marks, section, write_section


def test_a_part_is_replaced_and_the_rest_stays(tmp_path):
    page = tmp_path / "page.md"
    begin, end = marks("plans")
    page.write_text(f"# Head\n\n{begin}\nold\n{end}\n\ntail, naïve\n", encoding="utf-8")
    write_section(section(str(page), "plans"), "plans", "new\n")
    assert page.read_text(encoding="utf-8") == f"# Head\n\n{begin}\nnew\n{end}\n\ntail, naïve\n"


def test_a_new_file_holds_the_part_alone(tmp_path):
    page = tmp_path / "page.md"
    write_section(section(str(page), "plans"), "plans", "text")
    assert page.read_text() == "{}\ntext\n{}\n".format(*marks("plans"))


def test_a_page_without_the_marks_is_left_alone(tmp_path):
    page = tmp_path / "page.md"
    page.write_text("mine")
    with pytest.raises(InputError, match="no lines <!-- plans: begin -->"):
        section(str(page), "plans")
    assert page.read_text() == "mine"


def test_another_kind_of_file_is_refused(tmp_path):
    with pytest.raises(OutputError, match=r"ending \.txt is not known"):
        section(str(tmp_path / "page.txt"), "plans")
