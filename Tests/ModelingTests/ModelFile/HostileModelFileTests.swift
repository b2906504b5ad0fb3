import Checkpoints
import Files
import Foundation
import Modeling
import TestSupport
import Testing

@Suite struct HostileModelFileTests {
  /// What replaces a number in the configuration, in a shape or in the header.
  private static let numbers = [
    "0", "1", "2", "3", "5", "-1", "1e3", "1.5", "1e-400", "1e400", "64", "1000", "1024", "65536", "1048576",
    "4294967296",
    "9223372036854775807", "9223372036854775808", "null", "true", "\"4\"", "[4]", "{}", "",
  ]

  @Test("M16: 20,000 mutated model files load or are refused", arguments: 1...4 as ClosedRange<UInt64>)
  func mutatedFiles(_ seed: UInt64) throws {
    let folder = try TemporaryFolder()
    var sound = try ModelFileParts()
    // Which would find nearly all of them.
    sound.metadata[ModelHeader.digestKey] = nil
    let bytes = sound.bytes
    var random = SeededGenerator(seed: seed)
    var accepted = 0
    for index in 0..<5_000 {
      // Half of the files are well-formed containers with a wrong content, the others are damaged anywhere.
      let mutated = index % 2 == 0 ? mutate(sound, &random).bytes : damage(bytes, &random)
      let path = try folder.add("model.safetensors", mutated)
      // A file that is written again would be flushed to the disk.
      defer { try? FileManager.default.removeItem(atPath: path) }
      do {
        let header = try ModelHeader(path: path)
        let parameters = try header.loadParameters()
        if header.hasTokenizer { _ = try header.tokenizerModel() }
        _ = try header.computeDigest()
        #expect(parameters.count > 0)
        accepted += 1
      } catch is CheckpointError {
      } catch is ModelFileError {}
    }
    // The mutations are neither all harmless nor all fatal.
    #expect(500..<2_500 ~= accepted, "\(accepted)")
  }

  private func mutate(_ sound: ModelFileParts, _ random: inout SeededGenerator) -> ModelFileParts {
    var parts = sound
    let names = parts.tensors.keys.sorted()
    guard let name = names.randomElement(using: &random), let tensor = parts.tensors[name] else { return parts }
    switch Int.random(in: 0..<6, using: &random) {
    case 0, 1:
      let key = [ModelHeader.configurationKey, ModelHeader.provenanceKey].randomElement(using: &random) ?? ""
      parts.metadata[key] = parts.metadata[key].map { withOtherNumber($0, &random) }
    case 2:
      let key = parts.metadata.keys.sorted().randomElement(using: &random) ?? ""
      let text = damage(Array((parts.metadata[key] ?? "").utf8), &random)
      parts.metadata[key] = String(decoding: text, as: UTF8.self)
    case 3:
      let types = [("F32", 4), ("BF16", 2), ("F16", 2), ("U8", 1), ("F64", 8)]
      guard let (type, width) = types.randomElement(using: &random) else { break }
      let count = tensor.shape.reduce(1, *)
      parts.tensors[name] = .init(
        dataType: type, shape: tensor.shape, bytes: Array(repeating: 0x7F, count: count * width))
    case 4:
      let shapes = [
        tensor.shape.reversed(), tensor.shape + [1], [tensor.shape.reduce(1, *)], [0], [], [1 << 40, 1 << 22],
      ]
      parts.tensors[name]?.shape = shapes.randomElement(using: &random) ?? []
    default:
      guard let other = names.randomElement(using: &random) else { break }
      parts.tensors[name] = parts.tensors[other]
    }
    return parts
  }

  private func withOtherNumber(_ text: String, _ random: inout SeededGenerator) -> String {
    var bytes = Array(text.utf8)
    let isDigit = { (byte: UInt8) in (0x30...0x39).contains(byte) }
    let place = Int.random(in: 0..<bytes.count, using: &random)
    guard let start = bytes[place...].firstIndex(where: isDigit) else { return text + "}" }
    let end = bytes[start...].firstIndex { !isDigit($0) } ?? bytes.endIndex
    bytes.replaceSubrange(start..<end, with: (Self.numbers.randomElement(using: &random) ?? "").utf8)
    return String(decoding: bytes, as: UTF8.self)
  }

  private func damage(_ sound: [UInt8], _ random: inout SeededGenerator) -> [UInt8] {
    var bytes = sound
    for _ in 0..<Int.random(in: 1...2, using: &random) where !bytes.isEmpty {
      let place = Int.random(in: bytes.indices, using: &random)
      let end = min(bytes.count, place + Int.random(in: 1...16, using: &random))
      switch Int.random(in: 0..<6, using: &random) {
      case 0, 1: bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      case 2: bytes.removeLast(bytes.count - place)
      case 3: bytes.insert(contentsOf: bytes[place..<end], at: place)
      case 4: bytes.removeSubrange(place..<end)
      default: bytes[place] = UInt8.random(in: 0...255, using: &random)
      }
    }
    return bytes
  }
}
