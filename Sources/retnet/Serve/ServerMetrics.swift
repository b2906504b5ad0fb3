internal import Serving
internal import Synchronization

/// What the server counts, for `GET /metrics`. Any thread may add.
final class ServerMetrics: Sendable {
  /// The figures that are read off when they are asked for.
  struct Gauges: Sendable {
    var running = 0
    var waiting = 0
    var rows = 0
    var states = 0
    var stateBytes = 0
    var cacheEntries = 0
    var cacheBytes = 0
  }

  /// The times that are measured, in seconds.
  enum Time: String, CaseIterable, Sendable {
    case queue = "request_queue_time_seconds"
    case prefill = "request_prefill_time_seconds"
    case decode = "request_decode_time_seconds"
    case firstToken = "time_to_first_token_seconds"
    case betweenTokens = "inter_token_latency_seconds"
    case whole = "e2e_request_latency_seconds"

    var help: String {
      switch self {
      case .queue: "Arrival of a request until its prompt begins to be read."
      case .prefill: "Reading a prompt."
      case .decode: "First token of a choice to its last one."
      case .firstToken: "Arrival of a request until its first token."
      case .betweenTokens: "Between two tokens of a choice."
      case .whole: "Arrival of a request until its answer is sent."
      }
    }
  }

  private struct Histogram {
    static let bounds = [
      0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
    ]
    var counts = [Int](repeating: 0, count: bounds.count + 1)
    var sum = 0.0

    mutating func add(_ seconds: Double) {
      counts[Self.bounds.firstIndex { seconds <= $0 } ?? Self.bounds.count] += 1
      sum += seconds
    }
  }

  private struct Values {
    var requests: [String: Int] = [:]
    var finished: [String: Int] = [:]
    var promptTokens = 0
    var cachedTokens = 0
    var madeTokens = 0
    var cancelled = 0
    var times: [Time: Histogram] = [:]
    var gauges = Gauges()
  }

  private let values = Mutex(Values())

  func answered(_ endpoint: String, status: Int) {
    values.withLock { $0.requests["endpoint=\(endpoint.inJSON),status=\"\(status)\"", default: 0] += 1 }
  }

  func add(_ time: Time, _ duration: Duration) {
    values.withLock { $0.times[time, default: Histogram()].add(duration.inSeconds) }
  }

  func read(_ tokens: Int, cached: Int) {
    values.withLock {
      $0.promptTokens += tokens
      $0.cachedTokens += cached
    }
  }

  func made(_ tokens: Int) { values.withLock { $0.madeTokens += tokens } }
  func finished(_ reason: String) { values.withLock { $0.finished[reason, default: 0] += 1 } }
  func cancelled() { values.withLock { $0.cancelled += 1 } }
  func set(_ gauges: Gauges) { values.withLock { $0.gauges = gauges } }

  /// The figures in the text format of Prometheus.
  ///
  /// - Parameters:
  ///   - name: The name of the model, a label of each figure.
  ///   - connections: The number of open connections.
  /// - Returns: Lines.
  func text(_ name: String, connections: Int) -> String {
    let values = self.values.withLock { $0 }
    let label = "model_name=\(name.inJSON)"
    var lines: [String] = []
    func figure(_ key: String, _ kind: String, _ help: String, _ samples: [(labels: String, value: String)]) {
      lines += ["# HELP retnet_\(key) \(help)", "# TYPE retnet_\(key) \(kind)"]
      lines += samples.map { "retnet_\(key){\(label)\($0.labels.isEmpty ? "" : ",")\($0.labels)} \($0.value)" }
    }
    func plain(_ key: String, _ kind: String, _ help: String, _ value: Int) {
      figure(key, kind, help, [("", "\(value)")])
    }
    let requests = values.requests.sorted { $0.key < $1.key }.map { ($0.key, "\($0.value)") }
    figure("requests_total", "counter", "Answered requests.", requests)
    plain("prompt_tokens_total", "counter", "Tokens of prompts.", values.promptTokens)
    plain("cached_prompt_tokens_total", "counter", "Tokens of prompts that a kept state had read.", values.cachedTokens)
    plain("generation_tokens_total", "counter", "Generated tokens.", values.madeTokens)
    let finished = values.finished.sorted { $0.key < $1.key }.map { ("finished_reason=\"\($0.key)\"", "\($0.value)") }
    figure("request_success_total", "counter", "Finished choices.", finished)
    plain("requests_cancelled_total", "counter", "Requests whose client went away.", values.cancelled)
    plain("requests_running", "gauge", "Requests that are answered now.", values.gauges.running)
    plain("requests_waiting", "gauge", "Requests that wait for a row.", values.gauges.waiting)
    plain("rows_running", "gauge", "Texts and prompts in progress.", values.gauges.rows)
    plain("connections", "gauge", "Open connections.", connections)
    plain("states", "gauge", "Named states in memory.", values.gauges.states)
    plain("state_bytes", "gauge", "Bytes of named states.", values.gauges.stateBytes)
    plain("cache_entries", "gauge", "States kept of prompts.", values.gauges.cacheEntries)
    plain("cache_bytes", "gauge", "Bytes of these.", values.gauges.cacheBytes)
    for time in Time.allCases {
      let histogram = values.times[time] ?? Histogram()
      var (below, samples) = (0, [String]())
      for (index, count) in histogram.counts.enumerated() {
        below += count
        let bound = index < Histogram.bounds.count ? "\(Histogram.bounds[index])" : "+Inf"
        samples.append("retnet_\(time.rawValue)_bucket{\(label),le=\"\(bound)\"} \(below)")
      }
      lines += ["# HELP retnet_\(time.rawValue) \(time.help)", "# TYPE retnet_\(time.rawValue) histogram"] + samples
      lines += ["retnet_\(time.rawValue)_sum{\(label)} \(histogram.sum)"]
      lines += ["retnet_\(time.rawValue)_count{\(label)} \(below)"]
    }
    return lines.joined(separator: "\n") + "\n"
  }
}
