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
while at < last do
  local name, key, count = argv[at], keys[tonumber(argv[at + 1])], tonumber(argv[at + 2])
  if name == 'number' then
    -- counter's key index, member: the first time, the next number becomes the member's score
    if not call('ZSCORE', key, argv[at + 4]) then
      call('ZADD', key, call('INCR', keys[tonumber(argv[at + 3])]), argv[at + 4])
    end
  elseif name == 'owe' then
    -- counter's key index, member: always the next number
    call('ZADD', key, call('INCR', keys[tonumber(argv[at + 3])]), argv[at + 4])
  elseif name == 'publish' then
    call('PUBLISH', argv[at + 3], argv[at + 4])
  else
    call(name, key, unpack(argv, at + 3, at + 2 + count))
  end
  at = at + 3 + count
end
return 1
