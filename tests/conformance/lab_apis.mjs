// The JavaScript SDK's part of test_lab_apis.py: prints one JSON object.
import {
    AutoScalingClient, CompleteLifecycleActionCommand, DescribeAutoScalingGroupsCommand, DescribeLifecycleHooksCommand,
    RecordLifecycleActionHeartbeatCommand, paginateDescribeAutoScalingInstances,
} from '@aws-sdk/client-auto-scaling';
import { EC2Client, paginateDescribeInstances } from '@aws-sdk/client-ec2';
import { fromInstanceMetadata } from '@smithy/credential-provider-imds';

const [instance] = process.argv.slice(2);
const credentials = fromInstanceMetadata({ ec2MetadataV1Disabled: true });
const settings = { endpoint: process.env.ENDPOINT, region: 'us-east-1', maxAttempts: 1, credentials };
const group = { AutoScalingGroupName: 'web' };
const autoScaling = new AutoScalingClient(settings);
const ec2 = new EC2Client(settings);

async function all(pages, pick) {
    const found = [];
    for await (const page of pages) {
        found.push(...pick(page));
    }
    return found;
}

async function errorOf(promise) {
    try {
        await promise;
        return null;
    } catch (error) {
        return { name: error.name, status: error.$metadata.httpStatusCode, message: error.message };
    }
}

const action = { ...group, LifecycleHookName: 'rota-launch', InstanceId: instance };
await autoScaling.send(new RecordLifecycleActionHeartbeatCommand(action));
const complete = () => autoScaling.send(new CompleteLifecycleActionCommand({ ...action, LifecycleActionResult: 'CONTINUE' }));
await complete();
console.log(JSON.stringify({
    twice: await errorOf(complete()),
    groups: (await autoScaling.send(new DescribeAutoScalingGroupsCommand({}))).AutoScalingGroups,
    hooks: (await autoScaling.send(new DescribeLifecycleHooksCommand(group))).LifecycleHooks,
    instances: await all(paginateDescribeAutoScalingInstances({ client: autoScaling, pageSize: 2 }, {}), (page) => page.AutoScalingInstances),
    machines: await all(paginateDescribeInstances({ client: ec2, pageSize: 5 }, {}), (page) => page.Reservations.flatMap((one) => one.Instances)),
}));
