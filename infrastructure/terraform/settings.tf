# Written by `make documents` from the settings classes (scripts/deployment.py); do not change it by hand.

variable "log_level" {
  description = "least level that is logged. Default: info."
  type        = string
  default     = null
}

variable "shutdown_grace_sec" {
  description = "seconds that running answers get to end when a process is told to stop. Default: 30.0."
  type        = string
  default     = null
}

variable "local_model_name" {
  description = "The name under which the embedded model is listed. Default: smollm2:135m."
  type        = string
  default     = null
}

variable "local_model_path" {
  description = "A GGUF file to serve instead of the embedded model."
  type        = string
  default     = null
}

variable "local_model_context" {
  description = "Tokens that a prompt and its answer may have together. Default: 4096."
  type        = string
  default     = null
}

variable "local_model_slots" {
  description = "Answers written at once; each has a whole context. Default: 2."
  type        = string
  default     = null
}

variable "local_model_queue" {
  description = "Requests that may wait for a slot; one more is answered with 503. Default: 16."
  type        = string
  default     = null
}

variable "local_model_keep_alive" {
  description = "How long the model stays in memory after its last answer; negative: for ever. Default: 5m."
  type        = string
  default     = null
}

variable "local_model_memory_mb" {
  description = "Private memory that the process may take, in MB; 0: no cap. Default: 768."
  type        = string
  default     = null
}

variable "local_model_preload" {
  description = "Load the model at start, not at the first request. Default: false."
  type        = string
  default     = null
}

variable "otel_exporter_otlp_endpoint" {
  description = "OTLP collector that traces are sent to, as in http://127.0.0.1:4318; unset: none."
  type        = string
  default     = null
}

variable "otel_exporter_otlp_traces_endpoint" {
  description = "The whole address for traces, used as it is; unset: the one above and /v1/traces."
  type        = string
  default     = null
}

variable "otel_exporter_otlp_timeout" {
  description = "Milliseconds for one export. Default: 10000."
  type        = string
  default     = null
}

variable "otel_exporter_otlp_compression" {
  description = "Whether what is sent is compressed. Default: none."
  type        = string
  default     = null
}

variable "otel_exporter_otlp_protocol" {
  description = "How it is sent; nothing else is spoken. Default: http/protobuf."
  type        = string
  default     = null
}

variable "otel_traces_exporter" {
  description = "`none`: no traces, whatever else is set; `otlp`: also without an endpoint's name."
  type        = string
  default     = null
}

variable "otel_traces_sampler" {
  description = "Which traces are recorded: always_on, always_off, traceidratio, parentbased_always_on, parentbased_always_off, parentbased_traceidratio. Default: parentbased_always_on."
  type        = string
  default     = null
}

variable "otel_traces_sampler_arg" {
  description = "The share of traces that a traceidratio sampler records. Default: 1.0."
  type        = string
  default     = null
}

variable "otel_resource_attributes" {
  description = "More about where this runs, as in deployment.environment.name=home."
  type        = string
  default     = null
}

variable "otel_bsp_schedule_delay" {
  description = "Milliseconds between two exports. Default: 5000."
  type        = string
  default     = null
}

variable "otel_bsp_max_queue_size" {
  description = "Spans that wait for an export at most. Default: 2048."
  type        = string
  default     = null
}

variable "otel_bsp_max_export_batch_size" {
  description = "Spans in one export at most. Default: 512."
  type        = string
  default     = null
}

variable "otel_sdk_disabled" {
  description = "`true`: no traces, whatever else is set. Default: false."
  type        = string
  default     = null
}

variable "memory_token_budget" {
  description = "How many tokens of a prompt remembered facts may take; 0: none are asked for. Default: 256."
  type        = string
  default     = null
}

variable "chat_system_prompt" {
  description = "What every conversation starts with. Keep dates out of it: they defeat prompt caches. Default: You are a helpful assistant. Answer clearly and briefly. Say so when you do not know something.."
  type        = string
  default     = null
}

