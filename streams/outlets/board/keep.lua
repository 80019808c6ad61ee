-- Brings the board up to the next records of one partition, all of it or nothing: a script is one transaction.
-- ARGV[1] is the msgpack of streams/outlets/board/batches.py; returns 1, or 0 if the partition stands elsewhere.

local given = cmsgpack.unpack(ARGV[1])
local call = redis.call
local position = 'onegrid:position:' .. given.partition
local listed = {'desk', 'state', 'unit', 'street'}

if (call('HGET', position, 'applied') or '0') ~= given.expected then
  return 0
end

local function index(field, value)
  return 'onegrid:cases:' .. field .. ':' .. value
end

local function unlist(case_no, values)
  for i, field in ipairs(listed) do
    if values[i] and values[i] ~= '' then
      call('ZREM', index(field, values[i]), case_no)
    end
  end
end

-- A case as it is now, unless another partition, to which it has moved on, has told of it later.
local function put(case)
  local key = 'onegrid:case:' .. case.no
  local was = call('HMGET', key, 'seq', unpack(listed))
  if was[1] and tonumber(was[1]) > case.seq then
    return
  end
  for i, field in ipairs(listed) do
    local old = was[i + 1]
    if old and old ~= '' and old ~= case[field] then
      call('ZREM', index(field, old), case.no)
    end
    if case[field] ~= '' then
      call('ZADD', index(field, case[field]), 0, case.no)
    end
  end
  call('ZADD', 'onegrid:cases', 0, case.no)
  call('HSET', key, 'seq', case.seq, 'body', case.body, 'desk', case.desk, 'state', case.state, 'unit', case.unit,
    'street', case.street, 'category', case.category, 'matter', case.matter, 'ended', case.ended,
    'kept', cmsgpack.pack({case.sources, case.alerts}))
  for _, source in ipairs(case.sources) do
    local known = call('GET', source[1])
    if not known or known <= source[2] then
      call('SET', source[1], source[2])
    end
  end
  if case.ended ~= '' then
    call('ZADD', 'onegrid:ended:' .. given.partition, case.ended, case.no)
  else
    call('ZREM', 'onegrid:ended:' .. given.partition, case.no)
  end
end

-- A case that ended long ago goes, with its alerts and source numbers. One that had come from another desk leaves
-- its last step's number, so that its beginnings, read again later from that desk's log, don't bring it back.
local function drop(case_no)
  local key = 'onegrid:case:' .. case_no
  local was = call('HMGET', key, 'ended', 'kept', 'seq', unpack(listed))
  if not was[1] or was[1] == '' or tonumber(was[1]) > given.oldest then
    return
  end
  unlist(case_no, {was[4], was[5], was[6], was[7]})
  call('ZREM', 'onegrid:cases', case_no)
  local kept = cmsgpack.unpack(was[2])
  for _, source in ipairs(kept[1]) do
    if call('GET', source[1]) == source[2] then
      call('DEL', source[1])
    end
  end
  for _, alert in ipairs(kept[2]) do
    call('DEL', 'onegrid:alert:' .. alert)
    for _, set in ipairs({'onegrid:alerts', 'onegrid:sent'}) do
      call('ZREM', set, alert)
      call('ZREM', set .. ':' .. string.sub(alert, 1, 6), alert)
    end
  end
  call('DEL', key)
  if was[4] ~= string.sub(case_no, 1, 6) then
    call('HSET', key, 'seq', was[3])
  end
end

for _, case in ipairs(given.cases) do
  put(case)
end

local shown = {}
local function is_shown(case_no)
  if shown[case_no] == nil then
    shown[case_no] = call('HEXISTS', 'onegrid:case:' .. case_no, 'body') == 1
  end
  return shown[case_no]
end

for _, step in ipairs(given.steps) do
  if is_shown(step[1]) then
    call('HSET', 'onegrid:case:' .. step[1], 's' .. step[2], step[3])
  end
end
for _, taker in ipairs(given.takers) do
  local key = 'onegrid:case:' .. taker[1]
  if is_shown(taker[1]) and tonumber(call('HGET', key, 'taken') or 0) <= taker[2] then
    call('HSET', key, 'taker', taker[3], 'taken', taker[2])
  end
end
for _, alert in ipairs(given.alerts) do
  if is_shown(alert[4]) and call('SET', 'onegrid:alert:' .. alert[1], alert[3], 'NX') then
    for _, desk in ipairs({'', ':' .. alert[2]}) do
      call('ZADD', 'onegrid:alerts' .. desk, 0, alert[1])
      call('ZADD', 'onegrid:sent' .. desk, alert[5], alert[1])
    end
    call('XADD', 'alerts:' .. alert[2], 'MAXLEN', '~', given.longest, '*', 'alert', alert[3])
  end
end
for _, letter in ipairs(given.letters) do
  call('XADD', 'onegrid:letters', 'MAXLEN', '~', given.longest, '0-*', 'letter', letter[2])
  call('HINCRBY', 'onegrid:reasons', letter[1], 1)
end
for name, count in pairs(given.counters) do
  call('HINCRBY', 'onegrid:counters', name, count)
end
for desk, head in pairs(given.heads) do
  call('HSET', 'onegrid:heads', desk, head)
end
for desk, last in pairs(given.last) do
  call('HSET', 'onegrid:last', desk, last)
end
if given.oldest then
  local ended = 'onegrid:ended:' .. given.partition
  for _, case_no in ipairs(call('ZRANGE', ended, '-inf', given.oldest, 'BYSCORE', 'LIMIT', 0, 500)) do
    drop(case_no)
    call('ZREM', ended, case_no)
  end
end
call('HSET', position, 'offset', given.offset, 'epoch', given.epoch, 'applied', given.applied, 'mark', given.mark)
if given.behind then
  call('HSET', position, 'behind', 1)
end
return 1
