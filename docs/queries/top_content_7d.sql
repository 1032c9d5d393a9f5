-- What was watched most in the last 7 days.
SELECT
    content_id,
    sum(watches) AS watched,
    sum(clicks) AS clicked,
    round(sum(watch_time_s) / 3600, 2) AS hours
FROM content_metrics_hourly FINAL
WHERE hour >= now() - 7 * 86400
GROUP BY content_id
HAVING sum(watches) + sum(clicks) > 0
ORDER BY watched DESC, clicked DESC, content_id
LIMIT 50