variable "chat_max_message_chars" {
  description = "The longest message, in characters. Default: 32000."
  type        = string
  default     = null
}

variable "fallback_message" {
  description = "What the chat answers when every provider failed. Default: No model could answer just now. Your message is kept; please try again in a moment.."
  type        = string
  default     = null
}

variable "llm_provider_priority" {
  description = "Who is asked, in this order: providers with a …_MODEL below (ollama, gemini, …), and names of your own (see X_BASE_URL). Default: ollama,gemini,openai."
  type        = string
  default     = null
}

variable "llm_provider_timeouts" {
  description = "Seconds until the first token, per provider (others: 15). Default: ollama:20,gemini:15,openai:15."
  type        = string
  default     = null
}

variable "llm_connect_timeouts" {
  description = "Seconds until connected, per provider (others: 3)."
  type        = string
  default     = null
}

variable "llm_stall_timeouts" {
  description = "Seconds between two tokens, per provider (others: 10)."
  type        = string
  default     = null
}

variable "llm_total_timeouts" {
  description = "Seconds for a whole answer, per provider (others: 300; a local one has no such limit)."
  type        = string
  default     = null
}

variable "llm_request_deadline_sec" {
  description = "Seconds for all waiting until a first token. Default: 120."
  type        = string
  default     = null
}

variable "llm_cold_start_timeout_sec" {
  description = "Seconds more for a local model that is being loaded. Default: 120."
  type        = string
  default     = null
}

variable "llm_fallback_mode" {
  description = "`sequential` asks one after the other; `hedged` starts the next where the first is slow to speak, and the first voice wins; `off` asks the first allowed provider alone. Default: sequential."
  type        = string
  default     = null
}

variable "llm_hedge_delay_sec" {
  description = "Seconds before a hedged request starts the next provider. Default: 2."
  type        = string
  default     = null
}

variable "llm_hedge_max_share" {
  description = "The largest share of requests that may be hedged. Default: 0.1."
  type        = string
  default     = null
}

variable "llm_midstream_mode" {
  description = "What follows when an answer breaks after its first words: the next provider goes on with it, begins it again, or the partial answer is kept and ends with an error. Default: continue."
  type        = string
  default     = null
}

variable "llm_provider_failure_threshold" {
  description = "Failures in a row that open a provider's circuit. Default: 3."
  type        = string
  default     = null
}

variable "llm_provider_cooldown_sec" {
  description = "Seconds that a circuit stays open at first. Default: 60."
  type        = string
  default     = null
}

variable "llm_provider_cooldown_max_sec" {
  description = "Seconds that it stays open at most. Default: 600."
  type        = string
  default     = null
}

variable "llm_provider_concurrency" {
  description = "Calls at a time, per provider (others: 32). Default: ollama:2."
  type        = string
  default     = null
}

variable "llm_queue_timeout_sec" {
  description = "Seconds to wait for a busy local model before the cloud is asked. Default: 2."
  type        = string
  default     = null
}

variable "llm_retry_wait_max_sec" {
  description = "The longest delay named by a provider that is waited for. Default: 2.5."
  type        = string
  default     = null
}

variable "llm_route_rules" {
  description = "Who is asked first for which kind of message, as in long:gemini>openai,short:ollama; the others follow in the priority. docs/providers.md lists the kinds."
  type        = string
  default     = null
}

variable "stream_resume_grace_sec" {
  description = "Seconds that an answer goes on without a reader, where it was asked for with an Idempotency-Key. Default: 300."
  type        = string
  default     = null
}

variable "ollama_url" {
  description = "`auto`: 127.0.0.1:11434, and with `up` the embedded model where none answers. Default: auto."
  type        = string
  default     = null
}

variable "ollama_model" {
  description = "The local model; unset: the first that the server lists. LLM_MODEL does too."
  type        = string
  default     = null
}

variable "ollama_num_ctx" {
  description = "The context length that Ollama loads the model with, in tokens; a longer one takes more memory. Default: 4096."
  type        = string
  default     = null
}

