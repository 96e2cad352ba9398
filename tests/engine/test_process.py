"""How a process starts: the collector rests during imports, and during nothing else."""

import gc
import sys
import weakref

from engine.process import quick_imports


class Ring:
    """Garbage that only the collector finds."""

    def __init__(self):
        self.own = self


def test_what_is_imported_is_left_alone_and_garbage_is_collected_all_the_same(tmp_path, monkeypatch):
    (tmp_path / "made_for_this_test.py").write_text("objects = [[] for _ in range(1000)]\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert gc.isenabled()
    with quick_imports():
        assert not gc.isenabled()
        import made_for_this_test
    assert gc.isenabled() and gc.get_freeze_count() > 1000
    assert not any(each is made_for_this_test.objects for each in gc.get_objects())
    frozen = gc.get_freeze_count()
    for _ in range(3):  # As at every drawing of a page.
        ring = weakref.ref(Ring())
        with quick_imports():
            import made_for_this_test
        assert gc.get_freeze_count() <= frozen
        gc.collect()
        assert ring() is None
    del sys.modules["made_for_this_test"]
    gc.unfreeze()
