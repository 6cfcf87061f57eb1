# Uploads, examples, adapters, reports: everything of a twin under one prefix.
resource "google_storage_bucket" "twin" {
  #checkov:skip=CKV_GCP_62:Access logs would record who talks with whom; audit logs hold administration.
  #checkov:skip=CKV_GCP_78:What a person deletes must be gone; versions would keep it.
  name                        = "${var.project}-twin"
  location                    = var.region
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  force_destroy               = true
  versioning {
    enabled = false
  }
  # Deleted is deleted; the default would keep chats for seven days.
  soft_delete_policy {
    retention_duration_seconds = 0
  }
  lifecycle_rule {
    condition {
      age = 1
    }
    action {
      type = "AbortIncompleteMultipartUpload"
    }
  }
  # Which twins were deleted is known until no upload that had begun before can end any more.
  lifecycle_rule {
    condition {
      age            = 31
      matches_prefix = ["forgotten/"]
    }
    action {
      type = "Delete"
    }
  }
  cors {
    origin          = [var.url]
    method          = ["POST", "PUT"]
    response_header = ["Content-Range", "Content-Type", "Location", "Range", "x-goog-content-length-range", "x-goog-resumable"]
    max_age_seconds = 3600
  }
  depends_on = [google_project_service.needed]
}

data "google_storage_project_service_account" "notices" {
}

resource "google_storage_notification" "arrived" {
  bucket         = google_storage_bucket.twin.name
  topic          = google_pubsub_topic.uploads.id
  payload_format = "JSON_API_V1"
  event_types    = ["OBJECT_FINALIZE"]
  depends_on     = [google_pubsub_topic_iam_member.notices]
}

resource "google_storage_bucket_iam_member" "objects" {
  for_each = {
    web      = google_service_account.web.email
    function = google_service_account.function.email
    stages   = google_service_account.stages.email
  }
  bucket = google_storage_bucket.twin.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${each.value}"
}

resource "google_storage_bucket_iam_member" "adapters" {
  bucket = google_storage_bucket.twin.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${google_service_account.vllm.email}"
}
