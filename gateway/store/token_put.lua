#!lua
-- Stores a token and where it is. KEYS: tokens of the uid, tokens of the owner, partners.
-- ARGV: field, value, member of the owner's set, partner id or ''. Returns 1 if it is new.
local new = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('SADD', KEYS[3], ARGV[4])
end
return new
