# PostgreSQL, reached by three services and by nobody else. RDS makes the master's password, keeps it in a secret of its
# own and replaces it every seven days: the services have a role of their own, which docs/DEPLOYMENT.md makes.

variable "name" {
  type = string
}

variable "vpc_id" {
  type = string
}

variable "subnet_ids" {
  type = list(string)
}

variable "instance" {
  type = string
}

variable "multi_az" {
  type = bool
}

variable "clients" {
  description = "Security groups of the services that use it, by name."
  type        = map(string)
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.subnet_ids
}

resource "aws_security_group" "this" {
  name_prefix = "${var.name}-database-"
  description = "The database"
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_ingress_rule" "client" {
  for_each                     = var.clients
  description                  = each.key
  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = each.value
  from_port                    = 5432
  to_port                      = 5432
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "client" {
  for_each                     = var.clients
  description                  = "the database"
  security_group_id            = each.value
  referenced_security_group_id = aws_security_group.this.id
  from_port                    = 5432
  to_port                      = 5432
  ip_protocol                  = "tcp"
}

resource "aws_db_instance" "this" {
  identifier                  = var.name
  engine                      = "postgres"
  engine_version              = "17"
  instance_class              = var.instance
  allocated_storage           = 20
  max_allocated_storage       = 200
  storage_encrypted           = true
  db_name                     = "novacore"
  username                    = "master"
  manage_master_user_password = true
  multi_az                    = var.multi_az
  db_subnet_group_name        = aws_db_subnet_group.this.name
  vpc_security_group_ids      = [aws_security_group.this.id]
  backup_retention_period     = 7
  deletion_protection         = true
  final_snapshot_identifier   = "${var.name}-final"
  copy_tags_to_snapshot       = true
  auto_minor_version_upgrade  = true
}

output "host" {
  value = aws_db_instance.this.address
}

output "database" {
  value = aws_db_instance.this.db_name
}

output "master_secret_arn" {
  value = one(aws_db_instance.this.master_user_secret[*].secret_arn)
}
