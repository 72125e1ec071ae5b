import { useState } from 'react'
import { useAct } from '../data/act'
import { explain } from '../data/explain'
import { travel } from '../data/params'
import type { Provider, ProviderAccount } from '../services/api'
import { setLeaveGuard } from '../shell/route'
import { useOrgStore, useWatch } from '../store/orgStore'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Confirm, Drawer } from '../ui/Dialog'
import { SelectField, Switch, TextField } from '../ui/Field'
import { Icon } from '../ui/Icon'
import { Secret } from '../ui/Secret'
import { ErrorState, Skeleton } from '../ui/States'
import { Time } from '../ui/Time'
import type { ConfigField } from './account'
import { AccountBadge } from './AccountBadge'
import { helpOf, stateOf } from './route'
import { TryOut } from './TryOut'
import { useAccount, type AccountForm } from './useAccount'

const words = strings.providers

const nameOf = ({ name }: Provider): string => words.names[name] ?? name

function hintOf({ help, fallback, kind, needed, secret }: ConfigField): string {
  const plain = help.replace(/\bnull:/g, words.nullHint) // people leave a field empty
  const text = plain === '' || /[.!?]$/.test(plain) ? plain : `${plain}.`
  return fallback !== '' && kind === 'number' && !needed && !secret ? `${text} ${words.fallback(fallback)}`.trim() : text
}

function ConfigInput({ account, field }: { account: AccountForm; field: ConfigField }) {
  const place = `config/${field.name}`
  const value = account.form[place] ?? ''
  const stored = account.before[place] ?? ''
  const shared = {
    label: words.fields[field.name] ?? field.name.replaceAll('_', ' '),
    hint: hintOf(field),
    error: account.faults[place],
    changed: account.account !== null && value !== stored,
    name: field.name,
  }
  const set = (text: string) => account.set(place, text)
  if (field.secret) {
    return <Secret {...shared} stored={stored !== ''} value={value} removable={!field.needed} onChange={set} />
  }
  if (field.kind === 'choice') {
    const options = field.choices.map((choice) => ({ value: choice, label: words.choices[choice] ?? choice }))
    return <SelectField {...shared} options={options} value={value} onChange={(event) => set(event.target.value)} />
  }
  return (
    <TextField
      {...shared}
      inputMode={field.kind === 'number' ? 'numeric' : 'text'}
      placeholder={field.kind === 'number' ? field.fallback : undefined}
      autoComplete="off"
      spellCheck={false}
      value={value}
      onChange={(event) => set(event.target.value)}
    />
  )
}

function Use({ account }: { account: AccountForm }) {
  const text = (place: string, hint: string) => (
    <TextField
      label={words.fields[place]}
      hint={hint}
      error={account.faults[place]}
      changed={account.account !== null && account.form[place] !== account.before[place]}
      name={place}
      inputMode="numeric"
      autoComplete="off"
      value={account.form[place] ?? ''}
      onChange={(event) => account.set(place, event.target.value)}
    />
  )
  return (
    <section className="drawer-section">
      <h3>{words.use}</h3>
      <Switch
        label={words.enabled}
        describedBy="enabled-hint"
        checked={account.form['enabled'] === 'true'}
        onChange={(on) => account.set('enabled', String(on))}
      />
      <p id="enabled-hint" className="field-hint">
        {words.enabledHint}
      </p>
      <div className="form-row">
        {text('position', words.positionHint)}
        {text('max_per_second', words.rateHint)}
      </div>
    </section>
  )
}

function Resume({ provider }: { provider: Provider }) {
  const resume = useOrgStore((state) => state.resumeProvider)
  const { busy, act } = useAct()
  const run = () => void act(() => resume(provider.name), () => words.resumed)
  return (
    <Button size="small" icon="play" busy={busy} onClick={run}>
      {words.resume}
    </Button>
  )
}

function Status({ account }: { account: AccountForm }) {
  const { provider, account: stored, stale } = account
  return (
    <>
      <div className="drawer-status">
        <AccountBadge state={stateOf({ ...provider, account: stored })} />
        <span className="faint">{stored === null ? words.noneYet : helpOf(provider)}</span>
      </div>
      {stored !== null && stored.paused_at !== null && (
        <div className="note note-warn pause-note">
          <Icon name="pause" />
          <span>
            {words.pausedSince} <Time value={stored.paused_at} />: {stored.paused_reason}
          </span>
          <Resume provider={provider} />
        </div>
      )}
      {stale !== null && (
        <p className="note note-warn" role="status">
          <Icon name="alert" />
          {strings.form.stale(stale)}
        </p>
      )}
    </>
  )
}

