-- Click-through rate of shown items by generator and variant, last 7 days. `position` counts from 0.
SELECT
    algorithm,
    variant,
    sum(served) AS shown,
    sum(clicks) AS clicked,
    round(sum(clicks) / sum(served), 4) AS ctr,
    round(sum(position_sum) / sum(position_count), 2) AS average_position
FROM recommendation_metrics FINAL
WHERE hour >= now() - 7 * 86400
GROUP BY algorithm, variant
HAVING sum(served) > 0
ORDER BY ctr DESC, algorithm, variant
