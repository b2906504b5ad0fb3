import Foundation
import TestSupport
import Testing

extension CommandRuns {
  /// One bit that is not what was written is noticed by whoever reads all of a file.
  @Suite struct DamageTests {
    private let workspace: Workspace

    init() throws {
      workspace = try Workspace()
      _ = try workspace.result("generate -m model.safetensors -p light -n 20 -q --undo-window 8 --state-out sound")
    }

    private func flip(_ name: String, to newName: String, after start: Int, _ random: inout SeededGenerator) throws {
      try workspace.change(name, to: newName) { bytes in
        let place = Int.random(in: start..<bytes.count, using: &random)
        bytes[place] ^= 1 << UInt8.random(in: 0..<8, using: &random)
      }
    }

    /// Where the numbers of a file begin.
    private func dataStart(_ name: String) throws -> Int {
      8 + (try workspace.bytes(name).prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) })
    }

    @Test func ofAState() throws {
      var random = SeededGenerator(seed: 5)
      for index in 0..<30 {
        try flip("sound", to: "flipped", after: 0, &random)
        for line in [
          "generate -m model.safetensors -n 1 --state-in flipped", "info flipped --check", "state fork flipped -o copy",
        ].prefix(index < 3 ? 3 : 1) {
          let run = try workspace.run(line + " -q")
          #expect(run.status == 65 && run.output.isEmpty, "\(line): \(run.talk)")
        }
      }
    }

    @Test func ofATokenFile() throws {
      let sound = try workspace.bytes("train.tokens")
      // In the middle of the ids.
      try workspace.change("train.tokens", to: "flipped") { $0[sound.count / 3] ^= 1 }
      for line in ["eval -m model.safetensors flipped", "verify model.safetensors --length 20 --file flipped"] {
        let run = try workspace.run(line + " -q")
        #expect(run.status == 65 && run.output.isEmpty && run.talk.contains("digest of the ids"), "\(run.talk)")
      }
    }

    @Test func ofAModel() throws {
      var random = SeededGenerator(seed: 6)
      let start = try dataStart("model.safetensors")
      for index in 0..<30 {
        try flip("model.safetensors", to: "flipped", after: start, &random)
        for line in [
          "convert flipped -o copy", "train --config config.yaml --init-from flipped -o tuned",
          "verify flipped --length 2", "eval -m flipped text.txt", "info flipped --check",
        ].prefix(index < 3 ? 5 : 1) {
          let run = try workspace.run(line + " -q")
          #expect(run.status == 65 && run.output.isEmpty, "\(line): \(run.talk)")
          #expect(run.talk.contains("digest: expected") || run.talk.contains("tokenizer"), "\(line): \(run.talk)")
        }
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("copy").path))
      }
    }

    @Test func infoTellsOfTheDigest() throws {
      #expect(try workspace.result("info sound --check").contains("the digest is right"))
      // Version 1 knew no digest of a state.
      try workspace.change("sound", to: "old") { bytes in
        guard let range = bytes.firstRange(of: Data(#""retnet.state_version":"2""#.utf8)) else { return }
        bytes[range.upperBound - 2] = UInt8(ascii: "1")
      }
      #expect(try workspace.result("info old").contains("a state of version 1 has no digest"))
      #expect(try workspace.result("info old --check").contains("no digest is stored"))
      let line = "generate -m model.safetensors -n 8 -q --state-in"
      #expect(try workspace.result("\(line) old") == workspace.result("\(line) sound"))
    }
  }
}
