import Checkpoints
import Files
import Foundation
import Inference
import Modeling
import Tensors
import TestSupport
import Testing

/// The sentences of docs/CHECKPOINT.md §5 on what is refused, by number.
@Suite struct HostileStateTests {
  private let states: StateCase
  private let tensors: [TensorDescription]
  private let metadata: [String: String]
  private let data: [String: [UInt8]]

  init() throws {
    states = try StateCase()
    var generator = states.generator(window: 6, keepsIDs: true)
    generator.read(StateCase.model.tokens(29))
    let file = try SafetensorsFile(path: states.write(generator, recent: [-1, 4, 5]))
    tensors = file.tensors
    // As version 1 had it: what is made wrong is to be found by its own rule, not by the digest.
    metadata = file.metadata.merging([StateFile.versionKey: "1"]) { $1 }.filter { $0.key != StateFile.digestKey }
    data = try Dictionary(
      uniqueKeysWithValues: tensors.map { tensor in
        (tensor.name, try file.withBytes(of: tensor.name) { [UInt8](copying: $0) })
      })
  }

  /// Writes the file with something changed, and tells what loading it says.
  private func objection(
    _ change: (inout [TensorDescription], inout [String: String], inout [String: [UInt8]]) -> Void
  ) throws -> String {
    var (tensors, metadata, data) = (tensors, metadata, data)
    change(&tensors, &metadata, &data)
    let path = states.folder.path + "/changed"
    try SafetensorsWriter.write(to: path, tensors: tensors, metadata: metadata) { tensor, body in
      try (data[tensor.name] ?? []).withRawSpan(body)
    }
    do {
      _ = try StateFile(path: path).load()
      return "none"
    } catch let error as StateFileError {
      return error.description.replacing(path + ": ", with: "")
    } catch let error as CheckpointError {
      return error.description.replacing(path + ": ", with: "")
    } catch let error as FileError {
      return error.description.replacing(path + ": ", with: "")
    }
  }

  private func little(_ values: [Int], bytes: Int) -> [UInt8] { values.flatMap { TestSupport.little($0, bytes) } }

