"""fork() for coroutines: a second one is told everything the first one was told (see log.py).

A suspended coroutine cannot be copied. But a program's only inputs are the answers to its traps, so a new coroutine
of the same program that is given the recorded answers comes to the same place, with its own copy of everything the
program has built. Nothing of this reaches the kernel; if the copy asks for something else than the original did,
the program has another input (a global variable, the host's clock) and cannot be forked.
"""

from __future__ import annotations

from collections.abc import Callable
from types import AsyncGeneratorType, CoroutineType, GeneratorType
from typing import TYPE_CHECKING, Any, Final

from procession.arch.python import crash
from procession.arch.python.buffer import OutBuffer

if TYPE_CHECKING:
    from procession.arch.python.log import Entry, Request
    from procession.arch.python.process import PythonThread

__all__ = ("UNBUILT", "Diverged", "begin", "rebuild")


class _Unbuilt:
    """Stands where a coroutine will be when the child first runs."""

    def __repr__(self) -> str:
        return "<not yet re-enacted>"


UNBUILT: Final = _Unbuilt()


class Diverged(Exception):
    """The copy did not do what the original had done."""


def begin(fn: Callable[..., Any], args: tuple[Any, ...]) -> tuple[Any, Any]:
    """Call fn and run it up to its first trap, or whatever else it awaits.

    Raises what ends it, StopIteration if it is no coroutine function, TypeError for a generator.
    """
    coro = fn(*args)
    if type(coro) is not CoroutineType:
        if isinstance(coro, AsyncGeneratorType | GeneratorType):
            raise TypeError(f"{coro.__qualname__}() has a `yield`: `async def` without one expected")
        raise StopIteration(coro)
    return coro, coro.send(None)


class _Reenactment:
    """The stack of coroutines while a copy acts it over again: the top one and its request, and those below."""

    __slots__ = ("below", "coro", "request", "thread")

    def __init__(self, thread: PythonThread) -> None:
        self.thread = thread
        self.below: list[tuple[Any, Any]] = []
        self.coro: Any = None
        self.request: Any = None

    def step(self, entry: Entry) -> None:
        """Let user code run once more, as entry says."""
        asked, answer = entry
        try:
            if asked is not None:
                self.request = self.coro.send(self._answer(asked, answer))
            elif answer is None:
                start = self.thread.start
                self.coro, self.request = begin(start.fn, (self.thread.sys, *start.args))
            else:
                fn = self._handler(answer[0])
                self.below.append((self.coro, self.request))
                self.coro = None
                self.coro, self.request = begin(fn, answer[1])
        except Diverged:
            raise
        except BaseException as end:  # noqa: BLE001
            self.unwind(end)

    def _handler(self, handle: int) -> Callable[..., Any]:
        handlers = self.thread.handlers
        if handlers is None or handle not in handlers:
            raise Diverged(f"it has not installed the signal handler {handle}")
        return handlers[handle]

    def _answer(self, asked: Request, answer: Any) -> Any:
        if self.request != asked:
            raise Diverged(f"it came to {_call(self.request)} where its parent had come to {_call(asked)}")
        for mine, known in zip(self.request[1], asked[1], strict=False):
            if type(mine) is OutBuffer:
                mine.data = known.data
        # Functions are the copy's own.
        if asked[0] == "=handler":
            assert self.thread.handlers is not None
            self.thread.handlers[answer] = self.request[1][0].fn
        elif asked[0] == "=function":
            return (self.thread.handlers or {}).get(asked[1][0], asked[1][0])
        return answer

    def unwind(self, end: BaseException) -> None:
        """The top coroutine has ended: go on with the one below, as process.py's _ended does."""
        while True:
            if crash.is_hosts(end):
                raise end
            if not self.below:
                raise Diverged("it ended early")
            self.coro, self.request = self.below.pop()
            if isinstance(end, StopIteration):
                return
            if self.coro is None:
                continue
            try:
                self.request = self.coro.throw(end)
            except BaseException as another:  # noqa: BLE001
                end = another
                continue
            return


def rebuild(thread: PythonThread) -> None:
    """Put coroutines wherever thread has UNBUILT; raises Diverged."""
    copy = _Reenactment(thread)
    request: Any = None  # copy.request, which is brought up to date only for others to see
    for entry in thread.log.history():
        asked, answer = entry
        # The usual step, written out: the same call as in the original, and it is not the last.
        if asked is not None and asked == request and asked[0][0] != "=":
            args = asked[1]
            if args:
                for mine, known in zip(request[1], args, strict=False):
                    if type(mine) is OutBuffer:
                        mine.data = known.data
            try:
                request = copy.coro.send(answer)
            except BaseException as end:  # noqa: BLE001
                copy.unwind(end)
                request = copy.request
        else:
            copy.request = request
            copy.step(entry)
            request = copy.request
    if request != thread.request:
        raise Diverged(f"it came to {_call(request)} where its parent had come to {_call(thread.request)}")

    coros = [coro for coro, _ in copy.below if coro is not None]
    frames = thread.frames or []
    if len(coros) != sum(frame[0] is UNBUILT for frame in frames):
        raise Diverged("it is in another signal handler than its parent was")
    for n, frame in enumerate(frames):
        if frame[0] is UNBUILT:
            frames[n] = (coros.pop(0), *frame[1:])
    thread.coro = copy.coro


def _call(request: Any) -> str:
    try:
        name, args = request
    except (TypeError, ValueError):
        return "its end"
    return f"{name.lstrip('=')}({', '.join(map(repr, args))})"
