/*
 * A mail's HTML as its reader would see it: in a frame that runs nothing, goes nowhere and loads nothing. The page's policy
 * holds in it too, and forbids styles that stand in HTML: they are set by script, which it allows.
 */
import { useEffect, useRef } from 'react'
import { strings } from '../strings'
import { HIDDEN_STYLE, withoutStyles } from './html'

const GONE = 'script, noscript, iframe, frame, object, embed, link, meta, base, form, input, button, video, audio, svg, math, template'
/* What loads something from elsewhere, or does something. */
const FORBIDDEN = /^(on.*|src|srcset|background|poster|action|formaction|ping|target|autofocus|id|xlink:href)$/i

interface Trust {
  createHTML(text: string): string
}

/* The browser wants to know who makes nodes of text; these are made in a document that runs nothing. */
const trust: Trust = (
  globalThis as { trustedTypes?: { createPolicy(name: string, rules: Trust): Trust } }
).trustedTypes?.createPolicy('mail-preview', { createHTML: (text) => text }) ?? { createHTML: (text) => text }

function clean(parsed: Document): string {
  const css = [...parsed.querySelectorAll('xmp')].map((style) => style.textContent ?? '').join('\n')
  parsed.querySelectorAll(`${GONE}, xmp, title`).forEach((node) => node.remove())
  for (const element of parsed.querySelectorAll<HTMLElement>('*')) {
    for (const { name } of [...element.attributes]) {
      if (FORBIDDEN.test(name)) {
        element.removeAttribute(name)
      }
    }
    element.removeAttribute('href')
  }
  return css
}

function draw(frame: Document, html: string): void {
  const parsed = new DOMParser().parseFromString(trust.createHTML(withoutStyles(html)), 'text/html')
  const links = new Set([...parsed.querySelectorAll('a[href]')])
  const css = clean(parsed)
  frame.documentElement.lang = parsed.documentElement.lang
  const body = frame.adoptNode(parsed.body)
  frame.body.replaceWith(body)
  for (const element of [body, ...body.querySelectorAll<HTMLElement>(`[${HIDDEN_STYLE}]`)]) {
    element.style.cssText = element.getAttribute(HIDDEN_STYLE) ?? ''
  }
  for (const link of links) {
    ;(link as HTMLElement).style.cssText += ';color:#2a4395;text-decoration:underline'
  }
  const Sheet = frame.defaultView?.CSSStyleSheet
  if (Sheet !== undefined) {
    const sheet = new Sheet()
    sheet.replaceSync(`${css}\nimg { display: none }`)
    frame.adoptedStyleSheets = [sheet]
  }
}

export function MailFrame({ html }: { html: string }) {
  const frame = useRef<HTMLIFrameElement>(null)
  const show = () => {
    const inside = frame.current?.contentDocument
    if (inside) {
      draw(inside, html)
    }
  }
  useEffect(show, [html])
  // Some browsers put another empty document in place of the first once it is loaded.
  return <iframe ref={frame} className="mail-frame" sandbox="allow-same-origin" title={strings.templates.frame} onLoad={show} />
}
