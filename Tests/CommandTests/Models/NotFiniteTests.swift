import Foundation
import Testing

extension CommandRuns {
  /// Numbers that are not finite, and choices that leave nothing, are told of and end with a status.
  @Suite struct NotFiniteTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// Puts a NaN into a tensor of the model, which then has no digest.
    private func spoil(_ tensor: String, at index: Int) throws {
      try workspace.change("model.safetensors", to: "spoilt") { bytes in
        let length = bytes.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
        let header = try? JSONSerialization.jsonObject(with: bytes.dropFirst(8).prefix(length)) as? [String: Any]
        let offsets = (header?[tensor] as? [String: Any])?["data_offsets"] as? [Int] ?? [0]
        let place = 8 + length + offsets[0] + 4 * index
        bytes.replaceSubrange(place..<place + 4, with: [0, 0, 0xC0, 0x7F])
      }
      try workspace.dropDigest("spoilt")
    }

    @Test func aWeightThatIsNoneIsNotSigned() throws {
      // A row of a token that the text does not have, too.
      for (tensor, index, place) in [("layers.0.ffn.down.weight", 5, "[0, 5]"), ("embed.weight", 0, "[0, 0]")] {
        try spoil(tensor, at: index)
        for line in ["convert spoilt -o new", "convert spoilt -o new --dtype bf16", "verify spoilt --length 20"] {
          let run = try workspace.run(line + " -q")
          #expect(run.status == 65 && run.output.isEmpty, "\(line): \(run.talk)")
          let message = "error: spoilt: tensor '\(tensor)': expected finite numbers, found nan at \(place)\n"
          #expect(run.talk.hasPrefix(message), "\(line): \(run.talk)")
        }
        #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("new").path))
      }
    }

    @Test(arguments: [
      "generate -m spoilt -p light -n 3", "generate -m spoilt -p light -n 3 --temp 0 --json",
      "generate -m spoilt -p light -n 3 --num-samples 2", "generate -m spoilt -p light -n 3 --beams 2",
      "generate -m spoilt --prompts list", "generate -m spoilt --follow", "eval -m spoilt text.txt",
      "eval -m spoilt text.txt --form recurrent", "generate -m spoilt -p light -n 3 --state-out left",
    ])
    func aWeightThatIsNone(_ line: String) throws {
      try workspace.write(#"{"prompt":"light"}"#, "list")
      for (tensor, index, place) in [
        ("layers.1.ret.q.weight", 33, "[1, 1]"), ("final_norm.weight", 2, "[2]"),
        ("lm_head.weight", 200 * 32, "[200, 0]"),
      ] {
        try spoil(tensor, at: index)
        let run = try workspace.run(line + " -q", input: "And the light\n")
        #expect(run.status == 65 && run.output.isEmpty, "\(line): \(run.text) \(run.talk)")
        #expect(
          run.talk.hasPrefix("error: spoilt: tensor '\(tensor)': expected finite numbers, found nan at \(place)"),
          "\(run.talk)")
      }
      #expect(!FileManager.default.fileExists(atPath: workspace.folder.appendingPathComponent("left").path))
    }

    @Test func allTokensForbidden() throws {
      let count = 320
      let biases = (0..<count).map { "--logit-bias=\($0)-inf" }.joined(separator: " ")
      for flags in ["", "--temp 0", "--beams 2", "--num-samples 2"] {
        try workspace.expectFailure(
          "generate -m model.safetensors -p light -n 3 \(flags) \(biases)", status: 64,
          "expected at least one allowed token, found all forbidden")
      }
      // All but one: that one comes.
      let last = biases.split(separator: " ").dropLast().joined(separator: " ")
      for flags in ["", "--temp 0", "--beams 2"] {
        let text = try workspace.result(
          "generate -m model.safetensors -p light -n 2 --ignore-eos -q --json \(flags) \(last)")
        #expect(text.replacing(" ", with: "").replacing("\n", with: "").contains("\"ids\":[319,319]"), "\(text)")
      }
      for bias in ["3+inf", "3+1e400", "3+nan"] {
        try workspace.expectFailure(
          "generate -m model.safetensors -p light -n 3 --logit-bias=\(bias)", status: 64, "'\(bias)'")
      }
    }
  }
}
