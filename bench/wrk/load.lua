-- One request over and over, from the environment: METHOD, PATH_, TOKEN, BODY. The last line of output is a JSON object.
wrk.method = os.getenv("METHOD") or "GET"
wrk.path = os.getenv("PATH_")
wrk.body = os.getenv("BODY")
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
if wrk.body then
    wrk.headers["Content-Type"] = "application/json"
end

done = function(summary, latency)
    local e = summary.errors
    print(string.format(
        '{"requests":%d,"duration_us":%d,"bad":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}', summary.requests,
        summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50),
        latency:percentile(99), latency.max))
end
