-- Removes the keys of one user, unless somebody else writes them by now or knows more of the user.
--
-- KEYS[1..n]  the user's keys, of any format      ARGV[1]  the offset of the user's last event that is known, or ''
-- KEYS[n + 1] where the present writer is noted   ARGV[2]  who removes
-- Returns how many keys were removed, -1 when another writer is noted, or none. With an offset nothing
-- is removed while one of the keys holds a list that reflects a higher one.

local HEAD = '>BBI4i8' -- magic, format version, partition, offset: see serving/list_format.py
local HEAD_BYTES = 14
local MAGIC = 0xF5

local writer = table.remove(KEYS)
if redis.call('GET', writer) ~= ARGV[2] then
  return -1
end
if ARGV[1] ~= '' then
  for _, key in ipairs(KEYS) do
    local head = redis.pcall('GETRANGE', key, 0, HEAD_BYTES - 1)
    if type(head) == 'string' and #head == HEAD_BYTES then
      local magic, _, _, offset = struct.unpack(HEAD, head)
      if magic == MAGIC and offset > tonumber(ARGV[1]) then
        return 0
      end
    end
  end
end
return redis.call('UNLINK', unpack(KEYS))
