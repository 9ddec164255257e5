#!lua
-- Takes a lease that is free, or that an earlier life of this node still holds: a node that was
-- killed need not wait for its own lease to run out.
-- KEYS: lease. ARGV: holder's secret, ttl in ms, what this node's secrets begin with,
-- what this life's secrets begin with.
local holder = redis.call('GET', KEYS[1])
if holder then
  local ours = string.sub(holder, 1, #ARGV[3]) == ARGV[3]
  local alive = string.sub(holder, 1, #ARGV[4]) == ARGV[4]
  if alive or not ours then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return 1
