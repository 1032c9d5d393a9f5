-- Stands before the scripts of what is written by "term:number of the write" (serving/write_order.py).

-- Whether the write that is noted came after a new one; false when none is noted.
local function is_later(term, sequence, new_term, new_sequence)
  if not term then return false end
  term, sequence, new_term = tonumber(term), tonumber(sequence), tonumber(new_term)
  return term > new_term or (term == new_term and sequence > tonumber(new_sequence))
end
