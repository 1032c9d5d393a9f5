"""What outlives the log: files of snapshots and archived records, in a folder or a bucket."""
