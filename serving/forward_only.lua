-- Writes a list, but never one that is older than the list it would replace.
--
-- KEYS[1]  the list's key          ARGV[1]  the new value, in serving/list_format.py
-- KEYS[n]  keys that go with it    ARGV[n]  their new values, of any format
--                                  ARGV[#KEYS + 1]  seconds to live
-- Returns 1 when all were written, 0 when all were refused. The first list decides for those that go with it, so that
-- what was made of one row is never seen half new.
--
-- Refused: the stored list is of the same format and partition and reflects a higher offset,
-- or the same offset but was generated later. Everything else is written: nothing stored, a value
-- of another format, a list of another partition (the log was laid out anew).
-- Only the fixed part of the stored value is read, not its kilobytes of items.

local HEAD = '>BBI4i8i8' -- magic, format version, partition, offset, generated_at_ms
local HEAD_BYTES = 22

local old = redis.pcall('GETRANGE', KEYS[1], 0, HEAD_BYTES - 1)
if type(old) == 'string' and #old == HEAD_BYTES then
  local magic, format, partition, offset, generated = struct.unpack(HEAD, old)
  local new_magic, new_format, new_partition, new_offset, new_generated = struct.unpack(HEAD, ARGV[1])
  if magic == new_magic and format == new_format and partition == new_partition then
    if offset > new_offset or (offset == new_offset and generated > new_generated) then
      return 0
    end
  end
end
for place, key in ipairs(KEYS) do
  redis.call('SET', key, ARGV[place], 'EX', ARGV[#KEYS + 1])
end
return 1
