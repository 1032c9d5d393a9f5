-- Changes the restated items of one item partition, unless a later owner of that partition changed them already.
--
-- KEYS[1]  hash: item -> value   KEYS[2]  its stamp   KEYS[3]  hash: partition -> "term:number of the write:up to"
-- ARGV[1]  partition   ARGV[2]  term   ARGV[3]  number of the write (serving/write_order.py)
-- ARGV[4]  up to which offsets of the catalogue this is complete, see serving/restated.py; '' = more of it follows
-- ARGV[5]  how many items are put   ARGV[6...]  these, each with its value, then the items to take out
-- Returns 1 when changed, -1 - (the stored term) when refused. The stamp is one that there never was, also after a wipe.

local noted = redis.call('HGET', KEYS[3], ARGV[1]) or ''
local term, sequence, up_to = string.match(noted, '^(%d+):(%d+):(.*)$')
if is_later(term, sequence, ARGV[2], ARGV[3]) then return -1 - tonumber(term) end
local last_put = 5 + 2 * tonumber(ARGV[5])
for place = 6, last_put, 2 do
  redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
end
for place = last_put + 1, #ARGV do
  redis.call('HDEL', KEYS[1], ARGV[place])
end
if ARGV[4] ~= '' then up_to = ARGV[4] end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2] .. ':' .. ARGV[3] .. ':' .. (up_to or ''))
if #ARGV > 5 then
  redis.call('SET', KEYS[2], ARGV[1] .. '-' .. ARGV[2] .. '-' .. ARGV[3])
end
return 1
