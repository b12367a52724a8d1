// The JavaScript SDK's part of test_sdk_js.py: a rota's whole life; prints one JSON object at the end.
import {
    ChangeResourceRecordSetsCommand, CreateHostedZoneCommand, DeleteHostedZoneCommand, GetChangeCommand,
    ListHostedZonesByNameCommand, ListHostedZonesCommand, ListResourceRecordSetsCommand, Route53Client, waitUntilResourceRecordSetsChanged,
} from '@aws-sdk/client-route-53';

const client = new Route53Client({ endpoint: process.env.ENDPOINT, region: 'us-east-1', maxAttempts: 1 });

async function change(zone, action, sets) {
    const changes = sets.map((set) => ({ Action: action, ResourceRecordSet: set }));
    const sent = await client.send(new ChangeResourceRecordSetsCommand({
        HostedZoneId: zone, ChangeBatch: { Comment: `${action} by the JavaScript SDK`, Changes: changes },
    }));
    await waitUntilResourceRecordSetsChanged({ client, maxWaitTime: 30, minDelay: 1, maxDelay: 1 }, { Id: sent.ChangeInfo.Id });
    return (await client.send(new GetChangeCommand({ Id: sent.ChangeInfo.Id }))).ChangeInfo;
}

async function list(zone) {
    const sets = [];
    let next = {};
    do {
        const page = await client.send(new ListResourceRecordSetsCommand({ HostedZoneId: zone, MaxItems: 3, ...next }));
        sets.push(...page.ResourceRecordSets);
        next = page.IsTruncated && {
            StartRecordName: page.NextRecordName, StartRecordType: page.NextRecordType,
            StartRecordIdentifier: page.NextRecordIdentifier,
        };
    } while (next);
    return sets;
}

async function errorOf(promise) {
    try {
        await promise;
        return null;
    } catch (error) {
        return { name: error.name, status: error.$metadata.httpStatusCode, message: error.message };
    }
}

const created = await client.send(new CreateHostedZoneCommand({ Name: 'example.com', CallerReference: 'once' }));
const zone = created.HostedZone.Id;
const members = [1, 2, 3, 4].map((n) => ({
    Name: 'www.example.com', Type: 'A', SetIdentifier: `i-${n}`, Weight: 10, TTL: 60,
    ResourceRecords: [{ Value: `192.0.2.${n}` }],
}));
const changed = await change(zone, 'CREATE', members);
const listed = await list(zone);
const twice = await errorOf(change(zone, 'CREATE', members.slice(0, 1)));
const notEmpty = await errorOf(client.send(new DeleteHostedZoneCommand({ Id: zone })));
await change(zone, 'DELETE', listed.filter((set) => set.Type === 'A').slice(0, 3));
const left = (await list(zone)).filter((set) => set.Type === 'A');
const zones = (await client.send(new ListHostedZonesCommand({}))).HostedZones.length;
const byName = (await client.send(new ListHostedZonesByNameCommand({ DNSName: 'example.com' }))).HostedZones.length;
console.log(JSON.stringify({ zone, created: created.$metadata.httpStatusCode, changed, listed, twice, notEmpty, left, zones, byName }));
