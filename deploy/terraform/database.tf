# The web app's own tables: accounts, conversations, the outbox. The smallest machine there is.
resource "random_password" "database" {
  length  = 32
  special = false
}

resource "random_password" "cookies" {
  length  = 64
  special = false
}

resource "google_sql_database_instance" "web" {
  #checkov:skip=CKV_GCP_6:It asks for ssl_mode, which replaced the field that the check looks for.
  #checkov:skip=CKV_GCP_79:An upgrade of the database is decided, not slipped in.
  #checkov:skip=CKV_GCP_109:Statements hold what people wrote, so that even failing ones are not logged.
  #checkov:skip=CKV_GCP_60:It has a public address that no network may reach; Cloud Run comes over Google's proxy.
  #checkov:skip=CKV2_GCP_20:The outbox and BigQuery hold what must not be lost; a log for points in time costs more than the machine.
  name                = "twin-web"
  database_version    = "POSTGRES_16"
  region              = var.region
  deletion_protection = false
  settings {
    tier              = "db-f1-micro"
    edition           = "ENTERPRISE"
    availability_type = "ZONAL"
    disk_size         = 10
    disk_autoresize   = true
    ip_configuration {
      ipv4_enabled = true
      ssl_mode     = "ENCRYPTED_ONLY"
    }
    backup_configuration {
      enabled = true
      backup_retention_settings {
        retained_backups = 7
      }
    }
    database_flags {
      name  = "log_checkpoints"
      value = "on"
    }
    database_flags {
      name  = "log_connections"
      value = "on"
    }
    database_flags {
      name  = "log_disconnections"
      value = "on"
    }
    database_flags {
      name  = "log_lock_waits"
      value = "on"
    }
    database_flags {
      name  = "log_duration"
      value = "on"
    }
    database_flags {
      name  = "log_hostname"
      value = "on"
    }
    database_flags {
      name  = "log_min_messages"
      value = "error"
    }
    database_flags {
      name  = "cloudsql.enable_pgaudit"
      value = "on"
    }
    # Statements hold what people wrote: they are never logged.
    database_flags {
      name  = "log_min_duration_statement"
      value = "-1"
    }
    database_flags {
      name  = "log_statement"
      value = "ddl"
    }
    database_flags {
      name  = "log_min_error_statement"
      value = "panic"
    }
  }
  depends_on = [google_project_service.needed]
}

resource "google_sql_database" "web" {
  name     = "twin"
  instance = google_sql_database_instance.web.name
}

resource "google_sql_user" "web" {
  name     = "twin"
  instance = google_sql_database_instance.web.name
  password = random_password.database.result
}

locals {
  mails = nonsensitive(var.mail != "")
  secrets = {
    twin-database = join("", [
      "postgresql://twin:${random_password.database.result}@/twin",
      "?unix_sock=/cloudsql/${google_sql_database_instance.web.connection_name}/.s.PGSQL.5432",
    ])
    twin-cookies = random_password.cookies.result
    twin-mail    = var.mail
  }
}

resource "google_secret_manager_secret" "web" {
  for_each  = toset(concat(["twin-database", "twin-cookies"], local.mails ? ["twin-mail"] : []))
  secret_id = each.value
  replication {
    user_managed {
      replicas {
        location = var.region
      }
    }
  }
  depends_on = [google_project_service.needed]
}

resource "google_secret_manager_secret_version" "web" {
  for_each    = google_secret_manager_secret.web
  secret      = each.value.id
  secret_data = local.secrets[each.key]
}

resource "google_secret_manager_secret_iam_member" "web" {
  for_each  = google_secret_manager_secret.web
  secret_id = each.value.id
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${google_service_account.web.email}"
}
