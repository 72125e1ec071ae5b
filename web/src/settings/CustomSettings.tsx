import { strings } from '../strings'
import { Field } from '../ui/Field'
import type { Part } from './inputs'

const text = strings.settings.custom
const ROWS_MAX = 16

export function CustomSettings({ settings }: Part) {
  const value = settings.form.custom_settings
  return (
    <section className="card card-pad settings-part" aria-labelledby="custom">
      <div>
        <h2 id="custom">{text.title}</h2>
        <p className="faint">{text.lead}</p>
      </div>
      <Field
        label={text.label}
        error={settings.faults.custom_settings}
        changed={'custom_settings' in settings.edits}
      >
        {(wiring) => (
          <textarea
            {...wiring}
            className="input"
            name="custom_settings"
            spellCheck={false}
            rows={Math.min(ROWS_MAX, value.split('\n').length + 1)}
            value={value}
            onChange={(event) => settings.set('custom_settings', event.target.value)}
          />
        )}
      </Field>
    </section>
  )
}
