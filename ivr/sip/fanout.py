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
        self._ready = asyncio.Event()
        self._closed = closed

    def put(self, item: T) -> None:
        self._items.append(item)
        self._ready.set()

    def close(self) -> None:
        self._closed = True
        self._ready.set()

    def __aiter__(self) -> "Listener[T]":
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._closed:
                raise StopAsyncIteration
            self._ready.clear()
            await self._ready.wait()
        return self._items.popleft()


class Fanout(Generic[T]):
    """Gives each item to every listener; before the first one comes, keeps up to ``keep`` items for it."""

    def __init__(self, *, limit: int, keep: int = 0) -> None:
        self._limit = limit
        self._kept: deque[T] = deque(maxlen=keep)
        self._keeping = keep > 0
        self._listeners: weakref.WeakSet[Listener[T]] = weakref.WeakSet()
        self._closed = False

    def put(self, item: T) -> None:
        if self._keeping:
            self._kept.append(item)
        for listener in list(self._listeners):
            listener.put(item)

    def listen(self) -> Listener[T]:
        listener: Listener[T] = Listener(self._limit, self._closed)
        for item in self._kept:
            listener.put(item)
        self._kept.clear()
        self._keeping = False
        self._listeners.add(listener)
        return listener

    def close(self) -> None:
        """No more items: every listener ends after what it still has."""
        self._closed = True
        for listener in list(self._listeners):
            listener.close()
