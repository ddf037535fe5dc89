// One session of the stock JavaScript client, from login to logout: node session.mjs URL PASSWORD TRANSPORT TEMPLATE
//
// Prints one line of JSON with what it saw; the test compares that with what it should have seen.

import { Xapi } from 'xen-api'

const [url, password, transport, templateName] = process.argv.slice(2)
const seen = { transport, lists: {}, states: [], operations: [] }

const xapi = new Xapi({
  url,
  transport,
  allowUnauthorized: true,
  auth: { user: 'root', password },
  debounce: 20,
})

// The whole conversation takes seconds; a hang is a failure that says where.
let step = 'start'
setTimeout(() => {
  console.error(`stuck at: ${step}`)
  process.exit(3)
}, 60e3).unref()

const at = name => {
  step = name
}

at('log in')
await xapi.connect()

at('fetch all objects, as a user interface does')
await xapi.objectsFetched
seen.objects = Object.keys(xapi.objects.all).length

at('list everything')
for (const method of await xapi._call('system.listMethods')) { // takes no session
  const [, type] = /^([^.]+)\.get_all_records$/.exec(method) ?? []
  if (type !== undefined) {
    try {
      seen.lists[type] = Object.keys(await xapi.call(method)).length
    } catch (error) {
      if (error.code !== 'MESSAGE_REMOVED') {
        throw error
      }
    }
  }
}

at('clone')
const [template] = await xapi.call('VM.get_by_name_label', templateName)
const vm = await xapi.callAsync('VM.clone', template, `made over ${transport}`)
at('provision')
const storage = await xapi.call('SR.get_uuid', await xapi.call('pool.get_default_SR', xapi.pool.$ref))
const settings = await xapi.call('VM.get_other_config', vm)
await xapi.call('VM.set_other_config', vm, { ...settings, disks: settings.disks.replace('sr=""', `sr="${storage}"`) })
await xapi.callAsync('VM.provision', vm)
seen.provisioned = (await xapi.call('VM.get_VBDs', vm)).length

// Follows the VM in events from `token` on until its record is as wanted.
let token = (await xapi.call('event.from', [`VM/${vm}`], '', 0.1)).token
const follow = async until => {
  for (;;) {
    const batch = await xapi.call('event.from', [`VM/${vm}`], token, 20.1)
    token = batch.token
    for (const { operation, snapshot } of batch.events) {
      seen.operations.push(operation)
      if (snapshot?.power_state !== undefined && seen.states.at(-1) !== snapshot.power_state) {
        seen.states.push(snapshot.power_state)
      }
      if (until(operation, snapshot)) {
        return
      }
    }
  }
}

at('start')
await xapi.callAsync('VM.start', vm, false, false)
at('follow until it runs and can be shut down')
await follow((_, record) => record?.power_state === 'Running' && record.allowed_operations.includes('clean_shutdown'))

at('clean shutdown')
await xapi.callAsync('VM.clean_shutdown', vm)
await follow((_, record) => record?.power_state === 'Halted')

at('destroy')
const disks = []
for (const vbd of await xapi.call('VM.get_VBDs', vm)) {
  if ((await xapi.call('VBD.get_type', vbd)) === 'Disk') {
    disks.push(await xapi.call('VBD.get_VDI', vbd))
  }
}
await xapi.callAsync('VM.destroy', vm)
await follow(operation => operation === 'del')
for (const disk of disks) {
  await xapi.callAsync('VDI.destroy', disk)
}

at('ask for what is gone')
seen.gone = await xapi.call('VM.get_record', vm).then(
  () => 'still there',
  error => [error.code, ...error.params]
)
seen.vm = vm

at('log out')
await xapi.disconnect()

console.log(JSON.stringify(seen))
process.exit(0)
