-- Changes the blocked items of one item partition, unless a later owner of that partition changed them already.
--
-- KEYS[1]  the set of blocked items   KEYS[2]  its stamp   KEYS[3]  hash: partition -> "term:number of the write"
-- ARGV[1]  partition   ARGV[2]  term   ARGV[3]  number of the write (serving/write_order.py)
-- ARGV[4]  how many items to block   ARGV[5...]  these, then the items to take out
-- Returns 1 when changed, -1 - (the stored term) when refused. The stamp is one that there never was, also after a wipe.

local term, sequence = string.match(redis.call('HGET', KEYS[3], ARGV[1]) or '', '^(%d+):(%d+)$')
if is_later(term, sequence, ARGV[2], ARGV[3]) then return -1 - tonumber(term) end
local last_blocked = 4 + tonumber(ARGV[4])
for place = 5, #ARGV do
  redis.call(place <= last_blocked and 'SADD' or 'SREM', KEYS[1], ARGV[place])
end
redis.call('HSET', KEYS[3], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
redis.call('SET', KEYS[2], ARGV[1] .. '-' .. ARGV[2] .. '-' .. ARGV[3])
return 1
