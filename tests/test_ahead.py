import threading
import time

import pytest

from tfseg.ahead import ROOM, ahead


def test_every_item_comes_in_order_from_another_thread():
    threads = []

    def items():
        for item in range(50):
            threads.append(threading.get_ident())
            yield item

    assert list(ahead(items())) == list(range(50))
    assert threading.get_ident() not in threads


def test_no_more_is_made_than_there_is_room_for():
    made = []

    def items():
        for item in range(100):
            made.append(item)
            yield item

    used = ahead(items())
    next(used)
    time.sleep(0.3)
    assert len(made) <= ROOM + 2
    used.close()


def test_a_fault_is_raised_in_its_place():
    def items():
        yield 1
        raise KeyError("broken")

    used = ahead(items())
    assert next(used) == 1
    with pytest.raises(KeyError, match="broken"):
        next(used)


def test_who_stops_early_leaves_no_thread_behind():
    before = threading.active_count()
    used = ahead(iter(range(1000)))
    next(used)
    used.close()
    assert threading.active_count() == before
