internal import Files
internal import Inference
internal import Modeling
internal import Tensors

/// What `info A B` prints: the members that differ, and how far the weights of two models are apart.
struct InfoDifference {
  private struct Row {
    let name: String
    let first: JSONValue
    let second: JSONValue
  }

  private let names: (first: String, second: String)
  private let rows: [Row]
  private let weights: WeightDistance?

  /// - Parameters:
  ///   - first: The path of one file or folder.
  ///   - firstMembers: Its description.
  ///   - second: The path of the other one.
  ///   - secondMembers: Its description.
  /// - Throws: If the weights of two models of the same shape cannot be read.
  init(
    _ first: String, _ firstMembers: [(String, JSONValue)], _ second: String, _ secondMembers: [(String, JSONValue)]
  ) throws {
    names = (first, second)
    let values = Dictionary(uniqueKeysWithValues: secondMembers)
    var rows = firstMembers.compactMap { name, value in
      let other = values[name] ?? .null
      return other == value ? nil : Row(name: name, first: value, second: other)
    }
    let known = Set(firstMembers.map(\.0))
    rows += secondMembers.filter { !known.contains($0.0) && $0.1 != .null }
      .map { Row(name: $0.0, first: .null, second: $0.1) }
    self.rows = rows
    weights = try WeightDistance(first, second)
  }

  func print(json: Bool) throws {
    try StandardStream.output.write((json ? report.text : text) + "\n")
  }

  private var report: JSONReport {
    var members: [String: JSONValue] = [
      "files": .list([.text(names.first), .text(names.second)]),
      "differences": .object(
        Dictionary(uniqueKeysWithValues: rows.map { ($0.name, .list([$0.first, $0.second])) })),
    ]
    if let weights { members["weights"] = .object(weights.members) }
    return JSONReport(members)
  }

  private var text: String {
    var lines = rows.flatMap { row in
      [row.name.replacing("_", with: " "), "  \(row.first.forPeople)", "  \(row.second.forPeople)"]
    }
    if let weights { lines.append(weights.text) }
    return lines.isEmpty ? "no difference" : lines.joined(separator: "\n")
  }
}

/// How far the weights of two models of the same shape are apart.
private struct WeightDistance {
  private var count = 0
  private var differing = 0
  private var largest: (name: String, ratio: Double)?

  /// - Returns: nil if one is no model, or they have weights of other names or shapes.
  init?(_ first: String, _ second: String) throws {
    let paths = try [first, second].map { path in try SavedRun(path: path)?.model().path ?? path }
    guard let sources = try? paths.map({ try ModelSource(path: $0) }) else { return nil }
    let (a, b) = (sources[0].reader, sources[1].reader)
    guard a.descriptions == b.descriptions else { return nil }
    for weight in a.descriptions {
      let (x, y) = (try a.tensor(weight), try b.tensor(weight))
      count += 1
      guard x.values != y.values else { continue }
      differing += 1
      let ratio = rmsRatio(y, x)
      if ratio > largest?.ratio ?? -1 || ratio.isNaN { largest = (weight.name, ratio) }
    }
  }

  var members: [String: JSONValue] {
    var members: [String: JSONValue] = ["compared": .integer(count), "differing": .integer(differing)]
    if let largest {
      members["largest_rms_ratio"] = .number(largest.ratio)
      members["largest_rms_ratio_of"] = .text(largest.name)
    }
    return members
  }

  var text: String {
    guard let largest else { return "weights: all \(count) are equal" }
    return "weights: \(differing) of \(count) differ, most '\(largest.name)', by \(largest.ratio.scientific) of its rms"
  }
}