  @Test("S20: a state of version 1 has no digest, and is read")
  func theFileItselfIsSound() throws { #expect(try objection { _, _, _ in } == "none") }

  @Test("S1, S2, S4: metadata")
  func metadataIsChecked() throws {
    for (key, value, message) in [
      (StateFile.versionKey, nil, "expected a state, found weights of another program"),
      (StateFile.versionKey, "3", "expected state version 2 or older, found 3"),
      (StateFile.versionKey, "2", "'retnet.digest': expected 64 hexadecimal digits, found none"),
      (StateFile.versionKey, "0", "expected a version number"), (StateFile.versionKey, "+1", "a version number"),
      (StateFile.modelKey, nil, "'retnet.model_digest': expected 64 hexadecimal digits, found none"),
      (StateFile.modelKey, "ab", "'retnet.model_digest': expected 64 hexadecimal digits, found 2 bytes"),
      (StateFile.tokenizerKey, "xyz", "'retnet.tokenizer_digest': expected 64 hexadecimal digits"),
      (StateFile.undoKey, "0", "expected a number of tokens from 1 to 1048576"),
      (StateFile.undoKey, "9999999", "expected a number of tokens from 1 to 1048576"),
      (StateFile.undoKey, "7", "tensor 'undo.ids': expected I32 [30], found I32 [28]"),
      (StateFile.undoKey, nil, "expected none of this name"),
    ] as [(String, String?, String)] {
      let found = try objection { _, metadata, _ in metadata[key] = value }
      #expect(found.contains(message), "\(key) \(value ?? "nil"): \(found)")
    }
  }

  @Test("S3, S5: states of others are refused")
  func otherModels() throws {
    var generator = states.generator()
    generator.read([1])
    let file = try StateFile(path: states.write(generator))
    let configuration = StateCase.model.network.configuration
    let other = SHA256Digest(of: [9])
    try file.check(configuration, model: (StateCase.modelDigest, "m"), tokenizer: StateCase.tokenizerDigest)
    #expect(
      throws: StateFileError.otherOwner(
        path: file.path, kind: "model", name: "m", expected: other, found: StateCase.modelDigest)
    ) { try file.check(configuration, model: (other, "m"), tokenizer: StateCase.tokenizerDigest) }
    #expect(
      throws: StateFileError.otherOwner(
        path: file.path, kind: "tokenizer", name: "m", expected: other, found: StateCase.tokenizerDigest)
    ) { try file.check(configuration, model: (StateCase.modelDigest, "m"), tokenizer: other) }
    var wider = configuration
    wider.keyWidth *= 2
    #expect(throws: StateFileError.shapes(path: file.path, other: "m")) {
      try file.check(wider, model: (StateCase.modelDigest, "m"), tokenizer: StateCase.tokenizerDigest)
    }
  }

  @Test("S5: every tensor is needed, with its type and shape, and no other")
  func tensorsAreChecked() throws {
    for tensor in tensors where !["recent", "ids"].contains(tensor.name) {
      #expect(try objection { all, _, _ in all.removeAll { $0.name == tensor.name } } != "none", "\(tensor.name)")
    }
    for tensor in tensors {
      let found = try objection { all, _, data in
        all.removeAll { $0.name == tensor.name }
        all.append(TensorDescription(name: tensor.name, dataType: tensor.dataType, shape: tensor.shape + [2]))
        data[tensor.name, default: []] += data[tensor.name] ?? []
      }
      #expect(found.contains("tensor '"), "\(tensor.name): \(found)")
    }
    let stranger = TensorDescription(name: "weights", dataType: .u8, shape: [1])
    #expect(
      try objection {
        $0.append(stranger)
        $2["weights"] = [1]
      } == "tensor 'weights': expected none of this name")
  }

  @Test("S7 to S12: numbers that no state has")
  func contentsAreChecked() throws {
    let fill = [UInt8](repeating: 255, count: 4)
    for (name, bytes, message) in [
      ("position", little([0], bytes: 8), "tensor 'digest': expected 32 zero bytes, as nothing was read, found others"),
      ("position", little([-1], bytes: 8), "found -1"), ("position", little([1 << 60], bytes: 8), "expected 0 to"),
      ("position", little([30], bytes: 8), "tensor 'rest': expected 6 ids or none, found 5"),
      ("boundary.position", little([16], bytes: 8), "tensor 'boundary.position': expected 24, found 16"),
      ("layers.1.scales", little([0, 0], bytes: 8), "expected numbers from 0.5 to 1"),
      ("undo.newer.layers.0.scales", [UInt8](repeating: 255, count: 16), "expected numbers from 0.5 to 1"),
      ("rest", little([1, 2, 3, 4, 61, -1, -1, -1], bytes: 4), "tensor 'rest': expected ids from 0 to 60, found 61"),
      ("rest", little([1, 2, -2, -1, -1, -1, -1, -1], bytes: 4), "expected ids, then -1"),
      ("rest", little([1, 2, 3, 4, 5, -1, -1, -1], bytes: 4), "tensor 'rest': expected ids of the stored digest"),
      ("recent", little([4, -1, 5], bytes: 4), "tensor 'recent': expected ids from 0 to 60, found -1"),
      ("ids", [UInt8](repeating: 0, count: 4 * 29), "tensor 'ids': expected ids of the stored digest"),
      ("undo.ids", (0..<28).flatMap { _ in fill }, "tensor 'undo.older.position': expected 29, found"),
      ("undo.older.position", little([0], bytes: 8), "tensor 'undo.older.position': expected"),
      ("undo.newer.position", little([1], bytes: 8), "tensor 'undo.newer.position': expected -1 or more than"),
      ("undo.newer.digest", [UInt8](repeating: 3, count: 32), "tensor 'undo.ids': expected ids of the stored digest"),
      ("undo.made", [UInt8](repeating: 2, count: 28), "tensor 'undo.made': expected zeros and ones"),
    ] as [(String, [UInt8], String)] {
      #expect(data[name]?.count == bytes.count, "\(name)")
      let found = try objection { _, _, data in data[name] = bytes }
      #expect(found.contains(message), "\(name): \(found)")
    }
    // What is remembered may be anything.
    #expect(try objection { _, _, data in data["logits"] = [UInt8](repeating: 255, count: 244) } == "none")
    let stored = try #require(data["layers.0.stored"])
    #expect(
      try objection { _, _, data in data["layers.0.stored"] = stored.map { _ in 255 } } == "none")
  }

  @Test("S20: each bit counts", arguments: [1, 2, 3] as [UInt64])
  func everyBitIsInTheDigest(_ seed: UInt64) throws {
    var random = SeededGenerator(seed: seed)
    var generator = states.generator(window: 3, keepsIDs: true)
    generator.read(StateCase.model.tokens(13))
    let path = states.folder.path + "/flipped"
    let sound = [UInt8](try Data(contentsOf: URL(fileURLWithPath: states.write(generator, recent: [1, 2]))))
    for index in 0..<300 {
      var bytes = sound
      // The header, which is short, is hit as often as the numbers.
      let place = Int.random(in: 0..<(index % 2 == 0 ? 3_000 : bytes.count), using: &random)
      bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      try Data(bytes).write(to: URL(fileURLWithPath: path))
      var isRefused = false
      do { _ = try StateFile(path: path).load() } catch {
        isRefused = error is StateFileError || error is CheckpointError || error is FileError
      }
      #expect(isRefused, "byte \(place)")
    }
  }

  @Test("S13: mutated files load and go on, or are refused")
  func mutatedFiles() throws {
    var generator = states.generator(window: 3)
    generator.read(StateCase.model.tokens(13))
    var sound = [UInt8](try Data(contentsOf: URL(fileURLWithPath: states.write(generator))))
    // The digest of version 2 would find them all.
    let version = try #require(sound.firstRange(of: Array(#""retnet.state_version":"2""#.utf8)))
    sound[version.upperBound - 2] = UInt8(ascii: "1")
    fuzz("state", inputs: 800) { damage, _ in
      // Most of the file is numbers that may be anything: the header and the small tensors are hit as often.
      let path = try states.folder.replace(
        "mutated", damage.damaged(sound, in: damage.once(in: 2) ? 0..<3_000 : nil))
      do {
        let file = try StateFile(path: path)
        try file.check(
          StateCase.model.network.configuration, model: (file.modelDigest, "m"), tokenizer: file.tokenizerDigest)
        var loaded = Generator(StateCase.model.network, try file.load().progress, on: states.pool)
        loaded.append(3)
        if let limit = loaded.progress.history?.limit { loaded.undo(min(2, limit)) }
        return true
      } catch is CheckpointError {
        return false
      } catch is FileError {
        return false
      } catch is StateFileError {
        return false
      }
    }
  }
}
