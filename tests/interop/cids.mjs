// Computes the CIDs in testdata/vectors/unixfs.json with the JavaScript IPFS importer, and compares.
// `node cids.mjs --write` writes the file instead.
import { readFileSync, writeFileSync } from 'node:fs'
import { importer } from 'ipfs-unixfs-importer'
import { fixedSize } from 'ipfs-unixfs-importer/chunker'
import { balanced } from 'ipfs-unixfs-importer/layout'

const FILE = new URL('../../testdata/vectors/unixfs.json', import.meta.url)
const MIB = 1024 * 1024
const blocks = new Map()
const blockstore = {
  async put (cid, bytes) { blocks.set(cid.toString(), bytes); return cid },
  async get (cid) { return blocks.get(cid.toString()) },
  async has (cid) { return blocks.has(cid.toString()) }
}
const options = {
  cidVersion: 1,
  rawLeaves: true,
  wrapWithDirectory: false,
  reduceSingleLeafToSelf: true,
  chunker: fixedSize({ chunkSize: MIB }),
  layout: balanced({ maxChildrenPerNode: 1024 })
}

// Content of any length, the same in every language: byte i = (31 i + 7 + floor(i / 1 MiB)) mod 256.
function * content (length) {
  for (let start = 0; start < length; start += MIB) {
    const chunk = new Uint8Array(Math.min(MIB, length - start))
    for (let i = 0; i < chunk.length; i++) chunk[i] = (31 * (start + i) + 7 + start / MIB) & 0xff
    yield chunk
  }
}

async function root (source) {
  let last
  for await (const entry of importer(source, blockstore, options)) last = entry
  return last.cid.toString()
}

const lengths = [0, 1, 262144, MIB - 1, MIB, MIB + 1, 5 * MIB + 3, 1025 * MIB]
const files = []
for (const length of lengths) {
  blocks.clear()
  files.push({ length, cid: await root([{ content: content(length) }]) })
}
const parts = { binding: 129, 'manifest.age': 512, 'payload.age': 2 * MIB + 5 }
blocks.clear()
const directory = {
  parts,
  cid: await root(Object.entries(parts).map(([name, length]) => ({ path: `object/${name}`, content: content(length) })))
}
const found = { files, directory }

if (process.argv.includes('--write')) {
  writeFileSync(FILE, JSON.stringify(found, null, 2) + '\n')
} else if (JSON.stringify(JSON.parse(readFileSync(FILE))) !== JSON.stringify(found)) {
  console.error('CIDs differ from testdata/vectors/unixfs.json:', JSON.stringify(found, null, 2))
  process.exit(1)
}
console.log(`cids: ${files.length} files and a directory agree`)
