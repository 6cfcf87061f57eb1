# Users, twins, runs and every change of their status; views for how they stand and for dashboards.
locals {
  tables = {
    users = ["id"]
    twins = ["owner", "id"]
    runs  = ["twin_id", "id"]
  }
  dashboards = fileset("${path.module}/../dashboards", "*.sql")
}

resource "google_bigquery_dataset" "twin" {
  #checkov:skip=CKV_GCP_81:Google's own keys encrypt it; no address and no text of a chat is in it.
  dataset_id                 = "twin"
  location                   = var.region
  max_time_travel_hours      = "48" # the least: so long a deleted row can be brought back
  delete_contents_on_destroy = true
  depends_on                 = [google_project_service.needed]
}

resource "google_bigquery_table" "records" {
  #checkov:skip=CKV_GCP_80:Google's own keys encrypt it; no address and no text of a chat is in it.
  #checkov:skip=CKV_GCP_121:cloud-down must leave nothing behind.
  for_each            = local.tables
  dataset_id          = google_bigquery_dataset.twin.dataset_id
  table_id            = each.key
  schema              = file("${local.schemas}/${each.key}.json")
  clustering          = each.value
  deletion_protection = false
  time_partitioning {
    type  = "DAY"
    field = "saved_at"
  }
}

resource "google_bigquery_table" "latest" {
  #checkov:skip=CKV_GCP_80:A view holds nothing.
  #checkov:skip=CKV_GCP_121:cloud-down must leave nothing behind.
  for_each            = local.tables
  dataset_id          = google_bigquery_dataset.twin.dataset_id
  table_id            = "${each.key}_latest"
  deletion_protection = false
  view {
    query          = <<-SQL
      SELECT * FROM `${var.project}.${google_bigquery_dataset.twin.dataset_id}.${each.key}`
      WHERE TRUE QUALIFY ROW_NUMBER() OVER (PARTITION BY id ORDER BY saved_at DESC) = 1
    SQL
    use_legacy_sql = false
  }
  depends_on = [google_bigquery_table.records]
}

resource "google_bigquery_table" "dashboards" {
  #checkov:skip=CKV_GCP_80:A view holds nothing.
  #checkov:skip=CKV_GCP_121:cloud-down must leave nothing behind.
  for_each            = local.dashboards
  dataset_id          = google_bigquery_dataset.twin.dataset_id
  table_id            = "dashboard_${trimsuffix(each.value, ".sql")}"
  deletion_protection = false
  view {
    query = replace(
      file("${path.module}/../dashboards/${each.value}"),
      "$${dataset}",
      "${var.project}.${google_bigquery_dataset.twin.dataset_id}"
    )
    use_legacy_sql = false
  }
  depends_on = [google_bigquery_table.latest]
}

resource "google_bigquery_dataset_iam_member" "writers" {
  for_each = {
    web      = google_service_account.web.email
    function = google_service_account.function.email
    stages   = google_service_account.stages.email
  }
  dataset_id = google_bigquery_dataset.twin.dataset_id
  role       = "roles/bigquery.dataEditor"
  member     = "serviceAccount:${each.value}"
}
