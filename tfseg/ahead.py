"""Work done ahead: what an iterator makes is made in a thread of its own while the last of it is still used."""

import queue
import threading

ROOM = 4  # items made ahead; bounds the memory


def ahead(items):
    """Yields the items of an iterator that runs in a thread of its own.

    Args:
        items: iterable; what it raises is raised here, in its place.

    Yields:
        its items, in order.
    """
    made, given_up = queue.Queue(ROOM), threading.Event()

    def put(kind, value):
        while not given_up.is_set():
            try:
                return made.put((kind, value), timeout=0.1)
            except queue.Full:
                pass

    def make():
        try:
            for item in items:
                put("item", item)
                if given_up.is_set():
                    return
            put("end", None)
        except BaseException as error:
            put("fault", error)

    thread = threading.Thread(target=make, daemon=True)
    thread.start()
    try:
        while True:
            kind, value = made.get()
            if kind == "end":
                return
            if kind == "fault":
                raise value
            yield value
    finally:
        given_up.set()
        thread.join()
