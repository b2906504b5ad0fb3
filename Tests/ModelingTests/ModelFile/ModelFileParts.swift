import Checkpoints
import Files
import Foundation
import Modeling
import Tensors
import TestSupport

/// A model file taken apart, so that each part can be made wrong before it is put together again.
struct ModelFileParts {
  struct Part {
    var dataType: String
    var shape: [Int]
    var bytes: [UInt8]
  }

  var metadata: [String: String]
  var tensors: [String: Part]

  /// The parts of a model that the program has written: 2 layers, 2 heads, a tokenizer of four bytes.
  init() throws {
    let folder = try TemporaryFolder()
    let path = folder.path + "/model.safetensors"
    try smallNetwork().write(to: path, provenance: smallProvenance, tokenizer: smallTokenizer)
    try self.init(path: path)
  }

  init(path: String) throws {
    let file = try SafetensorsFile(path: path)
    metadata = file.metadata
    tensors = [:]
    for tensor in file.tensors {
      let bytes = try file.withBytes(of: tensor.name) { [UInt8](copying: $0) }
      tensors[tensor.name] = Part(dataType: tensor.dataType.rawValue, shape: tensor.shape, bytes: bytes)
    }
  }

  /// Replaces a text in the configuration.
  mutating func replace(_ old: String, _ new: String) {
    guard let text = metadata[ModelHeader.configurationKey], text.contains(old) else {
      preconditionFailure("no '\(old)' in the configuration")
    }
    metadata[ModelHeader.configurationKey] = text.replacing(old, with: new)
  }

  /// The file, by nothing of the program.
  var bytes: [UInt8] {
    var (members, data) = ([jsonString("__metadata__") + ":" + jsonObject(metadata)], [UInt8]())
    for (name, part) in tensors.sorted(by: { $0.key < $1.key }) {
      let end = data.count + part.bytes.count
      let offsets = "\"data_offsets\":[\(data.count),\(end)]"
      members.append("\(jsonString(name)):{\"dtype\":\"\(part.dataType)\",\"shape\":\(part.shape),\(offsets)}")
      data += part.bytes
    }
    let header = Array("{\(members.joined(separator: ","))}".utf8)
    return (0..<8).map { UInt8(truncatingIfNeeded: header.count >> (8 * $0)) } + header + data
  }

  private func jsonObject(_ texts: [String: String]) -> String {
    let members = texts.sorted { $0.key < $1.key }.map { jsonString($0.key) + ":" + jsonString($0.value) }
    return "{\(members.joined(separator: ","))}"
  }

  private func jsonString(_ text: String) -> String {
    var result = "\""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\"", "\\": result += "\\" + String(scalar)
      case "\u{0}"..<"\u{20}": result += "\\u00" + (scalar.value < 16 ? "0" : "") + String(scalar.value, radix: 16)
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result + "\""
  }
}

let smallTokenizer: [UInt8] = [1, 2, 3, 0]

let smallProvenance = Provenance(
  seed: .max, steps: 12, tokensSeen: 345, dataDigest: "ab", toolVersion: "retnet 0", parent: "cd")

func smallConfiguration() -> ModelConfiguration {
  var configuration = ModelConfiguration()
  configuration.width = 4
  configuration.layers = 2
  configuration.heads = 2
  configuration.keyWidth = 4
  configuration.valueWidth = 6
  configuration.feedForwardWidth = 5
  configuration.vocabularySize = 7
  configuration.bosID = 1
  return configuration.resolved
}

func smallNetwork(_ configuration: ModelConfiguration = smallConfiguration()) -> LanguageModel {
  let parameters = Parameters(configuration)
  var source = RandomSource(seed: 5)
  parameters.initialize(from: &source)
  return LanguageModel(configuration, parameters)
}
