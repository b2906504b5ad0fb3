import Checkpoints
import Foundation
import Modeling
import Retention
import Tensors

/// A folder with weights of another program and the numbers that it makes of them (Tests/Golden/README.md).
struct GoldenCase: CustomStringConvertible, Sendable {
  /// The path below the folder of all cases.
  let description: String
  let folder: URL
  /// The nearest folder upward that says what the weights cannot, if there is one.
  private let factsFile: URL?

  /// Every case below `Tests/Golden`, and those below the folder that RETNET_GOLDEN names whose family can be read.
  static let all: [GoldenCase] = {
    let own = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
      .appendingPathComponent("Golden")
    let other = ProcessInfo.processInfo.environment["RETNET_GOLDEN"].map { URL(fileURLWithPath: $0) }
    return cases(in: own) + (other.map { cases(in: $0).filter(\.isOfAKnownFamily) } ?? [])
  }()

  /// The cases with two curves of a training run.
  static let withTraining = all.filter { $0.has("training.safetensors") }

  /// Hidden states of a class without embedding and head, which are no such case.
  static let jamieStirling = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
    .appendingPathComponent("Golden/jamie-stirling")

  private static func cases(in root: URL) -> [GoldenCase] {
    let paths = FileManager.default.subpaths(atPath: root.path) ?? []
    return paths.filter {
      ($0 == "expected.safetensors" || $0.hasSuffix("/expected.safetensors")) && !$0.contains("jamie-stirling")
    }.sorted().map { path in
      let folder = root.appendingPathComponent(path).deletingLastPathComponent()
      var facts: URL?
      var level = folder
      while facts == nil, level.path.count >= root.path.count {
        let file = level.appendingPathComponent("expected.json")
        if FileManager.default.fileExists(atPath: file.path) { facts = file }
        level = level.deletingLastPathComponent()
      }
      return GoldenCase(
        description: path.components(separatedBy: "/").dropLast().joined(separator: "/"), folder: folder,
        factsFile: facts)
    }
  }

  func has(_ file: String) -> Bool {
    FileManager.default.fileExists(atPath: folder.appendingPathComponent(file).path)
  }

  private var isOfAKnownFamily: Bool {
    do {
      _ = try model()
      return true
    } catch ModelFileError.unsupported, ModelFileError.unknownWeights {
      print("\(self): left out, its family cannot be read")
      return false
    } catch {
      return true  // A test says what is wrong.
    }
  }

  /// The same weights: the folder, where a file has a name that is looked for in folders, and every PyTorch file in it.
  var weightPaths: [String] {
    let files = (try? FileManager.default.contentsOfDirectory(atPath: folder.path)) ?? []
    let others = files.filter { $0.hasSuffix(".pt") || $0.hasSuffix(".bin") || $0.hasSuffix(".pth") }.sorted()
    let isComplete = others.isEmpty || files.contains { $0.hasPrefix("model") || $0.hasPrefix("pytorch_model") }
    return (isComplete ? [folder.path] : []) + others.map { folder.appendingPathComponent($0).path }
  }

  /// What scores are divided by, as `expected.json` says; nil: as the family does.
  func scoreNorm() throws -> ScoreNorm? {
    guard let factsFile,
      let facts = try JSONSerialization.jsonObject(with: Data(contentsOf: factsFile)) as? [String: Any],
      let text = facts["row_normaliser"] as? String
    else { return nil }
    if text == "max(1, |sum of scores|)" { return .absOfSum }
    guard ["sum of abs", "sum(|", "5e4"].contains(where: { text.contains($0) }) else {
      throw GoldenError.unknownNormaliser(text)
    }
    return .sumOfAbs
  }

  func model() throws -> ForeignModel { try model(at: weightPaths[0]) }

  func model(at path: String) throws -> ForeignModel {
    try ForeignModel(WeightsFile(path: path), scoreNorm: scoreNorm())
  }

  func numbers(_ file: String) throws -> GoldenNumbers {
    GoldenNumbers(file: try SafetensorsFile(path: folder.appendingPathComponent(file).path))
  }
}

enum GoldenError: Error {
  case unknownNormaliser(String)
  case missing(String)
}

/// Tensors of expected numbers.
struct GoldenNumbers {
  let file: SafetensorsFile

  var names: [String] { file.tensors.map(\.name) }

  func has(_ name: String) -> Bool { file.description(of: name) != nil }

  func shape(_ name: String) throws -> [Int] {
    guard let tensor = file.description(of: name) else { throw GoldenError.missing(name) }
    return tensor.shape
  }

  /// The numbers of a tensor in Float32, Float64 or whole numbers.
  func values(_ name: String) throws -> [Double] {
    guard let tensor = file.description(of: name) else { throw GoldenError.missing(name) }
    return try file.withBytes(of: name) { bytes in
      let width = tensor.dataType.bitCount / 8
      return (0..<bytes.byteCount / width).map { index in
        let bits = (0..<width).reversed().reduce(UInt64(0)) {
          $0 << 8 | UInt64(unsafe bytes.unsafeLoad(fromByteOffset: index * width + $1, as: UInt8.self))
        }
        switch tensor.dataType {
        case .f32: return Double(Float(bitPattern: UInt32(bits)))
        case .f64: return Double(bitPattern: bits)
        default: return Double(Int64(bitPattern: bits))
        }
      }
    }
  }

  func ids(_ name: String) throws -> [Int32] { try values(name).map { Int32($0) } }
}
