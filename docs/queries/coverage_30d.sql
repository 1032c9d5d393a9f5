-- Which share of the items that are known at all (shown or used, ever) was shown in the last 30 days.
SELECT
    countIf(last_shown >= toUInt32(now()) - 30 * 86400) AS shown_items,
    count() AS known_items,
    round(countIf(last_shown >= toUInt32(now()) - 30 * 86400) / count(), 4) AS coverage
FROM
(
    SELECT content_id, maxIf(toUInt32(hour), served > 0) AS last_shown
    FROM content_metrics_hourly FINAL
    GROUP BY content_id
    HAVING sum(served) + sum(users) > 0
)
