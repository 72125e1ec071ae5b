import {
  useId, type InputHTMLAttributes, type ReactNode, type Ref, type SelectHTMLAttributes, type TextareaHTMLAttributes,
} from 'react'
import { Icon } from './Icon'

interface Wiring {
  id: string
  'aria-describedby': string | undefined
  'aria-invalid': true | undefined
}

interface FieldProps {
  label: ReactNode
  hint?: ReactNode
  error?: string | undefined
  changed?: boolean
  hideLabel?: boolean
  children: (wiring: Wiring) => ReactNode
}

/* A control with its label, its hint and what is wrong with it; the child gets the ids that tie them together. */
export function Field({ label, hint, error, changed = false, hideLabel = false, children }: FieldProps) {
  const id = useId()
  const notes = [hint !== undefined ? `${id}-hint` : '', error !== undefined ? `${id}-error` : ''].filter(Boolean)
  const described = notes.length === 0 ? undefined : notes.join(' ')
  return (
    <div className={changed ? 'field field-changed' : 'field'}>
      <label htmlFor={id} className={hideLabel ? 'unseen' : 'field-label'}>
        {label}
      </label>
      {children({ id, 'aria-describedby': described, 'aria-invalid': error !== undefined || undefined })}
      {hint !== undefined && (
        <p id={`${id}-hint`} className="field-hint">
          {hint}
        </p>
      )}
      {error !== undefined && (
        <p id={`${id}-error`} className="field-error">
          <Icon name="alert" />
          {error}
        </p>
      )}
    </div>
  )
}

type Shared = Omit<FieldProps, 'children'>

interface TextFieldProps extends InputHTMLAttributes<HTMLInputElement> {
  ref?: Ref<HTMLInputElement>
}

export function TextField({ label, hint, error, changed, hideLabel, ref, ...input }: Shared & TextFieldProps) {
  return (
    <Field {...shared({ label, hint, error, changed, hideLabel })}>
      {(wiring) => <input className="input" {...input} {...wiring} ref={ref} />}
    </Field>
  )
}

interface AreaFieldProps extends TextareaHTMLAttributes<HTMLTextAreaElement> {
  ref?: Ref<HTMLTextAreaElement>
}

export function AreaField({ label, hint, error, changed, hideLabel, ref, ...area }: Shared & AreaFieldProps) {
  return (
    <Field {...shared({ label, hint, error, changed, hideLabel })}>
      {(wiring) => <textarea className="input" spellCheck={false} {...area} {...wiring} ref={ref} />}
    </Field>
  )
}

interface SelectFieldProps extends SelectHTMLAttributes<HTMLSelectElement> {
  options: readonly { value: string; label: string }[]
}

export function SelectField({ label, hint, error, changed, hideLabel, options, ...select }: Shared & SelectFieldProps) {
  return (
    <Field {...shared({ label, hint, error, changed, hideLabel })}>
      {(wiring) => (
        <select className="input" {...select} {...wiring}>
          {options.map(({ value, label: text }) => (
            <option key={value} value={value}>
              {text}
            </option>
          ))}
        </select>
      )}
    </Field>
  )
}

/* Leaves out what is undefined: the optional props are exact. */
function shared({ label, hint, error, changed = false, hideLabel = false }: { [K in keyof Shared]: Shared[K] | undefined }) {
  return { label, error, changed, hideLabel, ...(hint === undefined ? {} : { hint }) }
}

interface SwitchProps {
  label: string
  checked: boolean
  onChange: (checked: boolean) => void
  disabled?: boolean
  hideLabel?: boolean
  describedBy?: string | undefined
}

export function Switch({ label, checked, onChange, disabled = false, hideLabel = false, describedBy }: SwitchProps) {
  return (
    <label className="switch">
      <input
        type="checkbox"
        role="switch"
        checked={checked}
        disabled={disabled}
        aria-describedby={describedBy}
        onChange={(event) => onChange(event.target.checked)}
      />
      <span className="switch-track" aria-hidden="true" />
      <span className={hideLabel ? 'unseen' : 'switch-label'}>{label}</span>
    </label>
  )
}
