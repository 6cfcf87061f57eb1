-- Sign-ups a day.
SELECT DATE(created_at) AS day, COUNT(*) AS sign_ups
FROM `${dataset}.users_latest`
GROUP BY day
ORDER BY day
