// SPDX-License-Identifier: Apache-2.0
// The JavaScript client runs commands, reads a log and forwards a port of pod default/p, container c.
// usage: exec.mjs CLIENT-FOLDER PORT; KUBECONFIG names the server. Exit status 0 when all of it behaved.
import assert from 'node:assert/strict';
import net from 'node:net';
import { PassThrough } from 'node:stream';
import { pathToFileURL } from 'node:url';

const [folder, port] = process.argv.slice(2);
const k8s = await import(pathToFileURL(`${folder}/node_modules/@kubernetes/client-node/dist/index.js`));

const config = new k8s.KubeConfig();
config.loadFromDefault();

function gather(stream) {
    const all = { text: '' };
    stream.on('data', (piece) => {
        all.text += piece;
    });
    return all;
}

// Resolves when the server has closed the connection, which it does when the client has answered its close frame.
function run(command, input) {
    return new Promise((resolve, reject) => {
        const stdout = new PassThrough();
        const stderr = new PassThrough();
        const out = gather(stdout);
        const err = gather(stderr);
        const stdin = input === null ? null : new PassThrough();
        let status;
        new k8s.Exec(config)
            .exec('default', 'p', 'c', command, stdout, stderr, stdin, false, (said) => {
                status = said;
            })
            .then((socket) => {
                socket.on('close', () => resolve({ out: out.text, err: err.text, status }));
                stdin?.end(input);
            }, reject);
    });
}

const failed = await run(['sh', '-c', 'echo out; echo err >&2; exit 3'], null);
assert.equal(failed.out, 'out\n');
assert.equal(failed.err, 'err\n');
assert.equal(failed.status.status, 'Failure');
assert.equal(failed.status.reason, 'NonZeroExitCode');
assert.deepEqual(failed.status.details.causes, [{ reason: 'ExitCode', message: '3' }]);

const cat = await run(['cat'], 'to the end');
assert.equal(cat.out, 'to the end');
assert.equal(cat.status.status, 'Success');

const lines = new PassThrough();
const log = gather(lines);
await new k8s.Log(config).log('default', 'p', 'c', lines, { tailLines: 1 });
await new Promise((resolve) => lines.on('end', resolve));
assert.equal(log.text, 'three\n');

const forward = new k8s.PortForward(config, true);
const server = net.createServer((socket) => {
    forward.portForward('default', 'p', [Number(port)], socket, null, socket);
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const answer = await fetch(`http://127.0.0.1:${server.address().port}/echo`);
assert.match(await answer.text(), /^GET \/echo/);
process.exit(0);
