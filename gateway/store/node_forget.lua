#!lua
-- Forgets a node that has not stirred since its beat was read. KEYS: nodes. ARGV: node, beat.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
return redis.call('HDEL', KEYS[1], ARGV[1])
