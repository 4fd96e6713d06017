import { useEffect, useState } from 'preact/hooks'
import type { Account, Invitation, OperatorApi, Ticket } from '../api/operator'
import type { Used } from '../api/settings'
import { compact, day, moment } from '../core/figures'
import { operator } from '../strings/operator'
import { useApp } from '../ui/context'
import { useHandOn } from '../ui/focus'
import { Copy, Loaded, Problem } from '../ui/parts'
import { useAction, useResource } from '../ui/resource'

const words = operator.people

interface Handed {
  /** Whose account the link is for; nothing: a new one's. */
  account: Account | null
  ticket: Ticket
}

/** A link that is shown once. */
function Link({ ticket, onDone }: { ticket: Ticket; onDone: () => void }) {
  const link = location.origin + ticket.path
  const handOn = useHandOn()
  return (
    <div class="shown-key" role="status" ref={handOn}>
      <p>{words.link}</p>
      <code>{link}</code>
      <p class="line">
        <Copy text={link} label={words.copyLink} />
        <button type="button" class="button" onClick={onDone}>
          {words.done}
        </button>
      </p>
    </div>
  )
}

function AccountRow(props: {
  account: Account
  used: Used | undefined
  mine: boolean
  onChange: (change: { role?: string; disabled?: boolean }) => void
  onReset: () => void
}) {
  const { account, used, mine } = props
  const name = account.name ?? words.noName
  const disabled = account.disabled_at !== null
  const other = account.role === 'admin' ? 'user' : 'admin'
  const actions: [string, () => void][] = [
    [other === 'admin' ? words.makeAdmin : words.makeUser, () => props.onChange({ role: other })],
    [disabled ? words.enable : words.disable, () => props.onChange({ disabled: !disabled })],
  ]
  if (account.name !== null) actions.push([words.reset, props.onReset])
  return (
    <tr>
      <th scope="row">
        {name}
        {disabled && <span class="tag tag-failed">{words.disabled}</span>}
      </th>
      <td>{account.role === 'admin' ? words.roles.admin : words.roles.user}</td>
      <td>{account.last_sign_in_at === null ? words.never : day(account.last_sign_in_at)}</td>
      <td>{used === undefined ? '0' : compact(used.input_tokens + used.output_tokens)}</td>
      <td class="row-actions">
        {!mine &&
          actions.map(([action, run]) => (
            <button key={action} type="button" class="text-button" aria-label={words.of(action, name)} onClick={run}>
              {action}
            </button>
          ))}
      </td>
    </tr>
  )
}

function Quotas({ api }: { api: OperatorApi }) {
  const configuration = useResource(() => api.configuration())
  return (
    <Loaded from={configuration}>
      {(found) => {
        const settings = found.flatMap((each) => each.settings)
        const value = (name: string): string => {
          const setting = settings.find((each) => each.name === name)
          return setting?.given === true && setting.value ? setting.value : words.unlimited
        }
        return (
          <dl class="facts">
            <div>
              <dt>{words.messages}</dt>
              <dd>{value('QUOTA_USER_MESSAGES_PER_DAY')}</dd>
            </div>
            <div>
              <dt>{words.tokens}</dt>
              <dd>{value('QUOTA_USER_TOKENS_PER_DAY')}</dd>
            </div>
            <div>
              <dt>{words.rate}</dt>
              <dd>{value('RATE_LIMIT_PER_MINUTE')}</dd>
            </div>
          </dl>
        )
      }}
    </Loaded>
  )
}

function InvitationRow({ invitation, onRevoke }: { invitation: Invitation; onRevoke: () => void }) {
  const handOn = useHandOn()
  const role = invitation.role === 'admin' ? words.roles.admin : words.roles.user
  return (
    <li class="item" ref={handOn}>
      <span class="item-text">{words.invitation(role, moment(invitation.expires_at))}</span>
      <button type="button" class="text-button" onClick={onRevoke}>
        {words.revoke}
      </button>
    </li>
  )
}

