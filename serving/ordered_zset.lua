-- Replaces a sorted set as a whole, but never by an older one.
--
-- KEYS[1]  the set      KEYS[2]  what it was written by: "term:number of the write" (serving/write_order.py)
-- ARGV[1]  term   ARGV[2]  number of the write   ARGV[3]  seconds to live   ARGV[4...]  score, member, score, member ...
-- Returns 1 when written, -1 - (the stored term) when refused. Without members the set is removed.

local term, sequence = string.match(redis.call('GET', KEYS[2]) or '', '^(%d+):(%d+)$')
if is_later(term, sequence, ARGV[1], ARGV[2]) then return -1 - tonumber(term) end
redis.call('DEL', KEYS[1])
redis.call('SET', KEYS[2], ARGV[1] .. ':' .. ARGV[2], 'EX', ARGV[3])
if #ARGV > 3 then
  for place = 4, #ARGV, 2 do
    redis.call('ZADD', KEYS[1], ARGV[place], ARGV[place + 1])
  end
  redis.call('EXPIRE', KEYS[1], ARGV[3])
end
return 1
