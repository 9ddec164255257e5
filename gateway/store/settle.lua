#!lua flags=allow-oom
-- Removes an owed object if it was not marked again since. KEYS: owed, since. ARGV: object, version.
-- Allowed when out of memory, because it frees some.
if tonumber(redis.call('ZSCORE', KEYS[1], ARGV[1]) or '-1') ~= tonumber(ARGV[2]) then
  return 0
end
redis.call('ZREM', KEYS[2], ARGV[1])
return redis.call('ZREM', KEYS[1], ARGV[1])