variable "ollama_keep_alive" {
  description = "How long Ollama keeps the model loaded, as in 30m, or -1 for ever; unset: as the server is set."
  type        = string
  default     = null
}

variable "ollama_locality" {
  description = "`local` or `cloud`; unset: local for loopback, private addresses and host names without a dot."
  type        = string
  default     = null
}

variable "gemini_model" {
  description = "With or without `models/`. The default is Google's name for its newest Flash. Default: models/gemini-flash-latest."
  type        = string
  default     = null
}

variable "gemini_api_url" {
  description = "Address of the Gemini API. Default: https://generativelanguage.googleapis.com."
  type        = string
  default     = null
}

variable "gemini_api_version" {
  description = "Version in its path. Default: v1beta."
  type        = string
  default     = null
}

variable "openai_model" {
  description = "The OpenAI model. Default: gpt-4.1."
  type        = string
  default     = null
}

variable "openai_base_url" {
  description = "Address of the API, up to and with its version. Default: https://api.openai.com/v1."
  type        = string
  default     = null
}

variable "openai_org_id" {
  description = "Sent to api.openai.com when set."
  type        = string
  default     = null
}

variable "openai_project_id" {
  description = "Sent to api.openai.com when set."
  type        = string
  default     = null
}

variable "openai_api_version" {
  description = "The api-version of a classic Azure deployment, as in 2024-10-21; unset: Azure's v1 API."
  type        = string
  default     = null
}

variable "openai_locality" {
  description = "`local` for a server of your own behind OPENAI_BASE_URL. Default: cloud."
  type        = string
  default     = null
}

variable "anthropic_model" {
  description = "The Anthropic model; needed with the key."
  type        = string
  default     = null
}

variable "anthropic_base_url" {
  description = "Address of the Anthropic API. Default: https://api.anthropic.com."
  type        = string
  default     = null
}

variable "anthropic_api_version" {
  description = "The anthropic-version that is spoken. Default: 2026-10-21."
  type        = string
  default     = null
}

variable "quota_user_messages_per_day" {
  description = "Messages that a user may send in a day."
  type        = string
  default     = null
}

variable "quota_user_tokens_per_day" {
  description = "Tokens that a user may use in a day, prompts and answers together."
  type        = string
  default     = null
}

variable "quota_provider_tokens_per_day" {
  description = "Tokens that a provider may use in a day, as in gemini:1000000; it is left out then, and others go on."
  type        = string
  default     = null
}

variable "quota_provider_usd_per_day" {
  description = "US dollars that a provider may cost in a day, as in gemini:2.5,openai:1."
  type        = string
  default     = null
}

variable "quota_timezone" {
  description = "The time zone whose days the quotas count in, as in Europe/Berlin. Default: UTC."
  type        = string
  default     = null
}

variable "cloud_enabled" {
  description = "`false`: no cloud provider is ever asked, whoever wants it. Default: true."
  type        = string
  default     = null
}

variable "expose_provider_headers" {
  description = "Whether answers carry X-NovaCore-Provider and the like. Default: false."
  type        = string
  default     = null
}

variable "auth_registration" {
  description = "who may make an account: whom an admin has invited, or anyone. Default: invite."
  type        = string
  default     = null
}

variable "rate_limit_per_minute" {
  description = "generations that one user may start in a minute. Default: 60."
  type        = string
  default     = null
}

