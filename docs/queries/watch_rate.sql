-- Which share of shown items was then watched, by generator and variant, last 7 days.
SELECT
    algorithm,
    variant,
    sum(served) AS shown,
    sum(watches) AS watched,
    round(sum(watches) / sum(served), 4) AS watch_rate
FROM recommendation_metrics FINAL
WHERE hour >= now() - 7 * 86400
GROUP BY algorithm, variant
HAVING sum(served) > 0
ORDER BY watch_rate DESC, algorithm, variant
