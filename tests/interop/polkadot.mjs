// A dApp's view: stock @polkadot/api signs a call, reads the event it made, and asks SalusApi.
// `node polkadot.mjs ws://127.0.0.1:9944`; the node runs the development preset.
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'
import { GenericEventData } from '@polkadot/types'
import { Enum, Struct } from '@polkadot/types-codec'
import { stringCamelCase, stringPascalCase, u8aConcat } from '@polkadot/util'
import { blake2AsHex } from '@polkadot/util-crypto'
import { strict as assert } from 'node:assert'

// Our pallets, and limits that clients read from the metadata instead of guessing them.
const LIMITS = {
  accessLog: ['entriesPerHour', 'refusalsPerHour', 'deliveryWithin', 'maxOpen', 'maxDeliveries'],
  consent: ['maxScope', 'maxEnvelopes', 'maxPendingPerOrganisation', 'requestLifetime', 'maxGrantDuration'],
  copies: ['maxErasures', 'maxReplication'],
  corrections: [],
  credits: [],
  emergency: ['glassLasts', 'reviewWithin', 'perClinician', 'perOrganisation'],
  members: ['maxOrganisations', 'consentLasts'],
  motions: ['maxPerMember'],
  patients: ['maxControllers', 'maxCarers', 'maxFormerKeyrings', 'consentLasts'],
  records: ['eraseDelay', 'maxAnchors', 'compartments', 'maxFormer'],
  recovery: ['minThreshold', 'minDelay', 'maxDelay'],
  research: ['maxStudyDuration'],
  timelock: ['maxPending'],
  validators: ['maxValidators']
}

const url = process.argv[2]
assert(url, 'usage: node polkadot.mjs ws://HOST:PORT')
// It warns of CheckMember and treats it as having no effect on what is signed, which is so.
console.warn = () => {}
const api = await ApiPromise.create({ provider: new WsProvider(url, 1000), throwOnConnect: true })
const alice = new Keyring({ type: 'sr25519' }).addFromUri('//Alice')

const now = (await api.call.salusApi.now()).toNumber()
assert(Math.abs(now - Date.now()) < 60_000, `salusApi.now() is ${now}`)
const organisation = (await api.call.salusApi.organisation(0)).unwrap()
assert.equal(organisation.admin.toString(), alice.address)
const nobody = '0x' + '00'.repeat(16)
assert.equal((await api.call.salusApi.trailHead(nobody)).count.toNumber(), 0)
assert((await api.call.salusApi.patient(nobody)).isNone)

readable(api.registry)
const head = await api.call.salusApi.trailHead(nobody)
// What a head without entries is, by the formula alone; `hash` would be polkadot.js's own of these bytes.
const start = u8aConcat('salus/trail/v1', api.genesisHash, nobody)
assert.equal(head.digest.toHex(), blake2AsHex(start, 256))
assert.notEqual(head.digest.toHex(), head.hash.toHex())
limits(api.consts)

const before = organisation.name.toUtf8()
const events = await new Promise((resolve, reject) => {
  api.tx.members.setProfile('General Hospital, renamed', organisation.vaultUrl)
    .signAndSend(alice, { era: 256 }, ({ status, events, dispatchError }) => {
      if (dispatchError) reject(new Error(dispatchError.toString()))
      else if (status.isFinalized) resolve(events)
      else if (status.isInvalid || status.isDropped || status.isUsurped) reject(new Error(status.type))
    }).catch(reject)
})
const changed = events.find(({ event }) => event.section === 'members' && event.method === 'ProfileChanged')
assert(changed, `no ProfileChanged among ${events.map(({ event }) => event.method)}`)
assert(changed.event.meta.docs[0]?.toString().trim(), 'the event has no plain sentence for explorers')
assert.equal((await api.call.salusApi.organisation(0)).unwrap().name.toUtf8(), 'General Hospital, renamed')

