# A network with three kinds of subnets, each in two zones: public ones for the load balancer, open ones with a way out
# for intelligence, closed ones for everything else. What AWS itself is asked (images, logs, secrets) has endpoints.

variable "name" {
  type = string
}

variable "cidr" {
  type = string
}

variable "way_out" {
  type = bool
}

data "aws_availability_zones" "all" {
  state = "available"
}

data "aws_region" "here" {}

locals {
  zones     = slice(data.aws_availability_zones.all.names, 0, 2)
  public    = { for place, zone in local.zones : zone => cidrsubnet(var.cidr, 8, place) }
  open      = { for place, zone in local.zones : zone => cidrsubnet(var.cidr, 8, place + 10) if var.way_out }
  closed    = { for place, zone in local.zones : zone => cidrsubnet(var.cidr, 8, place + 20) }
  interface = toset(["ecr.api", "ecr.dkr", "logs", "secretsmanager"])
}

resource "aws_vpc" "this" {
  cidr_block           = var.cidr
  enable_dns_support   = true
  enable_dns_hostnames = true
  tags                 = { Name = var.name }
}

resource "aws_subnet" "public" {
  for_each          = local.public
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-public" }
}

resource "aws_subnet" "open" {
  for_each          = local.open
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-open" }
}

resource "aws_subnet" "closed" {
  for_each          = local.closed
  vpc_id            = aws_vpc.this.id
  availability_zone = each.key
  cidr_block        = each.value
  tags              = { Name = "${var.name}-closed" }
}

resource "aws_internet_gateway" "this" {
  vpc_id = aws_vpc.this.id
}

resource "aws_route_table" "public" {
  vpc_id = aws_vpc.this.id

  route {
    cidr_block = "0.0.0.0/0"
    gateway_id = aws_internet_gateway.this.id
  }
}

resource "aws_route_table_association" "public" {
  for_each       = aws_subnet.public
  subnet_id      = each.value.id
  route_table_id = aws_route_table.public.id
}

resource "aws_eip" "way_out" {
  count  = var.way_out ? 1 : 0
  domain = "vpc"
}

resource "aws_nat_gateway" "way_out" {
  count         = var.way_out ? 1 : 0
  allocation_id = aws_eip.way_out[0].id
  subnet_id     = aws_subnet.public[local.zones[0]].id
  depends_on    = [aws_internet_gateway.this]
}

resource "aws_route_table" "open" {
  count  = var.way_out ? 1 : 0
  vpc_id = aws_vpc.this.id

  route {
    cidr_block     = "0.0.0.0/0"
    nat_gateway_id = aws_nat_gateway.way_out[0].id
  }
}

resource "aws_route_table_association" "open" {
  for_each       = aws_subnet.open
  subnet_id      = each.value.id
  route_table_id = aws_route_table.open[0].id
}

resource "aws_route_table" "closed" {
  vpc_id = aws_vpc.this.id
}

resource "aws_route_table_association" "closed" {
  for_each       = aws_subnet.closed
  subnet_id      = each.value.id
  route_table_id = aws_route_table.closed.id
}

resource "aws_security_group" "endpoints" {
  name_prefix = "${var.name}-endpoints-"
  description = "What AWS itself is asked"
  vpc_id      = aws_vpc.this.id
}

resource "aws_vpc_security_group_ingress_rule" "endpoints" {
  security_group_id = aws_security_group.endpoints.id
  cidr_ipv4         = var.cidr
  from_port         = 443
  to_port           = 443
  ip_protocol       = "tcp"
}

resource "aws_vpc_endpoint" "interface" {
  for_each            = local.interface
  vpc_id              = aws_vpc.this.id
  service_name        = "com.amazonaws.${data.aws_region.here.name}.${each.key}"
  vpc_endpoint_type   = "Interface"
  subnet_ids          = [for subnet in aws_subnet.closed : subnet.id]
  security_group_ids  = [aws_security_group.endpoints.id]
  private_dns_enabled = true
}

# The layers of images come from a bucket. Only reading is let through, so that nothing can be carried out this way.
resource "aws_vpc_endpoint" "bucket" {
  vpc_id          = aws_vpc.this.id
  service_name    = "com.amazonaws.${data.aws_region.here.name}.s3"
  route_table_ids = concat([aws_route_table.closed.id], aws_route_table.open[*].id)
  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = "*"
      Action    = ["s3:GetObject"]
      Resource  = ["arn:aws:s3:::prod-${data.aws_region.here.name}-starport-layer-bucket/*"]
    }]
  })
}

output "vpc_id" {
  value = aws_vpc.this.id
}

output "public_subnet_ids" {
  value = [for subnet in aws_subnet.public : subnet.id]
}

output "public_cidrs" {
  value = values(local.public)
}

output "open_subnet_ids" {
  value = [for subnet in aws_subnet.open : subnet.id]
}

output "closed_subnet_ids" {
  value = [for subnet in aws_subnet.closed : subnet.id]
}

output "endpoint_group_id" {
  value = aws_security_group.endpoints.id
}

output "bucket_prefix_list_id" {
  value = aws_vpc_endpoint.bucket.prefix_list_id
}

output "nat_gateways" {
  value = length(aws_nat_gateway.way_out)
}
