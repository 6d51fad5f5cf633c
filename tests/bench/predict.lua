-- wrk: POSTs the body in $BODY, and prints what it saw as one line of JSON.
wrk.method = "POST"
wrk.body = os.getenv("BODY")
wrk.headers["Content-Type"] = "application/json"

function done(summary, latency, requests)
   local errors = summary.errors
   print(string.format('{"per_second": %.1f, "p50": %.4f, "p99": %.4f, "most": %.4f, "errors": %d}',
      summary.requests / summary.duration * 1e6, latency:percentile(50) / 1000, latency:percentile(99) / 1000,
      latency.max / 1000, errors.connect + errors.read + errors.write + errors.status + errors.timeout))
end
