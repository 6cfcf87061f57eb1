output "web" {
  description = "Where Cloud Run serves the web app."
  value       = google_cloud_run_v2_service.web.uri
}

output "bucket" {
  description = "Where base models go: below bases/."
  value       = google_storage_bucket.twin.url
}
