variable "project" {
  description = "The id of the project; it has billing."
  type        = string
}

variable "region" {
  description = "Where everything is. For chats of people in Europe, a region there."
  type        = string
  default     = "europe-west4"
}

variable "images" {
  description = "The tag of the images that run."
  type        = string
  default     = "latest"
}

variable "base" {
  description = "The folder of the base model below bases/ in the bucket, e.g. gemma-3-1b-it."
  type        = string
  default     = "gemma-3-1b-it"
}

variable "vllm_image" {
  description = "vLLM's server, by digest."
  type        = string
  default     = "docker.io/vllm/vllm-openai:v0.11.0"
}

variable "serve_on_gpu" {
  description = "Whether to make the vLLM service: it costs nothing idle, but needs quota for one L4."
  type        = bool
  default     = true
}

variable "spot" {
  description = "Whether trainings run on spot machines, a third of the price; it needs quota for a preemptible L4."
  type        = bool
  default     = false
}

variable "serve_on_vertex" {
  description = "Whether pipelines register what they trained and deploy it to an endpoint of Vertex AI, which sleeps when idle."
  type        = bool
  default     = false
}

variable "serving_image" {
  description = "What serves there: a build of vLLM that fetches adapters from the bucket, such as Model Garden's."
  type        = string
  default     = "us-docker.pkg.dev/vertex-ai/vertex-vision-model-garden-dockers/pytorch-vllm-serve:latest"
}

variable "url" {
  description = "The address under which people reach the web app."
  type        = string
}

variable "admins" {
  description = "E-mail addresses of those who may see the admin page, separated by commas."
  type        = string
  default     = ""
}

variable "mail" {
  description = "Who sends mail, as TWIN_MAIL has it (docs/settings.md); without it, links are only printed in the log."
  type        = string
  default     = ""
  sensitive   = true
}

variable "mail_from" {
  description = "The sender of the web app's mail."
  type        = string
  default     = "twin@localhost"
}

variable "billing_account" {
  description = "The billing account for the budget alert; empty for no alert."
  type        = string
  default     = ""
}

variable "monthly_budget" {
  description = "In units of the billing account's currency; mails go out at half, nine tenths and all of it."
  type        = number
  default     = 50
}
