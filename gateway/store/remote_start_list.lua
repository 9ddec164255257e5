#!lua flags=no-writes
-- The promises that are still good, the one that lasts longest first: name, document, name...
-- KEYS: promises.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local all, live, answer = redis.call('HGETALL', KEYS[1]), {}, {}
for index = 1, #all, 2 do
  local expiry, document = string.match(all[index + 1], '^(%d+) (.*)$')
  if tonumber(expiry) > now then
    live[#live + 1] = {tonumber(expiry), all[index], document}
  end
end
table.sort(live, function(one, other)
  return one[1] > other[1] or (one[1] == other[1] and one[2] > other[2])
end)
for _, promise in ipairs(live) do
  answer[#answer + 1] = promise[2]
  answer[#answer + 1] = promise[3]
end
return answer
