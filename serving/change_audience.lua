-- Writes what a user may see (serving/audience.py), if that is another than what is stored, and counts it in the list
-- that lies beside it: whoever remembers what was stored beside that list sees by the list that it is another by now.
--
-- KEYS[1]  the user's list                        ARGV[1]  the offset that the record reflects
-- KEYS[2]  the record                             ARGV[2]  its new value, which says that the lists are older
-- KEYS[3]  where the present writer is noted      ARGV[3]  seconds to live
--                                                 ARGV[4]  the writer
-- Returns -1 when another writer is noted, or none; 0 when the list was made with these limits, or is not there; 1 when
-- there is one that was made with others; 2 when the list reflects more, and nothing was written.

local function limits(record) -- see serving/audience.py
  local genres = #record >= 25 and struct.unpack('>H', record, 24) or 0
  return string.sub(record, 17, 25 + 4 * genres)
end
if redis.call('GET', KEYS[3]) ~= ARGV[4] then return -1 end
local CHANGED_AT = 38
local head = redis.pcall('GETRANGE', KEYS[1], 0, CHANGED_AT + 3) -- see serving/list_format.py
if type(head) ~= 'string' then head = '' end
if #head >= 14 and struct.unpack('>i8', head, 7) > tonumber(ARGV[1]) then return 2 end
local stored = redis.call('GET', KEYS[2])
if not stored or limits(stored) ~= limits(ARGV[2]) then
  redis.call('SET', KEYS[2], ARGV[2], 'EX', ARGV[3])
  if #head == CHANGED_AT + 4 and string.sub(head, 1, 2) == '\245\4' then
    local changes = struct.unpack('>I4', head, CHANGED_AT + 1)
    redis.call('SETRANGE', KEYS[1], CHANGED_AT, struct.pack('>I4', (changes + 1) % 2 ^ 32))
  end
elseif string.byte(stored, 7) == 0 then
  return 0 -- the list beside it was made with them
end
return redis.call('EXISTS', KEYS[1])
