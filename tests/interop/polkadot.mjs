// A dApp's view: stock @polkadot/api signs a call, reads the event it made, and asks SalusApi.
// `node polkadot.mjs ws://127.0.0.1:9944`; the node runs the development preset.
import { ApiPromise, Keyring, WsProvider } from '@polkadot/api'
import { strict as assert } from 'node:assert'

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
