"""`freshet versions | compare | promote | rollback | retire`."""
