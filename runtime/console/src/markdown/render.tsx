/**
 * Markdown as elements, made from the parser's tokens and never from a string of HTML.
 *
 * Nothing here can inject: every text becomes a text node, HTML in the source is shown as it was written, addresses pass
 * `safeAddress`, and images become links, because a picture would be a request to a server of the agent's choosing.
 */

import type { Token, Tokens } from 'marked'
import type { ComponentChildren, VNode } from 'preact'
import { Component } from 'preact'
import { useRef } from 'preact/hooks'

import { type Block, Blocks } from './blocks'
import { Code } from './code'
import { entities, safeAddress } from './links'

/** A text in Markdown; `whole` once it ended by its own word, and not while it grows or if it was cut. */
export function Markdown({ source, whole }: { source: string; whole: boolean }): VNode {
  const blocks = useRef<Blocks>(null)
  blocks.current ??= new Blocks()
  const read = blocks.current.read(source, whole)
  return <div class="prose">{read.map((block, index) => <BlockView key={index} block={block} />)}</div>
}

/** A block is rendered again only if its source changed: settled blocks cost nothing while others stream. */
class BlockView extends Component<{ block: Block }> {
  override shouldComponentUpdate(next: { block: Block }): boolean {
    return next.block.raw !== this.props.block.raw || next.block.token.type !== this.props.block.token.type
  }

  render(): ComponentChildren {
    return flow(this.props.block.token)
  }
}

function flows(tokens: Token[] | undefined): ComponentChildren {
  return (tokens ?? []).map(flow)
}

function flow(token: Token): ComponentChildren {
  switch (token.type) {
    case 'heading': {
      // The page's own headings are h1 and h2, so an answer's begin below them.
      const Tag = `h${Math.min(6, token.depth + 2)}` as 'h3'
      return <Tag class={`h${token.depth}`}>{spans(token.tokens)}</Tag>
    }
    case 'paragraph':
      return <p>{spans(token.tokens)}</p>
    case 'text':
      return token.tokens ? spans(token.tokens) : entities(token.text)
    case 'code':
      return <Code text={token.text} language={/^\S*/.exec(token.lang ?? '')![0]} />
    case 'blockquote':
      return <blockquote>{flows(token.tokens)}</blockquote>
    case 'hr':
      return <hr />
    case 'list':
      return <List list={token as Tokens.List} />
    case 'table':
      return <Table table={token as Tokens.Table} />
    case 'space':
    case 'def':
      return null
    case 'html':
      return <p class="verbatim">{token.raw.trim()}</p>
    default:
      return <p>{token.raw}</p>
  }
}

function List({ list }: { list: Tokens.List }): VNode {
  const items = list.items.map((item, index) => (
    <li key={index} class={item.task ? 'task' : undefined}>
      {item.task && <input type="checkbox" checked={item.checked ?? false} disabled aria-label={item.checked ? 'done' : 'to do'} />}
      {flows(item.tokens.filter((token) => token.type !== 'checkbox'))}
    </li>
  ))
  return list.ordered ? <ol start={Number(list.start) || 1}>{items}</ol> : <ul>{items}</ul>
}

function Table({ table }: { table: Tokens.Table }): VNode {
  return (
    <div class="table" tabIndex={0} role="region" aria-label="table">
      <table>
        <thead>
          <tr>{table.header.map((cell, index) => <th key={index} scope="col" class={side(cell)}>{spans(cell.tokens)}</th>)}</tr>
        </thead>
        <tbody>
          {table.rows.map((row, index) => (
            <tr key={index}>{row.map((cell, column) => <td key={column} class={side(cell)}>{spans(cell.tokens)}</td>)}</tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function side(cell: Tokens.TableCell): string | undefined {
  return cell.align ? `to-${cell.align}` : undefined
}

function spans(tokens: Token[] | undefined): ComponentChildren {
  return (tokens ?? []).map(span)
}

function span(token: Token): ComponentChildren {
  switch (token.type) {
    case 'strong':
      return <strong>{spans(token.tokens)}</strong>
    case 'em':
      return <em>{spans(token.tokens)}</em>
    case 'del':
      return <del>{spans(token.tokens)}</del>
    case 'codespan':
      return <code>{token.text}</code>
    case 'br':
      return <br />
    case 'link':
      return <Link address={token.href}>{spans(token.tokens)}</Link>
    case 'image':
      return <Link address={token.href}>{entities(token.text) || 'image'}</Link>
    case 'text':
      return token.tokens ? spans(token.tokens) : entities(token.text)
    case 'escape':
      return entities(token.text)
    case 'checkbox':
      return null
    default:
      return token.raw
  }
}

function Link({ address, children }: { address: string; children: ComponentChildren }): VNode {
  const safe = safeAddress(address)
  if (safe === null) return <span>{children}</span>
  return <a href={safe} target="_blank" rel="noopener noreferrer nofollow" title={safe}>{children}</a>
}
