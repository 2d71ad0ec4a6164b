/**
 * A terminal's screen as a picture: text with ANSI colours, as `tmux capture-pane -e` prints it, to SVG. Every run of text
 * is stretched to its columns, so that it lines up in any monospace font.
 */

interface Style {
  readonly colour: string | null
  readonly background: string | null
  readonly bold: boolean
  readonly dim: boolean
  readonly italic: boolean
  readonly underline: boolean
  readonly inverse: boolean
}

interface Run {
  readonly column: number
  readonly text: string
  readonly style: Style
}

const plain: Style = {
  colour: null,
  background: null,
  bold: false,
  dim: false,
  italic: false,
  underline: false,
  inverse: false
}

const page = { background: "#16181d", bar: "#23262e", text: "#d7dae0", faint: "#8b909c" }
const cell = { width: 8, height: 17, baseline: 13 }
const margin = 14
const barHeight = 30

/** The sixteen colours of a terminal, dark and bright. */
const dark = ["#1d1f21", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#c8ccd4"]
const bright = ["#7f848e", "#ff7b86", "#b1e08f", "#ffd68f", "#7cc4ff", "#dd93f0", "#6fd3de", "#ffffff"]
const palette = [...dark, ...bright]

const hex = (value: number): string => value.toString(16).padStart(2, "0")
const rgb = (...channels: ReadonlyArray<number>): string => `#${channels.map(hex).join("")}`

/** A colour of the 256: the sixteen, a cube of six levels, a ramp of greys. */
const indexed = (index: number): string => {
  const known = palette[index]
  if (known !== undefined) return known
  if (index >= 232) return rgb(...Array.from({ length: 3 }, () => 8 + (index - 232) * 10))
  const place = index - 16
  const level = (step: number) => (step === 0 ? 0 : 55 + step * 40)
  return rgb(level(Math.floor(place / 36)), level(Math.floor(place / 6) % 6), level(place % 6))
}

/** The style after the codes of one escape. */
const restyle = (style: Style, codes: ReadonlyArray<number>): Style => {
  let next = style
  for (let at = 0; at < codes.length; at++) {
    const code = codes[at] ?? 0
    if (code === 38 || code === 48) {
      const isIndexed = codes[at + 1] === 5
      const [first = 0, second = 0, third = 0] = codes.slice(at + 2)
      const colour = isIndexed ? indexed(first) : rgb(first, second, third)
      next = code === 38 ? { ...next, colour } : { ...next, background: colour }
      at += isIndexed ? 2 : 4
    } else if (code === 0) next = plain
    else if (code === 1) next = { ...next, bold: true }
    else if (code === 2) next = { ...next, dim: true }
    else if (code === 3) next = { ...next, italic: true }
    else if (code === 4) next = { ...next, underline: true }
    else if (code === 7) next = { ...next, inverse: true }
    else if (code === 22) next = { ...next, bold: false, dim: false }
    else if (code === 23) next = { ...next, italic: false }
    else if (code === 24) next = { ...next, underline: false }
    else if (code === 27) next = { ...next, inverse: false }
    else if (code === 39) next = { ...next, colour: null }
    else if (code === 49) next = { ...next, background: null }
    else if (code >= 30 && code <= 37) next = { ...next, colour: indexed(code - 30) }
    else if (code >= 40 && code <= 47) next = { ...next, background: indexed(code - 40) }
    else if (code >= 90 && code <= 97) next = { ...next, colour: indexed(code - 82) }
    else if (code >= 100 && code <= 107) next = { ...next, background: indexed(code - 92) }
  }
  return next
}

const escape = String.fromCharCode(27)
const sequence = new RegExp(`${escape}\\[([0-9;]*)m`)

/** The runs of one line, and the style that the next line begins with. */
const runsOf = (line: string, before: Style): readonly [ReadonlyArray<Run>, Style] => {
  const runs: Array<Run> = []
  let style = before
  let column = 0
  line.split(sequence).forEach((part, index) => {
    if (index % 2 === 1) style = restyle(style, part === "" ? [0] : part.split(";").map(Number))
    else if (part !== "") {
      runs.push({ column, text: part, style })
      column += part.length
    }
  })
  return [runs, style]
}

const xml = (text: string): string =>
  text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;")

/** `end`: the column where its background ends; tmux leaves out what a program cleared in colour behind the text. */
const drawn = ({ column, style, text }: Run, row: number, end: number): string => {
  const x = margin + column * cell.width
  const y = barHeight + margin + row * cell.height
  const width = text.length * cell.width
  const front = style.inverse ? (style.background ?? page.background) : (style.colour ?? page.text)
  const back = style.inverse ? (style.colour ?? page.text) : style.background
  const box =
    back === null
      ? ""
      : `<rect x="${x}" y="${y}" width="${(end - column) * cell.width}" height="${cell.height}" fill="${back}"/>`
  if (text.trim() === "") return box
  const attributes = [
    `x="${x}" y="${y + cell.baseline}" textLength="${width}" fill="${front}"`,
    style.bold ? `font-weight="bold"` : "",
    style.dim ? `opacity="0.6"` : "",
    style.italic ? `font-style="italic"` : "",
    style.underline ? `text-decoration="underline"` : ""
  ]
  return `${box}<text ${attributes.filter((attribute) => attribute !== "").join(" ")}>${xml(text)}</text>`
}

/** The picture of a screen, under a title. */
export const terminalSvg = (screen: string, options: { readonly title: string; readonly columns: number }): string => {
  const lines = screen.replace(/\s+$/, "").split("\n")
  const width = options.columns * cell.width + 2 * margin
  const height = barHeight + lines.length * cell.height + 2 * margin
  let style = plain
  const rows = lines.flatMap((line, row) => {
    const [runs, after] = runsOf(line, style)
    style = after
    const shapes = runs.map((run, index) => drawn(run, row, runs[index + 1]?.column ?? options.columns)).join("")
    return shapes === "" ? [] : [shapes]
  })
  const buttons = ["#ff5f57", "#febc2e", "#28c840"].map(
    (colour, index) => `<circle cx="${margin + 6 + index * 18}" cy="${barHeight / 2}" r="5.5" fill="${colour}"/>`
  )
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" role="img">`,
    `<title>${xml(options.title)}</title>`,
    `<rect width="${width}" height="${height}" rx="8" fill="${page.background}"/>`,
    `<path d="M0 ${barHeight}V8a8 8 0 0 1 8-8H${width - 8}a8 8 0 0 1 8 8V${barHeight}Z" fill="${page.bar}"/>`,
    ...buttons,
    `<g font-family="ui-monospace, 'SF Mono', Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="13" xml:space="preserve">`,
    `<text x="${width / 2}" y="${barHeight / 2 + 4.5}" text-anchor="middle" fill="${page.faint}">${xml(options.title)}</text>`,
    ...rows,
    "</g>",
    "</svg>",
    ""
  ].join("\n")
}
