# What runs: the web app, the function, and vLLM, which sleeps until somebody talks.
resource "google_cloud_run_v2_service" "web" {
  name                = "twin-web"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = false
  template {
    service_account                  = google_service_account.web.email
    max_instance_request_concurrency = 80
    timeout                          = "3600s"
    session_affinity                 = true # only the instance that writes a reply can stop it
    scaling {
      # Conversations are streamed, and what is saved goes on from the outbox in the background.
      min_instance_count = 0
      max_instance_count = 20
    }
    containers {
      image   = "${local.registry}/web:${var.images}"
      command = ["sh", "-c"]
      args = [
        "mkdir -p /tmp/twin && install -m 600 /secrets/secret-key /tmp/twin/secret-key && exec twin serve --host 0.0.0.0 --port 8080 --no-worker"
      ]
      ports {
        container_port = 8080
      }
      resources {
        limits = {
          cpu    = "1"
          memory = "2Gi"
        }
        cpu_idle          = false
        startup_cpu_boost = true
      }
      dynamic "env" {
        for_each = {
          TWIN_URL       = var.url
          TWIN_ADMINS    = var.admins
          TWIN_MAIL_FROM = var.mail_from
          TWIN_OBJECTS   = local.objects
          TWIN_RECORDS   = local.records
          TWIN_RUNNER = join("", [
            "pubsub:${var.project}/${google_pubsub_topic.messages["training-requested"].name}",
            "?users=${google_pubsub_topic.messages["user-signed-up"].name}&dead=${google_pubsub_subscription.dead.name}",
          ])
          TWIN_CHAT = var.serve_on_gpu ? "vllm:${google_cloud_run_v2_service.vllm[0].uri}" : "llama:"
          TWIN_BASE = "${local.bases}/${var.base}"
        }
        content {
          name  = env.key
          value = env.value
        }
      }
      env {
        name = "TWIN_WEB"
        value_source {
          secret_key_ref {
            secret  = google_secret_manager_secret.web["twin-database"].secret_id
            version = "latest"
          }
        }
      }
      dynamic "env" {
        for_each = local.mails ? ["twin-mail"] : []
        content {
          name = "TWIN_MAIL"
          value_source {
            secret_key_ref {
              secret  = google_secret_manager_secret.web[env.value].secret_id
              version = "latest"
            }
          }
        }
      }
      volume_mounts {
        name       = "cloudsql"
        mount_path = "/cloudsql"
      }
      volume_mounts {
        name       = "secrets"
        mount_path = "/secrets"
      }
      volume_mounts {
        name       = "bucket"
        mount_path = "/gcs/${google_storage_bucket.twin.name}"
      }
      startup_probe {
        tcp_socket {
          port = 8080
        }
        period_seconds    = 5
        failure_threshold = 24
      }
    }
    volumes {
      name = "cloudsql"
      cloud_sql_instance {
        instances = [google_sql_database_instance.web.connection_name]
      }
    }
    volumes {
      name = "secrets"
      secret {
        secret = google_secret_manager_secret.web["twin-cookies"].secret_id
        items {
          version = "latest"
          path    = "secret-key"
        }
      }
    }
    volumes {
      name = "bucket"
      gcs {
        bucket    = google_storage_bucket.twin.name
        read_only = true
      }
    }
  }
  lifecycle {
    ignore_changes = [template[0].containers[0].image] # Cloud Build deploys
  }
  depends_on = [google_secret_manager_secret_version.web, google_secret_manager_secret_iam_member.web]
}

# People log in to the web app itself.
resource "google_cloud_run_v2_service_iam_member" "web" {
  #checkov:skip=CKV_GCP_102:The web app is for people, who log in there.
  name     = google_cloud_run_v2_service.web.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "allUsers"
}

