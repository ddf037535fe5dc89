-- For wrk: cycles through the bodies of a file, one a line; "@@@@@@@@" in one becomes a number that counts.
-- Prints: requests, microseconds, bytes, answers that are no 200, broken connections, median latency in microseconds.
local requests, at, counted = {}, 0, 0

function init(args)
  for body in io.lines(args[1]) do
    if body:find("@@@@@@@@", 1, true) then counted = 1 end
    requests[#requests + 1] = counted > 0 and body or wrk.format("POST", "/", nil, body)
  end
end

function request()
  at = at % #requests + 1
  if counted == 0 then return requests[at] end
  counted = counted + 1
  return wrk.format("POST", "/", nil, (requests[at]:gsub("@@@@@@@@", ("%08d"):format(counted))))
end

function done(summary, latency)
  local errors = summary.errors
  io.write(("RESULT %d %d %d %d %d %.1f\n"):format(
    summary.requests, summary.duration, summary.bytes, errors.status,
    errors.connect + errors.read + errors.write + errors.timeout, latency:percentile(50)))
end
