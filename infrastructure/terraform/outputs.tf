output "address" {
  description = "Name of the load balancer: let the certificate's name point there."
  value       = module.door.dns_name
}

output "secrets" {
  description = "The secret to fill in for each variable; each holds replace-me, which counts as unset."
  value       = module.secrets.arns
}

output "database" {
  description = "The host and name for DATABASE_URL, and the secret in which RDS keeps the master's user and password."
  value       = { host = module.database.host, name = module.database.database, master_secret = module.database.master_secret_arn }
}

output "environment" {
  description = "What each container is told, less the secrets."
  value       = local.environment
}
