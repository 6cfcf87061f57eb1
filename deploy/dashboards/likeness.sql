-- How well twins are learned, by day: nats a token on held-out messages, without and with the adapter.
SELECT
  DATE(created_at) AS day,
  COUNT(*) AS runs,
  AVG(CAST(JSON_VALUE(figures, '$.loss_base') AS FLOAT64)) AS loss_base,
  AVG(CAST(JSON_VALUE(figures, '$.loss_twin') AS FLOAT64)) AS loss_twin
FROM `${dataset}.runs_latest`
WHERE state = 'done' AND JSON_VALUE(figures, '$.loss_twin') IS NOT NULL
GROUP BY day
ORDER BY day
