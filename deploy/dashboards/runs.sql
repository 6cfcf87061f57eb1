-- Runs a day, by how they stand.
SELECT DATE(created_at) AS day, state, COUNT(*) AS runs
FROM `${dataset}.runs_latest`
GROUP BY day, state
ORDER BY day, state
