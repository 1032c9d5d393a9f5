-- GCRA (generic cell rate algorithm, ITU-T I.371), a leaky bucket that stores one number: the time at which the bucket will
-- be empty.
--
-- KEYS[1]  the reader's bucket
-- ARGV[1]  microseconds that one request adds        ARGV[2]  microseconds that the bucket holds
-- Returns 0 when the request may pass, else the milliseconds after which one may.

local function note(empty_at, now)
  redis.call('SET', KEYS[1], string.format('%.0f', empty_at), 'PX', math.ceil((empty_at - now) / 1000))
end

local time = redis.call('TIME')
local now = time[1] * 1000000 + time[2]
local full = now + ARGV[2]
local noted = tonumber(redis.call('GET', KEYS[1])) or now
if noted > full then -- by a clock that was set back since: the bucket is full, and empties from now on
  noted = full
  note(noted, now)
end
local empty_at = math.max(noted, now) + ARGV[1]
local over = empty_at - full
if over > 0 then
  return math.ceil(over / 1000)
end
note(empty_at, now)
return 0