resource "google_cloud_run_v2_service" "function" {
  name                = "twin-function"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_INTERNAL_ONLY"
  deletion_protection = false
  template {
    service_account                  = google_service_account.function.email
    max_instance_request_concurrency = 8
    timeout                          = "120s"
    scaling {
      min_instance_count = 0
      max_instance_count = 10
    }
    containers {
      image = "${local.registry}/function:${var.images}"
      ports {
        container_port = 8080
      }
      resources {
        limits = {
          cpu    = "1"
          memory = "1Gi"
        }
        cpu_idle = true
      }
      dynamic "env" {
        for_each = {
          TWIN_OBJECTS = local.objects
          TWIN_RECORDS = local.records
          TWIN_RUNNER = join("", [
            "vertex:${var.project}/${var.region}",
            "?pipeline=/app/${var.spot ? "pipeline-spot" : "pipeline"}.yaml&account=${google_service_account.stages.email}",
          ])
          TWIN_TRAINING = var.spot ? join("", [
            "vertex:${var.project}/${var.region}?image=${local.registry}/trainer:${var.images}",
            "&account=${google_service_account.stages.email}",
          ]) : ""
          TWIN_SERVING = var.serve_on_vertex ? join("", [
            "vertex:${var.project}/${var.region}?image=${var.serving_image}",
            "&base=${local.objects}/bases/${var.base}&account=${google_service_account.vllm.email}",
          ]) : ""
        }
        content {
          name  = env.key
          value = env.value
        }
      }
    }
  }
  lifecycle {
    ignore_changes = [template[0].containers[0].image]
  }
  depends_on = [google_project_service.needed]
}

resource "google_cloud_run_v2_service_iam_member" "push" {
  name     = google_cloud_run_v2_service.function.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.push.email}"
}

resource "google_cloud_run_v2_service" "vllm" {
  count               = var.serve_on_gpu ? 1 : 0
  name                = "twin-vllm"
  location            = var.region
  ingress             = "INGRESS_TRAFFIC_ALL"
  deletion_protection = false
  template {
    service_account                  = google_service_account.vllm.email
    max_instance_request_concurrency = 64
    timeout                          = "600s"
    gpu_zonal_redundancy_disabled    = true
    scaling {
      min_instance_count = 0
      max_instance_count = 1
    }
    node_selector {
      accelerator = "nvidia-l4"
    }
    containers {
      image = var.vllm_image
      # The adapter's folder in the bucket, `TWIN/runs/RUN/adapter`, is its name; the base's path is in its config.
      args = [
        "--model=${local.bases}/${var.base}",
        "--port=8080",
        "--max-model-len=4096",
        "--enable-lora",
        "--max-lora-rank=64",
        "--max-loras=16",
        "--max-cpu-loras=256",
        "--disable-log-requests",
      ]
      ports {
        container_port = 8080
      }
      dynamic "env" {
        for_each = {
          VLLM_ALLOW_RUNTIME_LORA_UPDATING = "1"
          VLLM_PLUGINS                     = "lora_filesystem_resolver"
          VLLM_LORA_RESOLVER_CACHE_DIR     = "/gcs/${google_storage_bucket.twin.name}"
          HF_HUB_OFFLINE                   = "1"
        }
        content {
          name  = env.key
          value = env.value
        }
      }
      resources {
        limits = {
          cpu              = "8"
          memory           = "32Gi"
          "nvidia.com/gpu" = "1"
        }
        cpu_idle          = false
        startup_cpu_boost = true
      }
      volume_mounts {
        name       = "bucket"
        mount_path = "/gcs/${google_storage_bucket.twin.name}"
      }
      startup_probe {
        http_get {
          path = "/health"
          port = 8080
        }
        period_seconds    = 10
        failure_threshold = 60
      }
    }
    volumes {
      name = "bucket"
      gcs {
        bucket    = google_storage_bucket.twin.name
        read_only = true
      }
    }
  }
  depends_on = [google_project_service.needed, google_storage_bucket_iam_member.adapters]
}

resource "google_cloud_run_v2_service_iam_member" "chat" {
  count    = var.serve_on_gpu ? 1 : 0
  name     = google_cloud_run_v2_service.vllm[0].name
  location = var.region
  role     = "roles/run.invoker"
  member   = "serviceAccount:${google_service_account.web.email}"
}
