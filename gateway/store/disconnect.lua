#!lua
-- Clears the route if the epoch is still ours, and keeps what is told of a station that is away.
-- KEYS: station. ARGV: epoch, when it was last heard as JSON.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], 'node')
local protocol = redis.call('HGET', KEYS[1], 'protocol')
if protocol ~= '' then -- without one it was no station but the operator's hand
  redis.call('HSET', KEYS[1], ':last_seen', ARGV[2], ':protocol', '"' .. protocol .. '"')
end
return 1
