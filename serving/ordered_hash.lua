-- Writes fields of a hash for the items of one item partition, unless a later owner of that partition wrote some already.
--
-- KEYS[1]  the hash   KEYS[2]  hash: partition -> "term:number of the write"
-- ARGV[1]  partition   ARGV[2]  term   ARGV[3]  number of the write (serving/write_order.py)   ARGV[4...]  field, value
-- Returns 1 when written, -1 - (the stored term) when refused.

local term, sequence = string.match(redis.call('HGET', KEYS[2], ARGV[1]) or '', '^(%d+):(%d+)$')
if is_later(term, sequence, ARGV[2], ARGV[3]) then return -1 - tonumber(term) end
redis.call('HSET', KEYS[2], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
for place = 4, #ARGV, 2 do
  redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
end
return 1
