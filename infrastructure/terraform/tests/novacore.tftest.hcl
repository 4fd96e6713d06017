# Run by `terraform test`: nothing is made, and no account is needed.

mock_provider "aws" {
  mock_data "aws_availability_zones" {
    defaults = { names = ["zone-a", "zone-b", "zone-c"] }
  }
  mock_data "aws_region" {
    defaults = { name = "eu-central-1" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:mock" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::000000000000:role/mock" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:eu-central-1:000000000000:task-definition/mock:1" }
  }
  mock_resource "aws_lb" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:loadbalancer/app/mock/1" }
  }
  mock_resource "aws_lb_target_group" {
    defaults = { arn = "arn:aws:elasticloadbalancing:eu-central-1:000000000000:targetgroup/mock/1" }
  }
  mock_resource "aws_service_discovery_service" {
    defaults = { arn = "arn:aws:servicediscovery:eu-central-1:000000000000:service/mock" }
  }
}

variables {
  images          = "registry.example/novacore"
  image_tag       = "1"
  certificate_arn = "arn:aws:acm:eu-central-1:000000000000:certificate/mock"
}

run "settings_secrets_and_ways_out" {
  command = apply

  variables {
    llm_provider_priority = "gemini,openai,groq"
    openai_model          = "gpt-test"
    log_level             = "debug"
    row_settings          = { GROQ_BASE_URL = "https://groq.example/v1", GROQ_MODEL = "llama" }
    row_secrets           = ["GROQ_API_KEY"]
    also_reaches          = { intelligence = [{ cidr = "10.0.5.7/32", port = 11434 }] }
  }

  assert {
    condition     = module.service["intelligence"].also_reaches == ["10.0.5.7/32 11434"] && length(module.service["gateway"].also_reaches) == 0
    error_message = "what a service may reach beside is not what was said of it"
  }

  assert {
    condition     = output.environment.intelligence.LLM_PROVIDER_PRIORITY == "gemini,openai,groq"
    error_message = "intelligence is not told whom to ask"
  }
  assert {
    condition     = contains([for one in module.service["intelligence"].container.environment : one.value], "gpt-test")
    error_message = "the container of intelligence is not told the model"
  }
  assert {
    condition     = alltrue([for name in ["gateway", "intelligence", "memory"] : output.environment[name].LOG_LEVEL == "debug"])
    error_message = "the log level is told to all"
  }
  assert {
    condition     = !contains(keys(output.environment.gateway), "OPENAI_MODEL")
    error_message = "the gateway knows no provider"
  }
  assert {
    condition     = !contains(keys(output.environment.intelligence), "GEMINI_MODEL")
    error_message = "what is not set keeps its default"
  }
  assert {
    condition     = alltrue([for text in values(module.secrets.placeholders) : text == "replace-me"])
    error_message = "a secret holds something else than the placeholder"
  }
  assert {
    condition     = alltrue([for name in keys(output.secrets) : alltrue([for told in values(output.environment) : !contains(keys(told), name)])])
    error_message = "a secret is in an environment"
  }
  assert {
    condition     = !contains([for one in module.service["intelligence"].container.secrets : one.name], "JWT_SECRET")
    error_message = "intelligence is given the secret of sign-ins"
  }
  assert {
    condition     = !contains([for one in module.service["gateway"].container.secrets : one.name], "GEMINI_API_KEY")
    error_message = "the gateway is given a provider's key"
  }
  assert {
    condition     = alltrue([for one in module.service : one.container.readonlyRootFilesystem && one.container.user == "10001:10001"])
    error_message = "a container can write to its image or is root"
  }
  assert {
    condition     = module.network.nat_gateways == 1 && module.service["intelligence"].ways_out == 1
    error_message = "intelligence has no way out"
  }
  assert {
    condition     = alltrue([for name in ["gateway", "memory"] : module.service[name].ways_out == 0])
    error_message = "another service has a way out"
  }
  assert {
    condition     = output.environment.intelligence.GROQ_MODEL == "llama"
    error_message = "the row is not told"
  }
  assert {
    condition     = contains([for one in module.service["intelligence"].container.secrets : one.name], "GROQ_API_KEY") && contains(keys(output.secrets), "GROQ_API_KEY")
    error_message = "its key is not handed in"
  }
}

run "without_a_way_out_nothing_has_one_and_the_cloud_is_off" {
  command = apply

  variables {
    way_out        = false
    embedded_model = true
  }

  assert {
    condition     = module.network.nat_gateways == 0 && alltrue([for one in module.service : one.ways_out == 0])
    error_message = "something has a way out"
  }
  assert {
    condition     = output.environment.intelligence.CLOUD_ENABLED == "false"
    error_message = "the cloud is not off"
  }
  assert {
    condition     = output.environment.intelligence.OLLAMA_URL == "http://model.novacore.internal:11434" && output.environment.intelligence.OLLAMA_LOCALITY == "local"
    error_message = "intelligence does not find the built-in model, or takes it for a cloud's"
  }
}

run "a_key_is_no_setting" {
  command = plan

  variables {
    row_settings = { GROQ_API_KEY = "replace-me" }
  }

  expect_failures = [var.row_settings]
}
