/** A sign-in that has grown old is renewed without anybody noticing, once for all calls that find it so. */

import { expect, test } from 'vitest'
import { createApi } from '../src/api/chat'
import { FakeServer } from './fake'

const paths = (server: FakeServer): string[] => server.calls.map((call) => `${call.method} ${call.path}`)

test('a call whose tokens have expired is made again with new ones', async () => {
  const server = new FakeServer()
  server.signedIn = false
  server.refreshable = true
  await createApi(server.fetch).me()
  expect(paths(server)).toEqual(['GET /api/auth/me', 'POST /api/auth/refresh', 'GET /api/auth/me'])
})

test('calls that find it so together ask for new tokens once', async () => {
  const server = new FakeServer()
  server.signedIn = false
  server.refreshable = true
  const api = createApi(server.fetch)
  await Promise.all([api.me(), api.me(), api.me()])
  expect(paths(server).filter((path) => path === 'POST /api/auth/refresh')).toHaveLength(1)
})

test('where there are no new tokens the call fails as it did, and is not tried for ever', async () => {
  const server = new FakeServer()
  server.signedIn = false
  await expect(createApi(server.fetch).me()).rejects.toMatchObject({ status: 401 })
  expect(paths(server)).toEqual(['GET /api/auth/me', 'POST /api/auth/refresh'])
})

test('a link that does not work is not a sign-in that has grown old', async () => {
  const server = new FakeServer()
  server.replies['POST /api/auth/link'] = new Response('{}', { status: 401 })
  await expect(createApi(server.fetch).signIn('x')).rejects.toMatchObject({ status: 401 })
  expect(paths(server)).toEqual(['POST /api/auth/link'])
})
