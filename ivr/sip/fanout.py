"""One stream, several listeners: each hears what comes from the moment it starts to listen."""

import asyncio
import weakref
from collections import deque
from collections.abc import AsyncIterator
from typing import Generic, TypeVar

T = TypeVar("T")


class Listener(AsyncIterator[T]):
    """One listener's own queue; when it falls ``limit`` items behind it loses the oldest."""

    def __init__(self, limit: int, closed: bool) -> None:
        self._items: deque[T] = deque(maxlen=limit)
        self._waiting: asyncio.Future[None] | None = None
        self._closed = closed

    def put(self, item: T) -> None:
        self._items.append(item)
        self._wake()

    def close(self) -> None:
        self._closed = True
        self._wake()

    def _wake(self) -> None:
        waiting, self._waiting = self._waiting, None
        if waiting is not None and not waiting.done():
            waiting.set_result(None)

    def __aiter__(self) -> "Listener[T]":
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._waiting = asyncio.get_running_loop().create_future()
            await self._waiting
        return self._items.popleft()


class Fanout(Generic[T]):
    """Gives each item to every listener; before the first one comes, keeps up to ``keep`` items for it.

    A listener that nobody holds any more hears nothing more.
    """

    def __init__(self, *, limit: int, keep: int = 0) -> None:
        self._limit = limit
        self._kept: deque[T] = deque(maxlen=keep)
        self._keeping = keep > 0
        self._listeners: list[weakref.ref[Listener[T]]] = []
        self._closed = False

    def put(self, item: T) -> None:
        if self._keeping:
            self._kept.append(item)
        for reference in self._listeners:
            listener = reference()
            if listener is not None:
                listener.put(item)

    def listen(self) -> Listener[T]:
        listener: Listener[T] = Listener(self._limit, self._closed)
        for item in self._kept:
            listener.put(item)
        self._kept.clear()
        self._keeping = False
        self._listeners = [*self._listeners, weakref.ref(listener, self._forget)]
        return listener

    def close(self) -> None:
        """No more items: every listener ends after what it still has."""
        self._closed = True
        for reference in self._listeners:
            listener = reference()
            if listener is not None:
                listener.close()

    def _forget(self, gone: "weakref.ref[Listener[T]]") -> None:
        self._listeners = [reference for reference in self._listeners if reference is not gone]
