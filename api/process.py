"""For processes that are yours alone: settings that a library must not make on import."""

import gc


def tune_gc() -> None:
    """Keep garbage collection from pausing the event loop; call once, after your imports, in a process of your own.

    What is loaded by now is set aside (``gc.freeze``) and collections become rarer. An engine makes few cycles, so
    little waits for them; without this a process with a large heap pauses for 20 to 50 ms at every full collection.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
