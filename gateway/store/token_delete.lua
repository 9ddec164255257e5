#!lua flags=allow-oom
-- Removes a token if it still is the owner's. KEYS: tokens of the uid, tokens of the owner.
-- ARGV: field, what its value must begin with, member of the owner's set. Returns 1 if removed.
redis.call('SREM', KEYS[2], ARGV[3])
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value and string.sub(value, 1, #ARGV[2]) == ARGV[2] then
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
