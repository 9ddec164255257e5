#!lua flags=no-writes
-- The promises that are still good: name, document, name, document... KEYS: promises.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all, live = redis.call('HGETALL', KEYS[1]), {}
for index = 1, #all, 2 do
  local expiry, document = string.match(all[index + 1], '^(%d+) (.*)$')
  if tonumber(expiry) > now then
    live[#live + 1] = all[index]
    live[#live + 1] = document
  end
end
return live
