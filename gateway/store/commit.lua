#!lua
-- Applies one change, or nothing of it.
-- KEYS: every key that the change touches; KEYS[1] is the station's hash if there is a fence.
-- ARGV: epoch or '', number of expectations,
--       per expectation: key index, field, '-' (absent) or '=' .. value,
--       per operation:   name, key index, number of arguments, arguments...
-- The shebang makes the server refuse the whole script up front when it is out of memory or may
-- not write, instead of at the first command that minds: that is what keeps "or nothing" true.
local keys, argv, call = KEYS, ARGV, redis.call
local epoch = argv[1]
if epoch ~= '' then
  local current = call('HGET', keys[1], 'epoch')
  if current ~= epoch then
    return {'FENCED', current}
  end
end
local at = 3
for number = 1, tonumber(argv[2]) do
  local current = call('HGET', keys[tonumber(argv[at])], argv[at + 1])
  local wanted = argv[at + 2]
  if (wanted == '-' and current) or (wanted ~= '-' and (not current or '=' .. current ~= wanted)) then
    return {'CONFLICT', number, current}
  end
  at = at + 3
end
local last = #argv
local now
while at < last do
  local name, key, count = argv[at], keys[tonumber(argv[at + 1])], tonumber(argv[at + 2])
  if name == 'number' then
    -- counter's key index, key index of those withdrawn, member: the first time, the next number
    -- becomes the member's score, and stays so when it comes back
    local member = argv[at + 5]
    if not call('ZSCORE', key, member) then
      local withdrawn = keys[tonumber(argv[at + 4])]
      local number = call('ZSCORE', withdrawn, member)
      if number then
        call('ZREM', withdrawn, member)
      else
        number = call('INCR', keys[tonumber(argv[at + 3])])
      end
      call('ZADD', key, number, member)
    end
  elseif name == 'withdraw' then
    -- key index of those withdrawn, member
    local number = call('ZSCORE', key, argv[at + 4])
    if number then
      call('ZADD', keys[tonumber(argv[at + 3])], number, argv[at + 4])
      call('ZREM', key, argv[at + 4])
    end
  elseif name == 'owe' then
    -- counter's key index, key index of since when, member: always the next number
    now = now or call('TIME')
    call('ZADD', key, call('INCR', keys[tonumber(argv[at + 3])]), argv[at + 5])
    call('ZADD', keys[tonumber(argv[at + 4])], 'NX', now[1] * 1000 + math.floor(now[2] / 1000),
      argv[at + 5])
  elseif name == 'publish' then
    call('PUBLISH', argv[at + 3], argv[at + 4])
  else
    call(name, key, unpack(argv, at + 3, at + 2 + count))
  end
  at = at + 3 + count
end
return 1
