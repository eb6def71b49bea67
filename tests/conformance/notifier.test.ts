import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { mockClient } from 'aws-sdk-client-mock';
import { lambdaNotifier } from '../../lib/adapters/aws/lambda-notifier.ts';
import { webhookNotifier } from '../../lib/adapters/local/webhook-notifier.ts';
import { memoryNotifier } from '../../lib/adapters/memory/memory-notifier.ts';
import { notifierSuite } from './notifier.suite.ts';

notifierSuite('memory', async () => {
  const notifier = memoryNotifier();
  return { notifier, received: () => notifier.sent };
});

notifierSuite('Lambda', async () => {
  const client = new LambdaClient({ region: 'eu-west-1' });
  const lambda = mockClient(client).on(InvokeCommand).resolves({ StatusCode: 202 });
  const received = () =>
    lambda.commandCalls(InvokeCommand).map(({ args: [{ input }] }) => {
      const { FunctionName, InvocationType, Payload } = input;
      if (FunctionName !== 'holdfast-notify' || InvocationType !== 'Event') return input;
      return JSON.parse(Payload as string) as object;
    });
  return {
    notifier: lambdaNotifier(client, 'holdfast-notify'),
    received,
    refuse: () => lambda.on(InvokeCommand).rejects(new Error('throttled')),
  };
});

notifierSuite('webhook', async () => {
  const bodies: unknown[] = [];
  let status = 204;
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      bodies.push(JSON.parse(Buffer.concat(chunks).toString('utf8')));
      response.writeHead(status).end();
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    notifier: webhookNotifier(`http://127.0.0.1:${port}/hook`),
    received: () => bodies,
    refuse: () => {
      status = 503;
    },
    close: () => {
      server.closeAllConnections();
      server.close();
    },
  };
});
