"""ClickHouse: every event and every list that was shown, and sums of them that survive whatever is sent again."""
