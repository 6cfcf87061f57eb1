-- Seconds per stage: a stage lasts from its first row to the first row of what came next.
WITH changes AS (
  SELECT
    id,
    stage,
    updated_at,
    LAG(stage) OVER (PARTITION BY id ORDER BY saved_at) AS before
  FROM `${dataset}.runs`
  WHERE stage IS NOT NULL
),
begun AS (
  SELECT
    id,
    stage,
    TIMESTAMP_DIFF(LEAD(updated_at) OVER (PARTITION BY id ORDER BY updated_at), updated_at, MILLISECOND) / 1000 AS seconds
  FROM changes
  WHERE before IS NULL OR before != stage
)
SELECT stage, COUNT(*) AS times, AVG(seconds) AS mean_s, MAX(seconds) AS longest_s
FROM begun
WHERE seconds IS NOT NULL
GROUP BY stage
ORDER BY stage
