#!/bin/sh
# A command handler to copy from: for each record a line in audit.log, its sequence number and the request that brought it.
# A batch is one write of whole lines, as other shards append at the same time. A kill can cut it short; so each starts on
# a new line, a cut line lacks part of its request id, and the batch comes again under another one: at least once.
set -eu
lines=$(tr ',' '\n' | sed -n "s/.*\"SequenceNumber\":\"\([0-9]*\)\".*/\1 $AWS_LAMBDA_REQUEST_ID/p")
[ -n "$lines" ] # or the batch fails, and comes again
printf '\n%s\n' "$lines" | dd obs=1048576 2>/dev/null >>"${AUDIT_FILE:-audit.log}"
