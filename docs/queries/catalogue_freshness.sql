-- Which share of what is shown, by day, are items that were met first (shown or used) within the 30 days before.
SELECT
    toDate(hour, 'UTC') AS day,
    sum(served) AS shown,
    round(sumIf(served, toUInt32(hour) - toUInt32(first_hour) < 30 * 86400) / sum(served), 4) AS fresh_share
FROM
(
    SELECT hour, content_id, served
    FROM content_metrics_hourly FINAL
    WHERE served > 0 AND hour >= now() - 30 * 86400
) AS shown_items
ANY INNER JOIN
(
    SELECT content_id, min(hour) AS first_hour
    FROM content_metrics_hourly FINAL
    WHERE served + users > 0
    GROUP BY content_id
) AS known_items USING (content_id)
GROUP BY day
ORDER BY day
