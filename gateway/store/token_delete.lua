#!lua flags=allow-oom
-- Removes a token if it still is the owner's. KEYS: tokens of the uid, tokens of the owner,
-- revision, listed tokens of that kind of owner.
-- ARGV: field, what its value must begin with, member of the owner's set, channel for changes of
-- local lists. Returns 1 if removed.
redis.call('SREM', KEYS[2], ARGV[3])
local value = redis.call('HGET', KEYS[1], ARGV[1])
if value and string.sub(value, 1, #ARGV[2]) == ARGV[2] then
  local uid = cjson.decode(value)[2].uid
  if redis.call('ZSCORE', KEYS[4], uid) then
    redis.call('ZADD', KEYS[4], redis.call('INCR', KEYS[3]), uid)
    redis.call('PUBLISH', ARGV[4], '1')
  end
  return redis.call('HDEL', KEYS[1], ARGV[1])
end
return 0
