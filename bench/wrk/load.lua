-- Requests from the environment: METHOD, TOKEN, BODY, and PATH_ or PATHS, a file with a path on each line that are asked
-- for in turn. The last line of output is a JSON object.
wrk.method = os.getenv("METHOD") or "GET"
wrk.path = os.getenv("PATH_") or "/"
wrk.body = os.getenv("BODY")
wrk.headers["Authorization"] = "Bearer " .. os.getenv("TOKEN")
if wrk.body then
    wrk.headers["Content-Type"] = "application/json"
end

local paths = os.getenv("PATHS")
if paths then
    local requests, at = {}, 0
    init = function()
        for path in io.lines(paths) do
            requests[#requests + 1] = wrk.format(nil, path)
        end
    end
    request = function()
        at = at % #requests + 1
        return requests[at]
    end
end

done = function(summary, latency)
    local e = summary.errors
    print(string.format(
        '{"requests":%d,"duration_us":%d,"bad":%d,"p50_us":%d,"p99_us":%d,"max_us":%d}', summary.requests,
        summary.duration, e.connect + e.read + e.write + e.status + e.timeout, latency:percentile(50),
        latency:percentile(99), latency.max))
end
