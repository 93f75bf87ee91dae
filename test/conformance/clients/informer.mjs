// SPDX-License-Identifier: Apache-2.0
// The JavaScript client as its users use it: CRUD, every patch type, an informer that outlives a restart of the server.
// usage: informer.mjs CLIENT-FOLDER NAMESPACE; KUBECONFIG names the server. Prints "restart me" when the informer runs and
// then waits for changes made after the restart; exit status 0 when all of it behaved.
import assert from 'node:assert/strict';
import { pathToFileURL } from 'node:url';

const [folder, namespace] = process.argv.slice(2);
const k8s = await import(pathToFileURL(`${folder}/node_modules/@kubernetes/client-node/dist/index.js`));

const config = new k8s.KubeConfig();
config.loadFromDefault();
const core = config.makeApiClient(k8s.CoreV1Api);
const apps = config.makeApiClient(k8s.AppsV1Api);

async function refused(code, call) {
    await assert.rejects(call, (error) => {
        assert.equal(error.code, code);
        return true;
    });
}

async function crud() {
    await core.createNamespace({ body: { metadata: { name: namespace } } });
    const body = { metadata: { name: 'a' }, data: { k: '1' } };
    const made = await core.createNamespacedConfigMap({ namespace, body });
    assert.equal(made.data.k, '1');
    await refused(409, () => core.createNamespacedConfigMap({ namespace, body }));
    await refused(404, () => core.readNamespacedConfigMap({ namespace, name: 'b' }));
    made.data.k = '2';
    const next = await core.replaceNamespacedConfigMap({ namespace, name: 'a', body: made });
    assert.equal(next.data.k, '2');
    await refused(409, () => core.replaceNamespacedConfigMap({ namespace, name: 'a', body: made }));
    const list = await core.listNamespacedConfigMap({ namespace, fieldSelector: 'metadata.name=a' });
    assert.deepEqual(list.items.map((item) => item.metadata.name), ['a']);
}

async function patches() {
    const patch = (type, body) =>
        core.patchNamespacedConfigMap(
            { namespace, name: 'a', body, fieldManager: 'informer.mjs', force: type === 'ServerSideApply' || undefined },
            k8s.setHeaderOptions('Content-Type', k8s.PatchStrategy[type]));
    assert.equal((await patch('MergePatch', { data: { m: '1' } })).data.m, '1');
    assert.equal((await patch('StrategicMergePatch', { data: { m: null } })).data.m, undefined);
    assert.equal((await patch('JsonPatch', [{ op: 'add', path: '/data/j', value: '1' }])).data.j, '1');
    const applied = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { s: '1' } };
    assert.equal((await patch('ServerSideApply', applied)).data.s, '1');
}

async function scale() {
    const labels = { app: 'x' };
    await apps.createNamespacedDeployment({
        namespace,
        body: {
            metadata: { name: 'd' },
            spec: {
                selector: { matchLabels: labels },
                template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'i' }] } },
            },
        },
    });
    const got = await apps.readNamespacedDeploymentScale({ namespace, name: 'd' });
    assert.equal(got.spec.replicas, 1);
    got.spec.replicas = 2;
    await apps.replaceNamespacedDeploymentScale({ namespace, name: 'd', body: got });
    assert.equal((await apps.readNamespacedDeployment({ namespace, name: 'd' })).spec.replicas, 2);
}

// An informer that is started again when its connection goes, as the client's documentation shows.
async function informer() {
    const seen = new Set();
    let wake = () => {};
    const watcher = k8s.makeInformer(config, `/api/v1/namespaces/${namespace}/secrets`,
                                     () => core.listNamespacedSecret({ namespace }));
    for (const event of ['add', 'update', 'delete']) {
        watcher.on(event, (object) => {
            seen.add(`${event} ${object.metadata.name}`);
            wake();
        });
    }
    watcher.on('error', () => setTimeout(() => watcher.start().catch(() => {}), 100));
    const awaited = async (what) => {
        while (!seen.has(what)) await new Promise((resolve) => { wake = resolve; });
    };
    await watcher.start();
    await core.createNamespacedSecret({ namespace, body: { metadata: { name: 'before' } } });
    await awaited('add before');
    console.log('restart me');
    await awaited('add after');
    await awaited('delete before');
    await watcher.stop();
}

const deadline = setTimeout(() => {
    console.error('not done in time');
    process.exit(1);
}, 120_000);
await crud();
await patches();
await scale();
await informer();
await core.deleteNamespace({ name: namespace });
clearTimeout(deadline);
console.log('javascript: all as it should be');
process.exit(0); // a stopped informer still holds its connection
