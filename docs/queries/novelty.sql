-- How surprising what is shown is, by generator, last 7 days: the mean of -log2 of the share of users who used the item
-- within 30 days (1 = half of them, 10 = one in a thousand).
SELECT
    algorithm,
    count() AS shown,
    round(avg(-log2((users + 1) / ((
        SELECT uniqExact(user_id)
        FROM recommendation_events FINAL
        WHERE event_type != 'served' AND event_hour >= now() - 30 * 86400
    ) + 1))), 3) AS novelty
FROM
(
    SELECT algorithm, content_id
    FROM recommendation_events FINAL
    WHERE event_type = 'served' AND event_hour >= now() - 7 * 86400
) AS shown_items
ANY LEFT JOIN
(
    SELECT content_id, uniqExact(user_id) AS users
    FROM recommendation_events FINAL
    WHERE event_type != 'served' AND event_hour >= now() - 30 * 86400
    GROUP BY content_id
) AS used_items USING (content_id)
GROUP BY algorithm
ORDER BY novelty DESC, algorithm
