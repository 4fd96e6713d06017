// What the tests let the official client for Node do: node ask.js models | plain | stream | unsupported
import OpenAI from 'openai'

const client = new OpenAI({ baseURL: process.env.BASE_URL, apiKey: process.env.API_KEY, maxRetries: 0 })
const messages = [{ role: 'user', content: 'Who are you?' }]
const told = {}

switch (process.argv[2]) {
  case 'models':
    told.models = (await client.models.list()).data.map((model) => model.id)
    break
  case 'plain': {
    const answer = await client.chat.completions.create({ model: 'auto', messages })
    told.text = answer.choices[0].message.content
    told.model = answer.model
    told.total = answer.usage.total_tokens
    break
  }
  case 'stream': {
    const options = { model: 'auto', messages, stream: true, stream_options: { include_usage: true } }
    told.text = ''
    for await (const chunk of await client.chat.completions.create(options)) {
      told.text += chunk.choices[0]?.delta?.content ?? ''
      told.finish = chunk.choices[0]?.finish_reason ?? told.finish
      told.total = chunk.usage?.total_tokens ?? told.total
    }
    break
  }
  case 'unsupported':
    try {
      await client.chat.completions.create({ model: 'auto', messages, n: 2 })
    } catch (error) {
      told.kind = error.constructor.name
      told.param = error.param
    }
    break
}
console.log(JSON.stringify(told))
