# A secret for each name, with a placeholder that counts as unset. Values are put in by hand or by a pipeline, are never
# in the state, and are left alone by a later apply.

variable "name" {
  type = string
}

variable "names" {
  type = set(string)
}

resource "aws_secretsmanager_secret" "this" {
  for_each = var.names
  name     = "${var.name}/${each.key}"
}

resource "aws_secretsmanager_secret_version" "placeholder" {
  for_each      = aws_secretsmanager_secret.this
  secret_id     = each.value.id
  secret_string = "replace-me"

  lifecycle {
    ignore_changes = [secret_string, version_stages]
  }
}

output "arns" {
  value = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }
}

output "placeholders" {
  value     = { for name, version in aws_secretsmanager_secret_version.placeholder : name => version.secret_string }
  sensitive = true
}
