/* Puts the focus on the first field that is at fault, once it is drawn: in the dialog that is open, else in the view. */
export function focusFault(): void {
  requestAnimationFrame(() => {
    const place = document.querySelector('dialog[open]') ?? document.querySelector('main')
    place?.querySelector<HTMLElement>('[aria-invalid]')?.focus()
  })
}
