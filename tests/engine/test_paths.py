"""A file that is replaced is seen whole, before and after; a failed writer leaves nothing."""

import pytest

from engine.paths import whole


def test_a_file_is_replaced_at_the_end_or_not_at_all(tmp_path):
    target = tmp_path / "a.txt"
    target.write_text("old")
    with whole(target) as partial:
        partial.write_text("new")
        assert target.read_text() == "old" and partial.parent == tmp_path
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]
    with pytest.raises(ValueError, match="no"), whole(target) as partial:
        partial.write_text("half")
        raise ValueError("no")
    assert target.read_text() == "new" and list(tmp_path.iterdir()) == [target]