function PauseDialog({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const pause = useOrgStore((state) => state.pauseProvider)
  const [reason, setReason] = useState('')
  const { busy, act } = useAct()
  const run = async () => {
    if (await act(() => pause(provider.name, reason.trim() || null), () => words.paused)) {
      onClose()
    }
  }
  return (
    <Confirm
      open
      title={words.pauseTitle(nameOf(provider))}
      action={words.pauseAction}
      busy={busy}
      onClose={onClose}
      onConfirm={() => void run()}
    >
      <p>{words.pauseText}</p>
      <TextField label={words.pauseReason} maxLength={200} value={reason} onChange={(event) => setReason(event.target.value)} />
    </Confirm>
  )
}

function DeleteDialog({ provider, onClose }: { provider: Provider; onClose: () => void }) {
  const remove = useOrgStore((state) => state.deleteProviderAccount)
  const { busy, act } = useAct()
  const run = async () => {
    if (await act(() => remove(provider.name), () => words.removed)) {
      setLeaveGuard(null) // edits of what is gone are nothing to keep
      travel({ provider: null })
    }
  }
  return (
    <Confirm
      open
      danger
      title={words.removeTitle(nameOf(provider))}
      action={words.removeAction}
      busy={busy}
      onClose={onClose}
      onConfirm={() => void run()}
    >
      <p>{words.removeText}</p>
    </Confirm>
  )
}

type Asking = 'pause' | 'delete' | null

function Actions({ account, ask }: { account: AccountForm; ask: (what: Asking) => void }) {
  const { account: stored, dirty, saving, discard } = account
  return (
    <div className="form-foot">
      {stored !== null && (
        <span className="spread buttons">
          <Button variant="danger" icon="trash" onClick={() => ask('delete')}>
            {words.remove}
          </Button>
          {stored.paused_at === null && (
            <Button icon="pause" onClick={() => ask('pause')}>
              {words.pause}
            </Button>
          )}
        </span>
      )}
      {dirty && <Button onClick={discard}>{strings.form.discard}</Button>}
      <Button variant="primary" type="submit" busy={saving}>
        {strings.form.save}
      </Button>
    </div>
  )
}

/* What asks stands beside the form: Enter in it must not save the account. */
function Body({ provider, current }: { provider: Provider; current: ProviderAccount | null }) {
  const account = useAccount(provider, current)
  const [asking, setAsking] = useState<Asking>(null)
  const close = () => setAsking(null)
  return (
    <>
      <form
        className="form-body"
        noValidate
        onSubmit={(event) => {
          event.preventDefault()
          void account.save()
        }}
      >
        <Status account={account} />
        <section className="drawer-section">
          <h3>{words.account}</h3>
          <div className="form-fields">
            {account.fields.map((field) => (
              <ConfigInput key={field.name} account={account} field={field} />
            ))}
          </div>
        </section>
        <Use account={account} />
        <TryOut account={account} />
        <Actions account={account} ask={setAsking} />
      </form>
      {asking === 'pause' && <PauseDialog provider={provider} onClose={close} />}
      {asking === 'delete' && <DeleteDialog provider={provider} onClose={close} />}
    </>
  )
}

function Watch() {
  useWatch('provider')
  return null
}

export function AccountDrawer({ onClose }: { onClose: () => void }) {
  const openName = useOrgStore((state) => state.providers.openName)
  const provider = useOrgStore((state) => state.providers.list.data?.find((each) => each.name === state.providers.openName))
  const { data: open, error } = useOrgStore((state) => state.providers.open)
  const listed = useOrgStore((state) => state.providers.list.data !== null)
  const refresh = useOrgStore((state) => state.refresh)
  const unknown = listed && provider === undefined
  return (
    <Drawer open={openName !== null} title={provider === undefined ? words.title : nameOf(provider)} onClose={onClose}>
      {openName !== null && <Watch />}
      {provider !== undefined && open !== null ? (
        <Body key={provider.name} provider={provider} current={open.account} />
      ) : error !== null || unknown ? (
        <ErrorState error={new Error(unknown ? strings.data.errors.notFound : explain(error))} onRetry={refresh} />
      ) : (
        <Skeleton rows={6} />
      )}
    </Drawer>
  )
}
