-- Writes cards of items of one item partition, unless a later owner of that partition wrote some already.
--
-- KEYS[1]  hash: item -> card   KEYS[2]  zset: item -> number of its last change   KEYS[3]  stamp "epoch:number"
-- KEYS[4]  hash: partition -> "term:number of the write"
-- ARGV[1]  partition   ARGV[2]  term   ARGV[3]  number of the write (serving/write_order.py)   ARGV[4...]  item, card
-- Returns 1 when written, -1 - (the stored term) when refused.
--
-- Readers ask for what has a higher number than they have read. Without a stamp (a wipe) nobody knows what they have
-- read: an epoch begins that there never was, and they read everything.

local term, sequence = string.match(redis.call('HGET', KEYS[4], ARGV[1]) or '', '^(%d+):(%d+)$')
if is_later(term, sequence, ARGV[2], ARGV[3]) then return -1 - tonumber(term) end
redis.call('HSET', KEYS[4], ARGV[1], ARGV[2] .. ':' .. ARGV[3])
local epoch, number = string.match(redis.call('GET', KEYS[3]) or '', '^(.*):(%d+)$')
if not epoch then
  epoch = ARGV[1] .. '-' .. ARGV[2] .. '-' .. ARGV[3]
  number = redis.call('ZREVRANGE', KEYS[2], 0, 0, 'WITHSCORES')[2] or 0
end
for place = 4, #ARGV, 2 do
  number = number + 1
  redis.call('HSET', KEYS[1], ARGV[place], ARGV[place + 1])
  redis.call('ZADD', KEYS[2], number, ARGV[place])
end
redis.call('SET', KEYS[3], epoch .. ':' .. string.format('%d', number))
return 1
