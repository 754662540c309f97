// A client over ioredis, for ../../redis_clients.py: what ioredis sends by itself when it connects,
// automatic pipelines, a transaction, bytes, hashes, lists of keys, keyspace events, errors, and a
// connection that is lost. Usage: client.mjs PORT OTHER_PORT; prints one line and ends with 0.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { join } from 'node:path';

// The package is where it was installed, not beside this file.
const require = createRequire(join(process.env.IOREDIS_HOME, 'package.json'));
const Redis = require('ioredis');
const many = 1000;

const [port, otherPort] = process.argv.slice(2).map(Number);
const node = new Redis({ port, connectionName: 'ioredis', enableAutoPipelining: true });
const other = new Redis({ port: otherPort });
for (const client of [node, other]) client.on('error', (error) => { throw error; });

async function strings() {
  assert.equal(await node.client('GETNAME'), 'ioredis');
  assert.equal(await node.set('i:k', 'v', 'PX', 60000, 'NX'), 'OK');
  assert.equal(await node.set('i:k', 'w', 'NX'), null);
  assert.equal(await other.get('i:k'), 'v');
  assert.ok((await other.pttl('i:k')) > 50000);
  const bytes = Buffer.from(Array.from({ length: 100000 }, (_, i) => (i * 7) % 256));
  await node.set(Buffer.from('i:\xff\0', 'latin1'), bytes);
  assert.deepEqual(await other.getBuffer(Buffer.from('i:\xff\0', 'latin1')), bytes);
  assert.deepEqual(await node.mget('i:k', 'i:none'), ['v', null]);
}

async function pipelines() {
  // Calls of one turn of the event loop go out together.
  const counts = await Promise.all(Array.from({ length: many }, () => node.incr('i:n')));
  assert.deepEqual(counts, Array.from({ length: many }, (_, i) => i + 1));
  const said = await other.pipeline().get('i:n').hset('i:n', 'f', '1').strlen('i:n').exec();
  assert.deepEqual([said[0], said[2]], [[null, String(many)], [null, String(many).length]]);
  assert.match(said[1][0].message, /^WRONGTYPE /);
  const done = await node.multi().incrby('i:n', 5).get('i:n').del('i:n').exec();
  assert.deepEqual(done, [[null, many + 5], [null, String(many + 5)], [null, 1]]);
}

async function hashes() {
  await node.hset('i:h', { name: 'ann', items: '3' });
  assert.deepEqual(await other.hgetall('i:h'), { name: 'ann', items: '3' });
  assert.equal(await other.hincrby('i:h', 'items', 2), 5);
  assert.deepEqual(await node.hmget('i:h', 'items', 'none'), ['5', null]);
  const keys = new Set();
  for await (const found of other.scanStream({ match: 'i:*', count: 10 })) found.forEach((key) => keys.add(key));
  assert.ok(keys.has('i:h') && keys.has('i:k') && !keys.has('i:n'));
  await assert.rejects(node.call('NOSUCH'), /ERR unknown command/);
}

// ioredis asks for its channels again by itself when its connection was lost, before anything else.
async function events() {
  const listener = other.duplicate();
  const heard = [];
  listener.on('pmessage', (_pattern, channel, message) => heard.push([channel, message]));
  await listener.psubscribe('__keyspace@0__:i:e*');
  await node.set('i:e1', 'v');
  while (heard.length < 1) await once(listener, 'pmessage');
  listener.stream.destroy();
  await once(listener, 'ready');
  await listener.ping();
  await node.del('i:e1');
  while (heard.length < 2) await once(listener, 'pmessage');
  assert.deepEqual(heard, [['__keyspace@0__:i:e1', 'set'], ['__keyspace@0__:i:e1', 'del']]);
  listener.disconnect();
}

for (const part of [strings, pipelines, hashes, events]) await part();
await Promise.all([node.quit(), other.quit()]);
console.log(`ioredis ${require('ioredis/package.json').version}: ${many} calls in automatic pipelines, ` +
  'a transaction, bytes, hashes, SCAN, events before and after a lost connection');
