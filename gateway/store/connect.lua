#!lua
-- A charge point has connected: takes the next epoch, records the route, returns the state.
-- KEYS: station, epochs, nodes. ARGV: pairs of route field and value, the node's first.
-- The epoch is never used twice, even if the server comes back empty or with older data: it is
-- the party's last epoch plus one, and at least the milliseconds since 1970.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now)
local text = string.format('%.0f', epoch)
redis.call('SET', KEYS[2], text)
redis.call('HINCRBY', KEYS[3], ARGV[2], 1) -- no route without a node that can be missed
redis.call('HSET', KEYS[1], 'epoch', text, unpack(ARGV))
return {text, redis.call('HGETALL', KEYS[1])}
