/**
 * What the cost report reckons with: AWS list prices, without discounts, free tiers and taxes. This
 * is the one place to edit: put in those of your region and contract, and the day you looked them
 * up. These are of the day on which AWS halved DynamoDB's requests (1.4135 and 0.283 in this region
 * before); whether they changed since was not looked up.
 */
export const PRICES = {
  asOf: '2024-11-01',
  region: 'eu-west-1',
  currency: 'USD',
  source: 'https://aws.amazon.com/s3/pricing/ https://aws.amazon.com/dynamodb/pricing/on-demand/',
  /** S3 Standard, the first 50 TB: 1 GiB for a month. */
  storageGibMonth: 0.023,
  /** Hours that a month has for this purpose, as in AWS's calculator. */
  monthHours: 730,
  /** S3 Standard: 1,000 PUT, COPY, POST or LIST requests. */
  thousandPuts: 0.005,
  /** DynamoDB on demand: a million write request units. */
  millionWrites: 0.70675,
  /** DynamoDB on demand: a million read request units. */
  millionReads: 0.1415,
};

export type Prices = typeof PRICES;
