/** A conversation and its answers. */

export const thread = {
  label: 'Messages',
  untitled: 'New chat',
  loading: 'Loading the conversation',
  failed: 'This conversation could not be opened',
  missing: 'It does not exist, or it is not yours.',
  retry: 'Try again',
  jump: 'Jump to latest',
  you: 'You',
  assistant: 'Answer',
  emptyTitle: 'What would you like to know?',
  emptyText: 'NovaCore answers on this machine while it can, and tells you of every answer where it came from.',
} as const

export const answer = {
  elsewhere: 'This answer is still being written.',
  stopped: 'Stopped',
  interrupted: 'Interrupted',
  interruptedDetail: 'The answer was cut off. What had arrived is kept.',
  interruptedEmpty: 'The connection was lost before the answer began.',
  failed: 'The answer failed',
  failedDetail: 'Something went wrong before the first word.',
  fallback: 'No provider answered',
  copy: 'Copy',
  copied: 'Copied',
  copyFailed: 'Not copied',
  code: 'Code',
  codeIn: (language: string) => `Code, ${language}`,
  table: 'Table',
  image: 'Image',
  checked: 'Done',
  unchecked: 'Not done',
} as const

export const notice = {
  title: 'You are talking to a demonstration model',
  text: [
    'smollm2:135m is built in and very small, so its answers are often wrong. For better ones connect Ollama ' +
      '(install it, run ',
    'ollama pull',
    ' with a model, restart NovaCore) or set ',
    'GEMINI_API_KEY',
    ' or ',
    'OPENAI_API_KEY',
    '.',
  ] as const,
  dismiss: 'Dismiss this notice',
} as const
