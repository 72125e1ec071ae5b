/*
 * A mail's HTML before it is parsed. A document under the page's policy complains of every style and every script that stands
 * in its text, so those are renamed: elements to xmp, which is as raw as style is, and attributes to data of their own.
 */
export const HIDDEN_STYLE = 'data-mail-style'

export const withoutStyles = (html: string): string =>
  html
    .replace(/<(\/?)style\b/gi, '<$1xmp')
    .replace(/<[a-z][^>]*>/gi, (tag) =>
      tag.replace(/(\s)style(\s*=)/gi, `$1${HIDDEN_STYLE}$2`).replace(/(\s)on(\w+\s*=)/gi, '$1data-mail-on$2'),
    )
