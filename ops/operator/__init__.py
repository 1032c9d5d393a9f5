"""What an operator may do to a running system, and how they see into it. One file per thing; `ops.commands` prints.

running          runs one command's coroutine; servers that do not answer become exit codes
sole_producer    one transactional producer at a time, so that two operators never do the same thing twice
finding          the records of a topic that concern one user, and the bytes that wait for compaction
letters          dead letters as a table
lag, pauses, redrive_plan, redrive, erase, erase_check, inspect_user, inspect_item, scale
"""
