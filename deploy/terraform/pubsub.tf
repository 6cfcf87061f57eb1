# What is asked for, what arrives, and what could not be done.
locals {
  messages = {
    training-requested = "TrainingRequested"
    user-signed-up     = "UserSignedUp"
  }
}

resource "google_pubsub_schema" "messages" {
  for_each   = local.messages
  name       = each.key
  type       = "AVRO"
  definition = file("${local.schemas}/${each.key}.avsc")
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "messages" {
  #checkov:skip=CKV_GCP_83:Google's own keys encrypt it; messages hold ids and times.
  for_each = local.messages
  name     = each.key
  schema_settings {
    schema   = google_pubsub_schema.messages[each.key].id
    encoding = "JSON"
  }
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
}

resource "google_pubsub_topic" "uploads" {
  #checkov:skip=CKV_GCP_83:Google's own keys encrypt it; notices hold keys and times.
  name = "uploads"
  message_storage_policy {
    allowed_persistence_regions = [var.region]
  }
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_topic" "dead" {
  #checkov:skip=CKV_GCP_83:Google's own keys encrypt it; messages hold ids and times.
  name       = "dead-letters"
  depends_on = [google_project_service.needed]
}

resource "google_pubsub_subscription" "dead" {
  name                       = "dead-letters"
  topic                      = google_pubsub_topic.dead.id
  message_retention_duration = "2678400s"
  expiration_policy {
    ttl = ""
  }
}

resource "google_pubsub_subscription" "function" {
  for_each = merge(
    { for name, topic in google_pubsub_topic.messages : name => topic.id },
    { uploads = google_pubsub_topic.uploads.id },
  )
  name                    = "function-${each.key}"
  topic                   = each.value
  ack_deadline_seconds    = 120
  enable_message_ordering = each.key != "uploads"
  expiration_policy {
    ttl = ""
  }
  retry_policy {
    minimum_backoff = "10s"
    maximum_backoff = "600s"
  }
  dead_letter_policy {
    dead_letter_topic     = google_pubsub_topic.dead.id
    max_delivery_attempts = 8
  }
  push_config {
    push_endpoint = google_cloud_run_v2_service.function.uri
    oidc_token {
      service_account_email = google_service_account.push.email
    }
  }
}

# Pub/Sub's own account moves what is dead from the subscriptions to the topic.
resource "google_pubsub_topic_iam_member" "bury" {
  topic  = google_pubsub_topic.dead.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:service-${data.google_project.here.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_subscription_iam_member" "bury" {
  for_each     = google_pubsub_subscription.function
  subscription = each.value.id
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:service-${data.google_project.here.number}@gcp-sa-pubsub.iam.gserviceaccount.com"
}

resource "google_pubsub_topic_iam_member" "notices" {
  topic  = google_pubsub_topic.uploads.id
  role   = "roles/pubsub.publisher"
  member = "serviceAccount:${data.google_storage_project_service_account.notices.email_address}"
}

resource "google_pubsub_topic_iam_member" "web" {
  for_each = google_pubsub_topic.messages
  topic    = each.value.id
  role     = "roles/pubsub.publisher"
  member   = "serviceAccount:${google_service_account.web.email}"
}

resource "google_pubsub_subscription_iam_member" "web" {
  subscription = google_pubsub_subscription.dead.id
  role         = "roles/pubsub.subscriber"
  member       = "serviceAccount:${google_service_account.web.email}"
}
