# One account for each part, each with no more than it needs.
resource "google_service_account" "web" {
  account_id   = "twin-web"
  display_name = "twin: the web app"
}

resource "google_service_account" "function" {
  account_id   = "twin-function"
  display_name = "twin: the function that starts pipelines"
}

resource "google_service_account" "stages" {
  account_id   = "twin-stages"
  display_name = "twin: the stages of a pipeline"
}

resource "google_service_account" "vllm" {
  account_id   = "twin-vllm"
  display_name = "twin: the server of replies"
}

resource "google_service_account" "push" {
  account_id   = "twin-push"
  display_name = "twin: Pub/Sub, when it calls the function"
}

resource "google_project_iam_member" "queries" {
  for_each = {
    web      = google_service_account.web.email
    function = google_service_account.function.email
    stages   = google_service_account.stages.email
  }
  project = var.project
  role    = "roles/bigquery.jobUser"
  member  = "serviceAccount:${each.value}"
}

resource "google_project_iam_member" "pipelines" {
  project = var.project
  role    = "roles/aiplatform.user"
  member  = "serviceAccount:${google_service_account.function.email}"
}

# The function starts pipelines whose steps run as the stages' account.
resource "google_service_account_iam_member" "pipelines" {
  service_account_id = google_service_account.stages.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.function.email}"
}

# Where a pipeline trains on a spot machine or deploys what it trained, its stages do so; servers run as their own account.
resource "google_project_iam_member" "deploying" {
  count   = var.serve_on_vertex || var.spot ? 1 : 0
  project = var.project
  role    = "roles/aiplatform.user"
  member  = "serviceAccount:${google_service_account.stages.email}"
}

resource "google_service_account_iam_member" "deploying" {
  count              = var.serve_on_vertex ? 1 : 0
  service_account_id = google_service_account.vllm.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.stages.email}"
}

resource "google_service_account_iam_member" "training" {
  count              = var.spot ? 1 : 0
  service_account_id = google_service_account.stages.name
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${google_service_account.stages.email}"
}

# The web app asks those servers.
resource "google_project_iam_member" "asking" {
  count   = var.serve_on_vertex ? 1 : 0
  project = var.project
  role    = "roles/aiplatform.user"
  member  = "serviceAccount:${google_service_account.web.email}"
}

# The web app signs uploads as itself, with a key that Google keeps.
resource "google_service_account_iam_member" "signing" {
  service_account_id = google_service_account.web.name
  role               = "roles/iam.serviceAccountTokenCreator"
  member             = "serviceAccount:${google_service_account.web.email}"
}

resource "google_project_iam_member" "database" {
  project = var.project
  role    = "roles/cloudsql.client"
  member  = "serviceAccount:${google_service_account.web.email}"
}

resource "google_artifact_registry_repository_iam_member" "stages" {
  repository = google_artifact_registry_repository.images.name
  location   = var.region
  role       = "roles/artifactregistry.reader"
  member     = "serviceAccount:${google_service_account.stages.email}"
}
