#!lua
-- Puts a record in place of the one that was read, unless it has changed since.
-- KEYS: records. ARGV: id, document that was read, document to put.
if redis.call('HGET', KEYS[1], ARGV[1]) ~= ARGV[2] then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[1], ARGV[3])
return 1
