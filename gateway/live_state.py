"""Live state in Redis, which may be lost: presence, rate limits, message ids. Without Redis all goes on in memory."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar

import structlog
from redis.asyncio import Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from config.clock import Clock
from config.settings import Settings

log = structlog.get_logger("gateway")

_TIMEOUT_S: Final = 0.5
_TRY_AGAIN_S: Final = 1.0
"""After a failure Redis is left alone for so long, so that its absence costs nobody time."""
_KEPT_MOST: Final = 10_000

T = TypeVar("T")


class LiveState:
    """One Redis, or none. No method raises because of Redis."""

    def __init__(self, redis: "Redis", clock: Clock) -> None:
        self._redis = redis
        self._clock = clock
        self._away_until = 0.0
        self._away = False
        self._windows: dict[str, list[float]] = {}
        self._marks: dict[str, float] = {}
        self.on_back: Callable[[], Awaitable[None]] | None = None
        self._background: set[asyncio.Task[None]] = set()

    @classmethod
    def connect(cls, settings: Settings, clock: Clock) -> "LiveState":
        """The Redis that the settings name; connects on first use."""
        password = None if settings.redis_url else settings.secret("redis")
        redis = Redis.from_url(
            settings.effective_redis_url,
            password=password,
            decode_responses=True,
            socket_timeout=_TIMEOUT_S,
            socket_connect_timeout=_TIMEOUT_S,
            retry=Retry(NoBackoff(), 0),
        )
        return cls(redis, clock)

    async def close(self) -> None:
        for task in list(self._background):
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task
        await self._redis.aclose()

    async def ping(self) -> bool:
        """Is Redis there, and does it keep what it is given?"""
        self._away_until = 0.0
        return await self._ask(lambda: self._redis.set("hotline:ping", "1", ex=60), None) is not None

    async def put(self, table: str, field: str, value: str) -> None:
        """Remember a field of a table."""
        await self._ask(lambda: _awaited(self._redis.hset(table, field, value)), 0)

    async def all(self, table: str) -> dict[str, str]:
        """The fields of a table; empty without Redis."""
        return await self._ask(lambda: _awaited(self._redis.hgetall(table)), {})

    async def hit(self, key: str, limit: int, window_s: float) -> float:
        """Count an event of ``key``; 0 when it is within ``limit`` a window, else the seconds to wait.

        Counted here (sliding) and in Redis (fixed windows, for several gateways); the stricter of both holds.
        """
        now = self._clock.monotonic()
        recent = [moment for moment in self._windows.get(key, []) if now - moment < window_s]
        if len(recent) >= limit:
            self._windows[key] = recent
            return max(0.001, window_s - (now - recent[0]))
        self._windows[key] = [*recent, now]
        self._forget_oldest()
        return await self._ask(lambda: self._hit_redis(f"hotline:rate:{key}", limit, window_s), 0.0)

    async def forget(self, key: str) -> None:
        """Begin to count ``key`` anew."""
        self._windows.pop(key, None)
        await self._ask(lambda: self._redis.delete(f"hotline:rate:{key}"), 0)

    async def mark(self, key: str, lifetime_s: float) -> None:
        """Remember that ``key`` was done."""
        self._marks[key] = self._clock.monotonic() + lifetime_s
        while len(self._marks) > _KEPT_MOST:
            del self._marks[next(iter(self._marks))]
        await self._ask(lambda: self._redis.set(f"hotline:mark:{key}", "1", ex=int(lifetime_s)), None)

    async def marked(self, key: str) -> bool:
        """Was :meth:`mark` called for ``key``?"""
        if self._marks.get(key, 0.0) > self._clock.monotonic():
            return True
        return bool(await self._ask(lambda: self._redis.exists(f"hotline:mark:{key}"), 0))

    async def _hit_redis(self, key: str, limit: int, window_s: float) -> float:
        count = int(await self._redis.incr(key))
        if count == 1:
            await self._redis.pexpire(key, int(window_s * 1000))
        if count <= limit:
            return 0.0
        left = int(await self._redis.pttl(key))
        return max(0.001, left / 1000)

    async def _ask(self, question: Callable[[], Awaitable[T]], otherwise: T) -> T:
        if self._clock.monotonic() < self._away_until:
            return otherwise
        try:
            async with asyncio.timeout(_TIMEOUT_S * 2):
                answer = await question()
        except (RedisError, OSError, TimeoutError) as error:
            self._away_until = self._clock.monotonic() + _TRY_AGAIN_S
            if not self._away:
                log.warning("redis_away", error=type(error).__name__)
            self._away = True
            return otherwise
        if self._away:
            self._away = False
            log.info("redis_back")
            if self.on_back is not None:
                self._spawn(self.on_back)
        return answer

    def _spawn(self, work: Callable[[], Awaitable[None]]) -> None:
        async def run() -> None:
            await work()

        task = asyncio.create_task(run(), name="redis-back")
        self._background.add(task)
        task.add_done_callback(self._background.discard)

    def _forget_oldest(self) -> None:
        while len(self._windows) > _KEPT_MOST:
            del self._windows[next(iter(self._windows))]


async def _awaited(answer: Any) -> Any:
    """redis-py types some asyncio answers as possibly plain; they are awaitable."""
    return await answer
