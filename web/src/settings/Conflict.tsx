import { useState } from 'react'
import type { NotificationSettings } from '../services/types'
import { strings } from '../strings'
import { Button } from '../ui/Button'
import { Dialog } from '../ui/Dialog'
import { changedFields, differences, toForm, type Edits, type FieldName } from './fields'
import type { Part } from './inputs'
import { show } from './show'

const text = strings.settings.conflict
const names = strings.settings.names

/* Both versions side by side, and what each was before; for each field that was edited one may be chosen. */
export function Conflict({ settings, theirs }: Part & { theirs: NotificationSettings }) {
  const [given, setGiven] = useState<ReadonlySet<FieldName>>(new Set()) // fields where theirs is taken
  const { base, edits, conflict, setConflict } = settings
  if (!conflict) {
    return null
  }
  const mine = changedFields(edits)
  const others = differences(base, theirs).filter((name) => !mine.includes(name))
  const save = () => {
    const kept = Object.fromEntries(mine.filter((name) => !given.has(name)).map((name) => [name, edits[name]]))
    void settings.saveChoice(kept as Edits).then(() => setGiven(new Set()))
  }
  const choose = (name: FieldName, take: boolean) => {
    const next = new Set(given)
    if (take) {
      next.add(name)
    } else {
      next.delete(name)
    }
    setGiven(next)
  }
  return (
    <Dialog
      open
      title={text.title}
      onClose={() => setConflict(false)}
      footer={
        <>
          <Button onClick={() => setConflict(false)}>{text.later}</Button>
          <Button variant="primary" busy={settings.saving} onClick={save}>
            {text.save}
          </Button>
        </>
      }
    >
      <p>{text.text(theirs.updated_by ?? text.somebody)}</p>
      {mine.map((name) => (
        <Choice key={name} name={name} settings={settings} theirs={theirs} takeTheirs={given.has(name)} choose={choose} />
      ))}
      {others.length > 0 && (
        <div>
          <p>{text.alsoChanged}</p>
          <ul className="conflict-others">
            {others.map((name) => (
              <li key={name}>
                {names[name]}: <s>{show(name, toForm(base)[name])}</s> {show(name, toForm(theirs)[name])}
              </li>
            ))}
          </ul>
        </div>
      )}
    </Dialog>
  )
}

interface ChoiceProps extends Part {
  name: FieldName
  theirs: NotificationSettings
  takeTheirs: boolean
  choose: (name: FieldName, takeTheirs: boolean) => void
}

function Choice({ name, settings, theirs, takeTheirs, choose }: ChoiceProps) {
  const before = toForm(settings.base)[name]
  const options = [
    { take: false, title: text.mine, value: settings.form[name] },
    { take: true, title: text.theirs, value: toForm(theirs)[name] },
  ]
  return (
    <fieldset className="conflict-field">
      <legend>
        {names[name]} <span className="faint">({text.before}: {show(name, before)})</span>
      </legend>
      {options.map(({ take, title, value }) => (
        <label key={title} className="conflict-option">
          <input type="radio" name={`conflict-${name}`} checked={takeTheirs === take} onChange={() => choose(name, take)} />
          <span className="conflict-side">{title}</span>
          <span className="conflict-value">{show(name, value)}</span>
        </label>
      ))}
    </fieldset>
  )
}
