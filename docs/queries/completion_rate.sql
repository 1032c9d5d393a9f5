-- How far what was begun is watched, last 7 days: share of watches that ended at 90 % or later, and the mean.
SELECT
    content_id,
    sum(completion_count) AS ended,
    round(sum(finished) / sum(completion_count), 4) AS completion_rate,
    round(sum(completion_sum) / sum(completion_count), 2) AS average_completion_pct
FROM content_metrics_hourly FINAL
WHERE hour >= now() - 7 * 86400
GROUP BY content_id
HAVING sum(completion_count) > 0
ORDER BY ended DESC, content_id
