// A Node handler to copy from, as Lambda runs it: prints one line for each record.
export const handler = async (event, context) => {
  for (const { eventName, dynamodb } of event.Records) {
    const image = dynamodb.NewImage ?? dynamodb.Keys;
    console.log(`${context.functionName} ${dynamodb.SequenceNumber} ${eventName} ${JSON.stringify(image)}`);
  }
};
