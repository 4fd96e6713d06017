# What a deployment decides about machines. What NovaCore itself is told stands in settings.tf.

variable "name" {
  description = "Name of this deployment: the start of every name in it."
  type        = string
  default     = "novacore"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,19}$", var.name))
    error_message = "A name has 2 to 20 lower-case letters, digits and hyphens, and begins with a letter."
  }
}

variable "images" {
  description = "Where the four images are, without their names, as in 123456789012.dkr.ecr.eu-central-1.amazonaws.com/novacore."
  type        = string
}

variable "image_tag" {
  description = "Their tag."
  type        = string
}

variable "certificate_arn" {
  description = "The certificate in ACM for the name under which NovaCore is reached."
  type        = string
}

variable "allowed_cidrs" {
  description = "Who may reach the door."
  type        = list(string)
  default     = ["0.0.0.0/0"]
}

variable "vpc_cidr" {
  description = "Addresses of the network; a /16."
  type        = string
  default     = "10.42.0.0/16"
}

variable "way_out" {
  description = "Whether intelligence may reach the internet, where cloud providers are. false: nothing has a way out, and no cloud provider is asked."
  type        = bool
  default     = true
}

variable "also_reaches" {
  description = "What a service reaches beside AWS, the other services and, where it has a way out, port 443: {intelligence = [{cidr = \"10.0.5.7/32\", port = 11434}]} for an Ollama of your own, 4318 of each service's for a collector of traces. There must be a route: inside the VPC, or out of it where way_out is true."
  type        = map(list(object({ cidr = string, port = number })))
  default     = {}
}

variable "embedded_model" {
  description = "Whether the built-in model runs as `ollama`; false where ollama_url names one of your own (which also_reaches must let through), or nobody is to be asked."
  type        = bool
  default     = false
}

variable "replicas" {
  description = "How many of each run."
  type        = object({ gateway = number, intelligence = number, memory = number })
  default     = { gateway = 2, intelligence = 2, memory = 2 }
}

variable "database_instance" {
  description = "Class of the database's machine."
  type        = string
  default     = "db.t4g.small"
}

variable "database_multi_az" {
  description = "Whether the database has a standby in another zone."
  type        = bool
  default     = true
}

variable "log_retention_days" {
  description = "How long logs are kept."
  type        = number
  default     = 30
}

variable "row_settings" {
  description = "Providers that are rows of settings: X_BASE_URL, X_MODEL and X_LOCALITY of each, as in { GROQ_MODEL = \"…\" }."
  type        = map(string)
  default     = {}

  validation {
    condition     = alltrue([for name in keys(var.row_settings) : can(regex("^[A-Z][A-Z0-9_]*_(BASE_URL|MODEL|LOCALITY)$", name))])
    error_message = "A row has X_BASE_URL, X_MODEL and X_LOCALITY; its key is named in row_secrets."
  }
}

variable "row_secrets" {
  description = "Names of the keys of such providers, as in [\"GROQ_API_KEY\"]: a secret is made for each."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for name in var.row_secrets : can(regex("^[A-Z][A-Z0-9_]*_API_KEY$", name))])
    error_message = "A row's key is called X_API_KEY."
  }
}
