#!lua
-- Keeps a promise until its time is over. KEYS: promises. ARGV: name, document, ttl in ms.
-- Each value carries its own expiry; the key as a whole goes with its last promise.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local name
for index, value in ipairs(redis.call('HGETALL', KEYS[1])) do
  if index % 2 == 1 then
    name = value
  elseif tonumber(string.match(value, '^%d+')) <= now then
    redis.call('HDEL', KEYS[1], name)
  end
end
local ttl = tonumber(ARGV[3])
redis.call('HSET', KEYS[1], ARGV[1], string.format('%.0f ', now + ttl) .. ARGV[2])
if redis.call('PTTL', KEYS[1]) < ttl then
  redis.call('PEXPIRE', KEYS[1], ttl)
end
return 1
