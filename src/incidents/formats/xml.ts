/** As much of XML as a message needs: elements, attributes, text; escaped, and without what XML has no place for. */
import { visible } from './text.ts'

export type Attributes = Readonly<Record<string, string | number | undefined>>

/** Markup that is escaped already. */
export type Markup = string & { readonly markup: unique symbol }

const entities: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' }

export const xmlText = (text: string): Markup =>
  visible(text).replace(/[&<>"]/g, (character) => entities[character] as string) as Markup

/** `children`: text is escaped, markup stands as it is, undefined is left out. */
export function element(name: string, attributes: Attributes, ...children: (Markup | undefined)[]): Markup {
  const given = Object.entries(attributes)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => ` ${key}="${xmlText(String(value))}"`)
    .join('')
  const inside = children.filter((child) => child !== undefined).join('')
  return (inside === '' ? `<${name}${given}/>` : `<${name}${given}>${inside}</${name}>`) as Markup
}

/** An element that holds text alone. */
export const textElement = (name: string, text: string | number, attributes: Attributes = {}): Markup =>
  element(name, attributes, xmlText(String(text)))
