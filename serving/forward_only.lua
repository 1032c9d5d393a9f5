-- Writes a list, but never one that is older than the list it would replace, nor one of a writer who is not the present
-- one.
--
-- KEYS[1]  the list's key          ARGV[1]  the new value, in serving/list_format.py
-- KEYS[n]  keys that go with it    ARGV[n]  their new values, of any format
-- KEYS[#ARGV - 1]  optional: where the present writer of these keys is noted
--                                  ARGV[#ARGV - 1]  seconds to live
--                                  ARGV[#ARGV]      the writer
-- Returns 1 when all were written, 0 when another writer is noted, or none: whoever slept while others took over brings
-- nothing back, not even where nothing is left to compare with. -1 - (term of the stored list) when all were refused.
-- The first list decides for those that go with it, so that what was made of one row is never seen half new.
--
-- Refused: the stored list is of the same format and partition and reflects a higher offset, or the same offset but was
-- written later (a later term, or a later write of the same term: serving/write_order.py). No clock is compared.
-- Everything else is written: nothing stored, a value of another format, a list of another partition (the log was laid
-- out anew). Only the fixed part of the stored value is read, not its kilobytes of items.

local HEAD = '>BBI4i8i8i8' -- magic, format version, partition, offset, term, number of the write
local HEAD_BYTES = 30

local values = #ARGV - 2
if #KEYS > values and redis.call('GET', KEYS[#KEYS]) ~= ARGV[#ARGV] then
  return 0
end
local old = redis.pcall('GETRANGE', KEYS[1], 0, HEAD_BYTES - 1)
if type(old) == 'string' and #old == HEAD_BYTES then
  local magic, format, partition, offset, term, sequence = struct.unpack(HEAD, old)
  local new_magic, new_format, new_partition, new_offset, new_term, new_sequence = struct.unpack(HEAD, ARGV[1])
  if magic == new_magic and format == new_format and partition == new_partition then
    local later = term > new_term or (term == new_term and sequence > new_sequence)
    if offset > new_offset or (offset == new_offset and later) then
      return -1 - term
    end
  end
end
for place = 1, values do
  redis.call('SET', KEYS[place], ARGV[place], 'EX', ARGV[values + 1])
end
return 1