const stranger = new Keyring({ type: 'sr25519' }).addFromUri('//Stranger')
await assert.rejects(
  api.tx.members.setProfile(before, '').signAndSend(stranger),
  /Invalid Transaction|Custom error/i,
  'a stranger is turned away before the chain'
)
await api.disconnect()
console.log('polkadot.js: a call, its event, SalusApi and a refused stranger agree')

// Every name that something decoded has before any field of ours.
function taken (Class, instance) {
  const names = new Set(Object.getOwnPropertyNames(instance))
  for (let proto = Class.prototype; proto; proto = Object.getPrototypeOf(proto)) {
    for (const name of Object.getOwnPropertyNames(proto)) names.add(name)
  }
  return names
}

// polkadot.js leaves its own properties in place where a field has the same name: whoever reads `row.hash`
// then gets a hash of the row. So no field and no variant of ours has such a name, and each reads back.
function readable (registry) {
  const ofStruct = taken(Struct, new Struct(registry, {}))
  const ofEnum = taken(Enum, new (Enum.with(['Only']))(registry))
  const ofEvent = taken(GenericEventData, [])
  const crates = Object.keys(LIMITS).map((name) => 'pallet_' + name.replace(/[A-Z]/g, (c) => '_' + c.toLowerCase()))
  const seen = { types: new Set(), fields: 0, variants: 0, events: 0 }
  const clashes = []
  const free = (name, names, where) => {
    if (names.has(name)) clashes.push(`${where}: polkadot.js has a property ${name} of its own`)
    seen.fields += 1
  }
  for (const { id, type: { path, def } } of registry.lookup.types) {
    const words = path.map(String)
    const where = words.join('::')
    if (words[0] !== 'salus_primitives' && !crates.includes(words[0])) continue
    const isEvent = words.at(-1) === 'Event'
    if (words.at(-1) === 'Call' || words.at(-1) === 'Error') continue
    seen.types.add(words.at(-1))
    if (def.isComposite) {
      const named = def.asComposite.fields.filter(({ name }) => name.isSome)
      for (const { name } of named) free(stringCamelCase(name.unwrap()), ofStruct, where)
      if (named.length === 0) continue
      const row = registry.createType(registry.createLookupType(id))
      const names = named.map(({ name }) => stringCamelCase(name.unwrap()))
      if (`${[...row.keys()]}` !== `${names}`) clashes.push(`${where}: its fields are called ${[...row.keys()]}`)
      for (const name of names) {
        if (row[name] !== row.get(name)) clashes.push(`${where}.${name} does not read back`)
      }
    } else if (def.isVariant) {
      for (const { name, fields } of def.asVariant.variants) {
        const variant = `${where}::${name}`
        seen.variants += 1
        if (isEvent) seen.events += 1
        else for (const word of ['is', 'as']) free(word + stringPascalCase(name), ofEnum, variant)
        for (const field of fields.filter(({ name }) => name.isSome)) {
          free(stringCamelCase(field.name.unwrap()), isEvent ? ofEvent : ofStruct, variant)
        }
      }
    }
  }
  assert.deepEqual(clashes, [])
  for (const type of ['TrailHead', 'GrantView', 'CompartmentView', 'Record', 'FormerContent', 'Delivery', 'Study', 'Event']) {
    assert(seen.types.has(type), `${type} is not among ${[...seen.types]}`)
  }
  assert(seen.fields > 200 && seen.events > 60, JSON.stringify(seen))
}

function limits (consts) {
  for (const [pallet, names] of Object.entries(LIMITS)) {
    for (const name of names) {
      const value = consts[pallet]?.[name]
      assert(value, `the metadata has no constant ${pallet}.${name}`)
      assert(BigInt(value.toString()) > 0n, `${pallet}.${name} is ${value}`)
      assert(value.meta.docs[0]?.toString().trim(), `${pallet}.${name} has no sentence`)
    }
  }
}
