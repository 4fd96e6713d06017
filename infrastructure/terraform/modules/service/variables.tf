variable "name" {
  type = string
}

variable "deployment" {
  type = string
}

variable "discovery_name" {
  type = string
}

variable "image" {
  type = string
}

variable "port" {
  type = number
}

variable "cpu" {
  type = number
}

variable "memory" {
  type = number
}

variable "replicas" {
  type = number
}

variable "environment" {
  type = map(string)
}

variable "secret_arns" {
  type = map(string)
}

variable "cluster_id" {
  type = string
}

variable "namespace_id" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

variable "endpoint_group" {
  type = string
}

variable "bucket_prefix_list" {
  type = string
}

variable "way_out" {
  type = bool
}

variable "target_group_arn" {
  type = string
}

variable "log_retention_days" {
  type = number
}

variable "also_reaches" {
  type = list(object({ cidr = string, port = number }))
}