variable "trusted_proxies" {
  description = "addresses or networks, with commas, whose X-Forwarded headers are believed."
  type        = string
  default     = null
}
locals {
  # A setting that is null keeps its default and is in no container's environment.
  settings = {
    memory = {
      LOG_LEVEL          = var.log_level
      SHUTDOWN_GRACE_SEC = var.shutdown_grace_sec
    }
    local_model = {
      LOCAL_MODEL_NAME       = var.local_model_name
      LOCAL_MODEL_PATH       = var.local_model_path
      LOCAL_MODEL_CONTEXT    = var.local_model_context
      LOCAL_MODEL_SLOTS      = var.local_model_slots
      LOCAL_MODEL_QUEUE      = var.local_model_queue
      LOCAL_MODEL_KEEP_ALIVE = var.local_model_keep_alive
      LOCAL_MODEL_MEMORY_MB  = var.local_model_memory_mb
      LOCAL_MODEL_PRELOAD    = var.local_model_preload
      LOG_LEVEL              = var.log_level
      SHUTDOWN_GRACE_SEC     = var.shutdown_grace_sec
    }
    intelligence = {
      OTEL_EXPORTER_OTLP_ENDPOINT        = var.otel_exporter_otlp_endpoint
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = var.otel_exporter_otlp_traces_endpoint
      OTEL_EXPORTER_OTLP_TIMEOUT         = var.otel_exporter_otlp_timeout
      OTEL_EXPORTER_OTLP_COMPRESSION     = var.otel_exporter_otlp_compression
      OTEL_EXPORTER_OTLP_PROTOCOL        = var.otel_exporter_otlp_protocol
      OTEL_TRACES_EXPORTER               = var.otel_traces_exporter
      OTEL_TRACES_SAMPLER                = var.otel_traces_sampler
      OTEL_TRACES_SAMPLER_ARG            = var.otel_traces_sampler_arg
      OTEL_RESOURCE_ATTRIBUTES           = var.otel_resource_attributes
      OTEL_BSP_SCHEDULE_DELAY            = var.otel_bsp_schedule_delay
      OTEL_BSP_MAX_QUEUE_SIZE            = var.otel_bsp_max_queue_size
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE     = var.otel_bsp_max_export_batch_size
      OTEL_SDK_DISABLED                  = var.otel_sdk_disabled
      MEMORY_TOKEN_BUDGET                = var.memory_token_budget
      LOG_LEVEL                          = var.log_level
      CHAT_SYSTEM_PROMPT                 = var.chat_system_prompt
      CHAT_MAX_MESSAGE_CHARS             = var.chat_max_message_chars
      FALLBACK_MESSAGE                   = var.fallback_message
      LLM_PROVIDER_PRIORITY              = var.llm_provider_priority
      LLM_PROVIDER_TIMEOUTS              = var.llm_provider_timeouts
      LLM_CONNECT_TIMEOUTS               = var.llm_connect_timeouts
      LLM_STALL_TIMEOUTS                 = var.llm_stall_timeouts
      LLM_TOTAL_TIMEOUTS                 = var.llm_total_timeouts
      LLM_REQUEST_DEADLINE_SEC           = var.llm_request_deadline_sec
      LLM_COLD_START_TIMEOUT_SEC         = var.llm_cold_start_timeout_sec
      LLM_FALLBACK_MODE                  = var.llm_fallback_mode
      LLM_HEDGE_DELAY_SEC                = var.llm_hedge_delay_sec
      LLM_HEDGE_MAX_SHARE                = var.llm_hedge_max_share
      LLM_MIDSTREAM_MODE                 = var.llm_midstream_mode
      LLM_PROVIDER_FAILURE_THRESHOLD     = var.llm_provider_failure_threshold
      LLM_PROVIDER_COOLDOWN_SEC          = var.llm_provider_cooldown_sec
      LLM_PROVIDER_COOLDOWN_MAX_SEC      = var.llm_provider_cooldown_max_sec
      LLM_PROVIDER_CONCURRENCY           = var.llm_provider_concurrency
      LLM_QUEUE_TIMEOUT_SEC              = var.llm_queue_timeout_sec
      LLM_RETRY_WAIT_MAX_SEC             = var.llm_retry_wait_max_sec
      LLM_ROUTE_RULES                    = var.llm_route_rules
      STREAM_RESUME_GRACE_SEC            = var.stream_resume_grace_sec
      OLLAMA_URL                         = var.ollama_url
      OLLAMA_MODEL                       = var.ollama_model
      OLLAMA_NUM_CTX                     = var.ollama_num_ctx
      OLLAMA_KEEP_ALIVE                  = var.ollama_keep_alive
      OLLAMA_LOCALITY                    = var.ollama_locality
      GEMINI_MODEL                       = var.gemini_model
      GEMINI_API_URL                     = var.gemini_api_url
      GEMINI_API_VERSION                 = var.gemini_api_version
      OPENAI_MODEL                       = var.openai_model
      OPENAI_BASE_URL                    = var.openai_base_url
      OPENAI_ORG_ID                      = var.openai_org_id
      OPENAI_PROJECT_ID                  = var.openai_project_id
      OPENAI_API_VERSION                 = var.openai_api_version
      OPENAI_LOCALITY                    = var.openai_locality
      ANTHROPIC_MODEL                    = var.anthropic_model
      ANTHROPIC_BASE_URL                 = var.anthropic_base_url
      ANTHROPIC_API_VERSION              = var.anthropic_api_version
      QUOTA_USER_MESSAGES_PER_DAY        = var.quota_user_messages_per_day
      QUOTA_USER_TOKENS_PER_DAY          = var.quota_user_tokens_per_day
      QUOTA_PROVIDER_TOKENS_PER_DAY      = var.quota_provider_tokens_per_day
      QUOTA_PROVIDER_USD_PER_DAY         = var.quota_provider_usd_per_day
      QUOTA_TIMEZONE                     = var.quota_timezone
      CLOUD_ENABLED                      = var.cloud_enabled
      EXPOSE_PROVIDER_HEADERS            = var.expose_provider_headers
      SHUTDOWN_GRACE_SEC                 = var.shutdown_grace_sec
    }
    gateway = {
      OTEL_EXPORTER_OTLP_ENDPOINT        = var.otel_exporter_otlp_endpoint
      OTEL_EXPORTER_OTLP_TRACES_ENDPOINT = var.otel_exporter_otlp_traces_endpoint
      OTEL_EXPORTER_OTLP_TIMEOUT         = var.otel_exporter_otlp_timeout
      OTEL_EXPORTER_OTLP_COMPRESSION     = var.otel_exporter_otlp_compression
      OTEL_EXPORTER_OTLP_PROTOCOL        = var.otel_exporter_otlp_protocol
      OTEL_TRACES_EXPORTER               = var.otel_traces_exporter
      OTEL_TRACES_SAMPLER                = var.otel_traces_sampler
      OTEL_TRACES_SAMPLER_ARG            = var.otel_traces_sampler_arg
      OTEL_RESOURCE_ATTRIBUTES           = var.otel_resource_attributes
      OTEL_BSP_SCHEDULE_DELAY            = var.otel_bsp_schedule_delay
      OTEL_BSP_MAX_QUEUE_SIZE            = var.otel_bsp_max_queue_size
      OTEL_BSP_MAX_EXPORT_BATCH_SIZE     = var.otel_bsp_max_export_batch_size
      OTEL_SDK_DISABLED                  = var.otel_sdk_disabled
      AUTH_REGISTRATION                  = var.auth_registration
      RATE_LIMIT_PER_MINUTE              = var.rate_limit_per_minute
      TRUSTED_PROXIES                    = var.trusted_proxies
      LOG_LEVEL                          = var.log_level
      SHUTDOWN_GRACE_SEC                 = var.shutdown_grace_sec
    }
  }
  secrets = {
    memory       = ["DATABASE_URL", "SERVICE_JWT_SECRET"]
    local_model  = []
    intelligence = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "SERVICE_JWT_SECRET", "DATABASE_URL", "OLLAMA_API_KEY", "GEMINI_API_KEY", "OPENAI_API_KEY", "ANTHROPIC_API_KEY"]
    gateway      = ["OTEL_EXPORTER_OTLP_HEADERS", "OTEL_EXPORTER_OTLP_TRACES_HEADERS", "DATABASE_URL", "NOVACORE_BOOTSTRAP_API_KEY", "SERVICE_JWT_SECRET", "JWT_SECRET", "METRICS_TOKEN"]
  }
}
