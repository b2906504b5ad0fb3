import Checkpoints
import Files
import Foundation
import Modeling
import TestSupport
import Testing

@Suite struct HostileModelFileTests {
  @Test("M16: mutated model files load or are refused")
  func mutatedFiles() throws {
    let folder = try TemporaryFolder()
    var sound = try ModelFileParts()
    // Which would find nearly all of them.
    sound.metadata[ModelHeader.digestKey] = nil
    let bytes = sound.bytes
    fuzz("model file", inputs: 1_000) { damage, input in
      // Half of the files are well-formed containers with a wrong content, the others are damaged anywhere.
      let mutated = damage.once(in: 2) ? mutate(sound, &damage).bytes : damage.damaged(bytes)
      let path = try folder.replace("model.safetensors", mutated)
      do {
        let header = try ModelHeader(path: path)
        let parameters = try header.loadParameters()
        if header.hasTokenizer { _ = try header.tokenizerModel() }
        _ = try header.computeDigest()
        #expect(parameters.count > 0, "\(input)")
        return true
      } catch is CheckpointError {
        return false
      } catch is ModelFileError {
        return false
      } catch is FileError {
        return false
      }
    }
  }

  private func mutate(_ sound: ModelFileParts, _ damage: inout Damage) -> ModelFileParts {
    var parts = sound
    let names = parts.tensors.keys.sorted()
    let name = damage.pick(names)
    guard let tensor = parts.tensors[name] else { return parts }
    switch damage.number(below: 6) {
    case 0, 1:
      let key = damage.pick([ModelHeader.configurationKey, ModelHeader.provenanceKey])
      parts.metadata[key] = parts.metadata[key].map { damage.damagedText($0) }
    case 2:
      let key = damage.pick(parts.metadata.keys.sorted())
      parts.metadata[key] = String(decoding: damage.damaged(Array((parts.metadata[key] ?? "").utf8)), as: UTF8.self)
    case 3:
      let (type, width) = damage.pick([("F32", 4), ("BF16", 2), ("F16", 2), ("U8", 1), ("F64", 8)])
      let count = tensor.shape.reduce(1, *)
      parts.tensors[name] = .init(
        dataType: type, shape: tensor.shape, bytes: Array(repeating: 0x7F, count: count * width))
    case 4:
      parts.tensors[name]?.shape = damage.pick([
        tensor.shape.reversed(), tensor.shape + [1], [tensor.shape.reduce(1, *)], [0], [], [1 << 40, 1 << 22],
      ])
    default: parts.tensors[name] = parts.tensors[damage.pick(names)]
    }
    return parts
  }
}
