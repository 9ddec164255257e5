#!lua
-- Clears the route of a node that is gone, if neither the connection nor the node has stirred since
-- they were looked at. Takes the next epoch (see connect.lua), so that a node that was only slow
-- writes nothing more for this connection, and its station has to connect anew.
-- KEYS: station, epochs, nodes. ARGV: node, its beat, the route's epoch, when last heard as JSON.
local route = redis.call('HMGET', KEYS[1], 'node', 'epoch', 'protocol')
if route[1] ~= ARGV[1] or route[2] ~= ARGV[3] then
  return false
end
if redis.call('HGET', KEYS[3], ARGV[1]) ~= ARGV[2] then
  return false
end
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch = math.max(tonumber(redis.call('GET', KEYS[2]) or '0') + 1, now)
local text = string.format('%.0f', epoch)
redis.call('SET', KEYS[2], text)
redis.call('HSET', KEYS[1], 'epoch', text)
redis.call('HDEL', KEYS[1], 'node')
if route[3] ~= '' then
  redis.call('HSET', KEYS[1], ':last_seen', ARGV[4], ':protocol', '"' .. route[3] .. '"')
end
return text
