"""Nothing lost, nothing counted twice: the Faust extension that owns partitions, tables and transactions.

    version_guard   refuses to run on a Faust or aiokafka whose private methods were not tested
    outgoing        one record to be written by a transaction
    producer        one transactional producer per input partition (fence, commit)
    table           the state of one partition and its bulk restore from the changelog
    quarantine      crash marks, so that one bad record cannot kill worker after worker
    partition_task  one owned partition: batches in, one transaction out
    ownership       fence, then restore, then consume, on every rebalance
    table_manager   where Faust calls all of this
    process_exit    the end of the process on the unexpected

Business rules never live here: a task is given a `PartitionStep`.
"""
