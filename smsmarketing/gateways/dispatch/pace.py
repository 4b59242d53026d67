"""How fast: a token bucket per gateway shared by all workers, and one per batch for its pace.

Redis only smooths [R-10.22]. Without it each process keeps to its share of the rate
(settings.DISPATCH_PROCESSES), so the gateway's limit holds and sending goes on.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

import redis
import structlog
from django.conf import settings

logger = structlog.get_logger("smsmarketing.gateways.pace")

_RETRY_REDIS_S = 5.0
_TIMEOUT_S = 0.3
_EXPIRE_MS = 600_000

# Tokens grow with Redis' own clock, so the clocks of workers do not matter.
_TAKE = """
local rate, burst = tonumber(ARGV[1]), tonumber(ARGV[2])
local wanted, least = tonumber(ARGV[3]), tonumber(ARGV[4])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) + tonumber(clock[2]) / 1000000
local held = redis.call('HMGET', KEYS[1], 'tokens', 'at')
local tokens = tonumber(held[1]) or burst
local at = tonumber(held[2]) or now
tokens = math.min(burst, tokens + math.max(0, now - at) * rate)
local granted, wait = 0, 0
if tokens >= least then
    granted = math.min(math.floor(tokens), wanted)
    tokens = tokens - granted
else
    wait = (least - tokens) / rate
end
redis.call('HSET', KEYS[1], 'tokens', tostring(tokens), 'at', tostring(now))
redis.call('PEXPIRE', KEYS[1], ARGV[5])
return {granted, tostring(wait)}
"""
_GIVE_BACK = """
local tokens = tonumber(redis.call('HGET', KEYS[1], 'tokens'))
if tokens then
    redis.call('HSET', KEYS[1], 'tokens', tostring(math.min(tonumber(ARGV[2]), tokens + tonumber(ARGV[1]))))
end
return 0
"""


@dataclass
class Bucket:
    """One rate: at most `burst` at once, `rate` a second in the long run."""

    key: str
    rate: float
    burst: float
    _tokens: float = field(default=0.0, init=False)
    _at: float = field(default_factory=time.monotonic, init=False)

    def least(self, wanted: int) -> float:
        """Fewest tokens worth a wave: avoids waves of one message at high rates."""
        return float(min(wanted, max(1, int(self.burst / 2))))

    def take_alone(self, wanted: int) -> tuple[int, float]:
        """The same bucket in this process, at this process' share of the rate."""
        share = self.rate / settings.DISPATCH_PROCESSES
        burst = max(1.0, self.burst / settings.DISPATCH_PROCESSES)
        now = time.monotonic()
        self._tokens = min(burst, self._tokens + (now - self._at) * share)
        self._at = now
        least = min(self.least(wanted), burst)
        if self._tokens < least:
            return 0, (least - self._tokens) / share
        granted = min(int(self._tokens), wanted)
        self._tokens -= granted
        return granted, 0.0


class Pace:
    """The rates that a run must keep, asked before each wave."""

    def __init__(self, gateway_id: int, rate: float, batch_id: int, per_minute: int | None) -> None:
        self.buckets: list[Bucket] = []
        if per_minute is not None:
            each_second = per_minute / 60
            self.buckets.append(
                Bucket(f"sms:pace:batch:{batch_id}", each_second, max(1.0, each_second / 4))
            )
        self.buckets.append(Bucket(f"sms:pace:gateway:{gateway_id}", rate, max(1.0, rate / 4)))
        self._store = redis.Redis.from_url(
            settings.REDIS_URL, socket_timeout=_TIMEOUT_S, socket_connect_timeout=_TIMEOUT_S
        )
        self._script = self._store.register_script(_TAKE)
        self._back = self._store.register_script(_GIVE_BACK)
        self._alone_until = 0.0

    def take(self, wanted: int) -> tuple[int, float]:
        """How many of `wanted` messages may go now, and when none may, the seconds to wait."""
        granted = wanted
        for index, bucket in enumerate(self.buckets):
            allowed, wait_s = self._take(bucket, granted)
            if allowed < granted:
                for earlier in self.buckets[:index]:
                    self.give_back(earlier, granted - allowed)
            if allowed == 0:
                return 0, wait_s
            granted = allowed
        return granted, 0.0

    def return_unused(self, count: int) -> None:
        """Tokens of messages that the checks left out."""
        if count > 0:
            for bucket in self.buckets:
                self.give_back(bucket, count)

    def give_back(self, bucket: Bucket, count: int) -> None:
        if time.monotonic() < self._alone_until:
            bucket._tokens += count
            return
        try:
            self._back(keys=[bucket.key], args=[count, bucket.burst])
        except redis.RedisError:
            self._alone()

    def _take(self, bucket: Bucket, wanted: int) -> tuple[int, float]:
        if time.monotonic() < self._alone_until:
            return bucket.take_alone(wanted)
        try:
            granted, wait = self._script(
                keys=[bucket.key],
                args=[bucket.rate, bucket.burst, wanted, bucket.least(wanted), _EXPIRE_MS],
            )
        except redis.RedisError:
            self._alone()
            return bucket.take_alone(wanted)
        return int(granted), float(wait)

    def _alone(self) -> None:
        if time.monotonic() >= self._alone_until:
            logger.warning("pace_without_redis", seconds=_RETRY_REDIS_S)
        self._alone_until = time.monotonic() + _RETRY_REDIS_S
