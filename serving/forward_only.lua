-- Writes a list, but never one that is older than the list it would replace.
--
-- KEYS[1]  the list's key          ARGV[1]  the new value, in serving/list_format.py
--                                  ARGV[2]  seconds to live
-- Returns 1 when written, 0 when refused.
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
redis.call('SET', KEYS[1], ARGV[1], 'EX', ARGV[2])
return 1
