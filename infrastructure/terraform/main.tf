# NovaCore on AWS, as a worked example: containers on Fargate behind one load balancer, PostgreSQL on RDS, secrets in
# Secrets Manager, logs in CloudWatch. docs/DEPLOYMENT.md says how to use it.

locals {
  domain = "${var.name}.internal"
  ports  = { gateway = 8080, intelligence = 8081, memory = 8082, local_model = 11434 }
  # CPU units and MiB, as Fargate sells them.
  sizes = {
    gateway      = { cpu = 512, memory = 1024, count = var.replicas.gateway }
    intelligence = { cpu = 1024, memory = 2048, count = var.replicas.intelligence }
    memory       = { cpu = 256, memory = 512, count = var.replicas.memory }
    local_model  = { cpu = 2048, memory = 4096, count = 1 }
  }
  running = { for name, size in local.sizes : name => size if name != "local_model" || var.embedded_model }
  # Who calls whom.
  callers = {
    intelligence = ["gateway"]
    memory       = ["gateway", "intelligence"]
    local_model  = ["intelligence"]
  }
  address = { for name, port in local.ports : name => "http://${name == "local_model" ? "model" : name}.${local.domain}:${port}" }

  wiring = {
    gateway = {
      INTELLIGENCE_URL = local.address.intelligence
      MEMORY_URL       = local.address.memory
      TRUSTED_PROXIES  = coalesce(var.trusted_proxies, join(",", module.network.public_cidrs))
    }
    intelligence = merge(
      { MEMORY_URL = local.address.memory },
      # Names with a dot count as a cloud's unless it is said that they are not.
      var.embedded_model ? { OLLAMA_URL = local.address.local_model, OLLAMA_LOCALITY = "local" } : {},
      var.way_out ? {} : { CLOUD_ENABLED = "false" },
      var.row_settings,
    )
    memory      = {}
    local_model = {}
  }
  environment = {
    for name in keys(local.running) : name => merge(
      { for key, value in local.settings[name] : key => value if value != null },
      local.wiring[name],
    )
  }
  secrets_of = {
    for name in keys(local.running) :
    name => name == "intelligence" ? concat(local.secrets[name], tolist(var.row_secrets)) : local.secrets[name]
  }
}

module "network" {
  source  = "./modules/network"
  name    = var.name
  cidr    = var.vpc_cidr
  way_out = var.way_out
}

module "secrets" {
  source = "./modules/secrets"
  name   = var.name
  names  = toset(flatten(values(local.secrets_of)))
}

module "database" {
  source     = "./modules/database"
  name       = var.name
  vpc_id     = module.network.vpc_id
  subnet_ids = module.network.closed_subnet_ids
  instance   = var.database_instance
  multi_az   = var.database_multi_az
  clients    = { for name in ["gateway", "intelligence", "memory"] : name => module.service[name].security_group_id }
}

module "door" {
  source          = "./modules/door"
  name            = var.name
  vpc_id          = module.network.vpc_id
  subnet_ids      = module.network.public_subnet_ids
  certificate_arn = var.certificate_arn
  allowed_cidrs   = var.allowed_cidrs
  gateway_port    = local.ports.gateway
  gateway_group   = module.service["gateway"].security_group_id
}

resource "aws_ecs_cluster" "this" {
  name = var.name
}

resource "aws_service_discovery_private_dns_namespace" "this" {
  name = local.domain
  vpc  = module.network.vpc_id
}

module "service" {
  source   = "./modules/service"
  for_each = local.running

  name               = each.key
  deployment         = var.name
  discovery_name     = each.key == "local_model" ? "model" : each.key
  image              = "${var.images}/${each.key}:${var.image_tag}"
  port               = local.ports[each.key]
  cpu                = each.value.cpu
  memory             = each.value.memory
  replicas           = each.value.count
  environment        = local.environment[each.key]
  secret_arns        = { for name in local.secrets_of[each.key] : name => module.secrets.arns[name] }
  cluster_id         = aws_ecs_cluster.this.id
  namespace_id       = aws_service_discovery_private_dns_namespace.this.id
  vpc_id             = module.network.vpc_id
  subnet_ids         = each.key == "intelligence" && var.way_out ? module.network.open_subnet_ids : module.network.closed_subnet_ids
  endpoint_group     = module.network.endpoint_group_id
  bucket_prefix_list = module.network.bucket_prefix_list_id
  way_out            = each.key == "intelligence" && var.way_out
  also_reaches       = lookup(var.also_reaches, each.key, [])
  target_group_arn   = each.key == "gateway" ? module.door.target_group_arn : null
  log_retention_days = var.log_retention_days
}

# Between the services: what one may call, and what the other lets in.
locals {
  calls = merge([
    for called, callers in local.callers : {
      for caller in callers : "${caller} to ${called}" => { from = caller, to = called }
      if contains(keys(local.running), called)
    }
  ]...)
}

resource "aws_vpc_security_group_ingress_rule" "call" {
  for_each                     = local.calls
  description                  = each.key
  security_group_id            = module.service[each.value.to].security_group_id
  referenced_security_group_id = module.service[each.value.from].security_group_id
  from_port                    = local.ports[each.value.to]
  to_port                      = local.ports[each.value.to]
  ip_protocol                  = "tcp"
}

resource "aws_vpc_security_group_egress_rule" "call" {
  for_each                     = local.calls
  description                  = each.key
  security_group_id            = module.service[each.value.from].security_group_id
  referenced_security_group_id = module.service[each.value.to].security_group_id
  from_port                    = local.ports[each.value.to]
  to_port                      = local.ports[each.value.to]
  ip_protocol                  = "tcp"
}
