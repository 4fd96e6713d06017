# One service: its containers, their log, the name they are found under, and whom they may reach.

resource "aws_cloudwatch_log_group" "this" {
  name              = "/${var.deployment}/${var.name}"
  retention_in_days = var.log_retention_days
}

locals {
  trust = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Action    = "sts:AssumeRole"
    }]
  })
  container = {
    name                   = var.name
    image                  = var.image
    essential              = true
    user                   = "10001:10001"
    readonlyRootFilesystem = true
    stopTimeout            = 45
    linuxParameters        = { capabilities = { drop = ["ALL"] }, initProcessEnabled = true }
    portMappings           = [{ containerPort = var.port, protocol = "tcp" }]
    environment            = [for key in sort(keys(var.environment)) : { name = key, value = var.environment[key] }]
    secrets                = [for key in sort(keys(var.secret_arns)) : { name = key, valueFrom = var.secret_arns[key] }]
    healthCheck = {
      command     = ["CMD", "python", "-m", "novacore.ready", var.name]
      interval    = 10
      timeout     = 5
      startPeriod = 60
      retries     = 3
    }
    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.here.name
        awslogs-stream-prefix = var.name
      }
    }
  }
}

data "aws_region" "here" {}

# Fetches the image and hands in the secrets: this service's, and no others.
resource "aws_iam_role" "execution" {
  name_prefix        = "${var.deployment}-${var.name}-"
  assume_role_policy = local.trust
}

resource "aws_iam_role_policy_attachment" "execution" {
  role       = aws_iam_role.execution.name
  policy_arn = "arn:aws:iam::aws:policy/service-role/AmazonECSTaskExecutionRolePolicy"
}

resource "aws_iam_role_policy" "secrets" {
  count = length(var.secret_arns) > 0 ? 1 : 0
  name  = "secrets"
  role  = aws_iam_role.execution.id
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect   = "Allow"
      Action   = "secretsmanager:GetSecretValue"
      Resource = values(var.secret_arns)
    }]
  })
}

# What runs in the container may do nothing at AWS.
resource "aws_iam_role" "task" {
  name_prefix        = "${var.deployment}-${var.name}-"
  assume_role_policy = local.trust
}

resource "aws_ecs_task_definition" "this" {
  family                   = "${var.deployment}-${var.name}"
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu
  memory                   = var.memory
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = aws_iam_role.task.arn
  container_definitions    = jsonencode([local.container])
}

resource "aws_security_group" "this" {
  name_prefix = "${var.deployment}-${var.name}-"
  description = var.name
  vpc_id      = var.vpc_id
}

resource "aws_vpc_security_group_egress_rule" "endpoints" {
  description                  = "images, logs and secrets"
  security_group_id            = aws_security_group.this.id
  referenced_security_group_id = var.endpoint_group
  from_port                    = 443
  to_port                      = 443
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "bucket" {
  description       = "the layers of images"
  security_group_id = aws_security_group.this.id
  prefix_list_id    = var.bucket_prefix_list
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "way_out" {
  count             = var.way_out ? 1 : 0
  description       = "cloud providers"
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = "0.0.0.0/0"
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "also" {
  for_each          = { for one in var.also_reaches : "${one.cidr} ${one.port}" => one }
  description       = "a server of one's own"
  security_group_id = aws_security_group.this.id
  cidr_ipv4         = each.value.cidr
  from_port         = each.value.port
  to_port           = each.value.port
  ip_protocol       = "tcp"
}

resource "aws_service_discovery_service" "this" {
  name = var.discovery_name

  dns_config {
    namespace_id   = var.namespace_id
    routing_policy = "MULTIVALUE"

    dns_records {
      type = "A"
      ttl  = 5
    }
  }

  health_check_custom_config {
    failure_threshold = 1
  }
}

resource "aws_ecs_service" "this" {
  name                               = var.name
  cluster                            = var.cluster_id
  task_definition                    = aws_ecs_task_definition.this.arn
  desired_count                      = var.replicas
  launch_type                        = "FARGATE"
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200

  deployment_circuit_breaker {
    enable   = true
    rollback = true
  }

  network_configuration {
    subnets         = var.subnet_ids
    security_groups = [aws_security_group.this.id]
  }

  service_registries {
    registry_arn = aws_service_discovery_service.this.arn
  }

  dynamic "load_balancer" {
    for_each = var.target_group_arn == null ? [] : [var.target_group_arn]
    content {
      target_group_arn = load_balancer.value
      container_name   = var.name
      container_port   = var.port
    }
  }
}

output "security_group_id" {
  value = aws_security_group.this.id
}

output "container" {
  value = local.container
}

output "readable_secrets" {
  value = values(var.secret_arns)
}

output "ways_out" {
  value = length(aws_vpc_security_group_egress_rule.way_out)
}

output "also_reaches" {
  value = keys(aws_vpc_security_group_egress_rule.also)
}