function Invitations({ api, onLink }: { api: OperatorApi; onLink: (ticket: Ticket) => void }) {
  const invitations = useResource(() => api.invitations())
  const [busy, problem, act] = useAction()
  const invite = (event: SubmitEvent): void => {
    event.preventDefault()
    const fields = new FormData(event.currentTarget as HTMLFormElement)
    void act(async () => {
      onLink(await api.invite(String(fields.get('role')), Number(fields.get('life'))))
      await invitations.reload()
    })
  }
  return (
    <>
      <h3>{words.invite}</h3>
      <p class="quiet">{words.inviteText}</p>
      <form class="line" onSubmit={invite}>
        <label class="inline">
          {words.inviteRole}
          <select class="field" name="role">
            <option value="user">{words.roles.user}</option>
            <option value="admin">{words.roles.admin}</option>
          </select>
        </label>
        <label class="inline">
          {words.inviteLife}
          <select class="field" name="life">
            {Object.entries(words.lives).map(([hours, name]) => (
              <option key={hours} value={hours} selected={hours === '72'}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <button type="submit" class="button" aria-disabled={busy}>
          {words.invite}
        </button>
      </form>
      <Problem text={problem} />
      {(invitations.value?.length ?? 0) > 0 && <h4>{words.invitations}</h4>}
      <ul class="items">
        {invitations.value?.map((each) => (
          <InvitationRow
            key={each.id}
            invitation={each}
            onRevoke={() =>
              void act(async () => {
                await api.revoke(each.id)
                await invitations.reload()
              })
            }
          />
        ))}
      </ul>
    </>
  )
}

/** The accounts, and how somebody gets one. */
export function People({ api }: { api: OperatorApi }) {
  const app = useApp()
  const [query, setQuery] = useState('')
  const [wanted, setWanted] = useState('')
  const [handed, setHanded] = useState<Handed | null>(null)
  const page = useResource(() => api.users(wanted, null), [wanted])
  const usage = useResource(() => api.usage())
  const [busy, problem, act] = useAction()
  useEffect(() => app.env.after(200, () => setWanted(query.trim())), [query])
  const change = (account: Account, wish: { role?: string; disabled?: boolean }): void => {
    void act(async () => {
      const changed = await api.change(account.id, wish)
      if (page.value === null) return
      page.set({ ...page.value, users: page.value.users.map((each) => (each.id === changed.id ? changed : each)) })
    })
  }
  const more = (): void => {
    const known = page.value
    if (known === null) return
    void act(async () => {
      const next = await api.users(wanted, known.next_cursor)
      page.set({ ...next, users: [...known.users, ...next.users] })
    })
  }
  return (
    <>
      {handed !== null && <Link ticket={handed.ticket} onDone={() => setHanded(null)} />}
      <input
        class="field"
        type="search"
        aria-label={words.search}
        placeholder={words.search}
        maxLength={64}
        value={query}
        onInput={(event) => setQuery(event.currentTarget.value)}
      />
      <Problem text={problem} />
      <Loaded from={page}>
        {(found) => (
          <>
            <div class="scroll" tabIndex={0} role="region" aria-label={operator.table(operator.sections.users)}>
              <table class="counts people">
                <thead>
                  <tr>
                    {[words.name, words.role, words.lastSeen, words.month, words.actions].map((name) => (
                      <th scope="col" key={name}>
                        {name}
                      </th>
                    ))}
                  </tr>
                </thead>
                <tbody>
                  {found.users.map((account) => (
                    <AccountRow
                      key={account.id}
                      account={account}
                      used={usage.value?.get(account.id)}
                      mine={account.id === app.user.value?.user_id}
                      onChange={(wish) => change(account, wish)}
                      onReset={() => void act(async () => setHanded({ account, ticket: await api.reset(account.id) }))}
                    />
                  ))}
                </tbody>
              </table>
            </div>
            <p class="line">
              <span class="quiet">{words.count(found.total)}</span>
              {found.next_cursor !== null && (
                <button type="button" class="button" aria-disabled={busy} onClick={more}>
                  {words.more}
                </button>
              )}
            </p>
          </>
        )}
      </Loaded>
      <Invitations api={api} onLink={(ticket) => setHanded({ account: null, ticket })} />
      <h3>{words.quotas}</h3>
      <p class="quiet">{words.quotasText}</p>
      <Quotas api={api} />
    </>
  )
}
