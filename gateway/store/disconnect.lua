#!lua
-- Clears the route if the epoch is still ours. KEYS: station. ARGV: epoch, time.
if redis.call('HGET', KEYS[1], 'epoch') ~= ARGV[1] then
  return 0
end
redis.call('HDEL', KEYS[1], 'node')
redis.call('HSET', KEYS[1], 'disconnected_at', ARGV[2])
return 1
