-- Switches the live pointer, or the copy of the running experiments, but never back to an older sequence number.
--
-- KEYS[1]  the pointer's key        ARGV[1]  its new value, JSON        ARGV[2]  the new value's sequence number
-- Returns 1 when written, 0 when the stored pointer is as new or newer. An unreadable stored value is replaced.

local old = redis.call('GET', KEYS[1])
if old then
  local readable, pointer = pcall(cjson.decode, old)
  if readable and type(pointer) == 'table' and (tonumber(pointer['sequence']) or -1) >= tonumber(ARGV[2]) then
    return 0
  end
end
redis.call('SET', KEYS[1], ARGV[1])
return 1
