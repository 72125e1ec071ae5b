/* Fields of the form, tied to it by their names. */
import type { InputHTMLAttributes, ReactNode } from 'react'
import { strings } from '../strings'
import { SelectField, Switch, TextField } from '../ui/Field'
import type { SwitchName, TextName } from './fields'
import type { SettingsForm } from './useSettingsForm'

export interface Part {
  settings: SettingsForm
}

interface TextProps extends Part, Omit<InputHTMLAttributes<HTMLInputElement>, 'name'> {
  name: TextName
  label: string
  hint?: ReactNode
}

export function TextSetting({ settings, name, label, hint, ...input }: TextProps) {
  return (
    <TextField
      {...input}
      name={name}
      label={label}
      hint={hint}
      error={settings.faults[name]}
      changed={name in settings.edits}
      value={settings.form[name]}
      onChange={(event) => settings.set(name, event.target.value)}
    />
  )
}

interface ChoiceProps extends Part {
  name: TextName
  label: string
  choices: Readonly<Record<string, string>>
}

export function ChoiceSetting({ settings, name, label, choices }: ChoiceProps) {
  return (
    <SelectField
      name={name}
      label={label}
      options={Object.entries(choices).map(([value, text]) => ({ value, label: text }))}
      error={settings.faults[name]}
      changed={name in settings.edits}
      value={settings.form[name]}
      onChange={(event) => settings.set(name, event.target.value)}
    />
  )
}

interface SwitchProps extends Part {
  name: SwitchName
  label: string
  hideLabel?: boolean
  describedBy?: string
}

export function SwitchSetting({ settings, name, label, hideLabel = false, describedBy }: SwitchProps) {
  return (
    <span className={name in settings.edits ? 'switch-changed' : undefined}>
      <Switch
        label={label}
        hideLabel={hideLabel}
        describedBy={describedBy}
        checked={settings.form[name]}
        onChange={(checked) => settings.set(name, checked)}
      />
    </span>
  )
}

/* The head of a channel's card: its switch, and in words whether it is on. */
export function ChannelState({ on }: { on: boolean }) {
  return <span className={on ? 'channel-on' : 'channel-off'}>{on ? strings.settings.on : strings.settings.off}</span>
}
