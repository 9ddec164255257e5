#!lua
-- Stores a token and where it is. KEYS: tokens of the uid, tokens of the owner, partners,
-- revision, listed tokens of that kind of owner.
-- ARGV: field, value, member of the owner's set, partner id or '', uid,
-- '1' if it may be on local lists, channel for changes of those,
-- what must be there: '' whatever, '-' nothing, '=' .. value.
-- Returns 1 if it is new, -1 if it is not stored because something else is there.
local old = redis.call('HGET', KEYS[1], ARGV[1])
if ARGV[8] ~= '' and ARGV[8] ~= (old and '=' .. old or '-') then
  return -1
end
local new = redis.call('HSET', KEYS[1], ARGV[1], ARGV[2])
redis.call('SADD', KEYS[2], ARGV[3])
if ARGV[4] ~= '' then
  redis.call('SADD', KEYS[3], ARGV[4])
end
-- one that was listed and no longer may be is a change of the lists as well
if old ~= ARGV[2] and (ARGV[6] == '1' or redis.call('ZSCORE', KEYS[5], ARGV[5])) then
  redis.call('ZADD', KEYS[5], redis.call('INCR', KEYS[4]), ARGV[5])
  redis.call('PUBLISH', ARGV[7], '1')
end
return new
