import Foundation
import Testing

/// What a run folder holds, with the times taken out: two runs that made the same steps are equal.
struct RunFiles {
  let folder: URL

  /// The paths of all files but the lock and the event files, of which each process of a run has one.
  var names: [String] {
    get throws {
      try FileManager.default.subpathsOfDirectory(atPath: folder.path)
        .filter { $0 != ".lock" && !$0.hasPrefix("events.out.tfevents.") }.sorted()
    }
  }

  /// The event files in the order of their names.
  var eventFiles: [EventRecords] {
    get throws {
      try FileManager.default.contentsOfDirectory(atPath: folder.path).filter { $0.hasPrefix("events.out.tfevents.") }
        .sorted().map { try EventRecords(Data(contentsOf: folder.appendingPathComponent($0))) }
    }
  }

  /// The picture, under a name that all runs share.
  var picture: String {
    get throws {
      let svg = try String(contentsOf: folder.appendingPathComponent("loss.svg"), encoding: .utf8)
      return svg.replacing(">\(folder.lastPathComponent)<", with: ">run<")
    }
  }

  var checkpointSteps: [Int] {
    get throws {
      try names.filter { $0.hasSuffix(".training-state.safetensors") }
        .compactMap { Int($0.dropFirst("checkpoints/step-".count).prefix { $0.isNumber }) }.sorted()
    }
  }

  /// Lines of the log so far; a half line does not count.
  var metricsLineCount: Int {
    (try? Data(contentsOf: folder.appendingPathComponent("metrics.jsonl")))?.count { $0 == UInt8(ascii: "\n") } ?? 0
  }

  /// The lines of the log without their seconds.
  var metrics: [NSDictionary] {
    get throws {
      try String(contentsOf: folder.appendingPathComponent("metrics.jsonl"), encoding: .utf8)
        .split(separator: "\n").map { line in
          var object = try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
          try #require(object.removeValue(forKey: "seconds") != nil)
          return object as NSDictionary
        }
    }
  }

  /// Metadata and numbers of a file, without the seconds.
  func content(of name: String) throws -> (metadata: [String: String], tensors: NSDictionary, numbers: Data) {
    let bytes = try Data(contentsOf: folder.appendingPathComponent(name))
    let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    var header = try #require(
      try JSONSerialization.jsonObject(with: bytes.dropFirst(8).prefix(length)) as? [String: Any])
    var metadata = try #require(header.removeValue(forKey: "__metadata__") as? [String: String])
    metadata["retnet.seconds"] = nil
    return (metadata, header as NSDictionary, bytes.dropFirst(8 + length))
  }

  /// Expects the files of another folder: the same names, tensors, metadata, lines and picture.
  func expectEqual(_ other: RunFiles, sourceLocation: SourceLocation = #_sourceLocation) throws {
    #expect(try names == other.names, sourceLocation: sourceLocation)
    #expect(try metrics == other.metrics, sourceLocation: sourceLocation)
    #expect(try picture == other.picture, sourceLocation: sourceLocation)
    for name in try names where name.hasSuffix(".safetensors") {
      let (found, expected) = (try content(of: name), try other.content(of: name))
      #expect(found.metadata == expected.metadata, "\(name)", sourceLocation: sourceLocation)
      #expect(found.tensors == expected.tensors, "\(name)", sourceLocation: sourceLocation)
      #expect(found.numbers == expected.numbers, "\(name)", sourceLocation: sourceLocation)
    }
  }
}
