/*
 * A stack of one's own, from tests/stack: up, its values, parts stopped and started again, questions to its database and
 * mail catcher.
 */
import { execFile } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'

const run = promisify(execFile)
const REPOSITORY = fileURLToPath(new URL('../..', import.meta.url))
const BUILD = process.env['BELLMAN_BUILD'] ?? 'build/release'

export interface Stack {
  url: string
  token: string
  value(name: string): string
  sql(statement: string): Promise<string[][]>
  mails(): Promise<string[]>
  tokenFor(options: { role: string; sub?: string; ttlS?: number }): Promise<string>
  api(method: string, path: string, body?: unknown, headers?: Record<string, string>): Promise<Response>
  kill(part: string): Promise<void>
  restart(part: string): Promise<void>
  end(): Promise<void>
}

function readEnv(text: string): Map<string, string> {
  const lines = text.split('\n').filter((line) => line.includes('='))
  return new Map(lines.map((line) => {
    const at = line.indexOf('=')
    return [line.slice(0, at), line.slice(at + 1).replace(/^'|'$/g, '')] as const
  }))
}

export async function startStack(extra = ''): Promise<Stack> {
  const directory = await mkdtemp(join(tmpdir(), 'bellman-e2e-'))
  const env = { ...process.env, STACK: directory, BELLMAN_BUILD: BUILD, BELLMAN_CONF_EXTRA: extra }
  const launch = (...command: string[]) =>
    run('/usr/bin/python3', ['tests/stack/stack.py', ...command], { cwd: REPOSITORY, env })
  await launch('up')
  const read = async () => readEnv(await readFile(join(directory, 'stack.env'), 'utf8'))
  let values = await read()
  const value = (name: string) => {
    const found = values.get(name)
    if (found === undefined) {
      throw new Error(`stack.env has no ${name}`)
    }
    return found
  }
  const url = value('BELLMAN_URL')
  const token = value('BELLMAN_TOKEN')
  return {
    url,
    token,
    value,
    async sql(statement) {
      const { stdout } = await run('mariadb', ['--no-defaults', '-S', value('BELLMAN_DB_SOCKET'), '-u',
        value('BELLMAN_DB_USER'), `-p${value('BELLMAN_DB_PASSWORD')}`, '-N', '-B', '-e', statement, value('BELLMAN_DB_NAME')])
      return stdout.split('\n').filter((line) => line !== '').map((line) => line.split('\t'))
    },
    async mails() {
      const directoryOfMails = join(value('BELLMAN_MAILDIR'), 'new')
      const names = await readdir(directoryOfMails).catch(() => [])
      return Promise.all(names.map((name) => readFile(join(directoryOfMails, name), 'utf8')))
    },
    async tokenFor({ role, sub = 'somebody', ttlS = 3600 }) {
      const { stdout } = await run(join(resolve(REPOSITORY, BUILD), 'bellmanctl'), ['--config', value('BELLMAN_CONFIG'), 'token',
        '--org', 'demo', '--sub', sub, '--role', role, '--ttl', String(ttlS)])
      return stdout.trim()
    },
    api: (method, path, body, headers = {}) =>
      fetch(`${url}/api/system${path}`, {
        method,
        headers: { authorization: `Bearer ${token}`, ...(body === undefined ? {} : { 'content-type': 'application/json' }), ...headers },
        ...(body === undefined ? {} : { body: JSON.stringify(body) }),
      }),
    async kill(part) {
      process.kill(Number(value(`BELLMAN_${part.toUpperCase()}_PID`)), 'SIGKILL')
    },
    async restart(part) {
      await launch('restart', part)
      values = await read()
    },
    async end() {
      await launch('clean')
      await rm(directory, { recursive: true, force: true })
    },
  }
}
