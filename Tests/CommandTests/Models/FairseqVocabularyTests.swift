import Foundation
import Testing

/// `convert` of a fairseq checkpoint with a tokenizer: ids become those of the tokenizer.
@Suite struct FairseqVocabularyTests {
  private static let golden = projectFolder.appendingPathComponent("Tests/Golden/torchscale-a-fairseq")

  /// A folder with the checkpoint of 48 rows and a tokenizer of so many pieces, as `spm`.
  private func withCheckpoint(pieces: Int, _ body: (URL) throws -> Void) throws {
    try withTemporaryFolder { folder in
      let weights = folder.appendingPathComponent("weights")
      try FileManager.default.createDirectory(at: weights, withIntermediateDirectories: true)
      for name in ["checkpoint.pt", "config.json", "expected.safetensors"] {
        try FileManager.default.copyItem(
          at: Self.golden.appendingPathComponent(name), to: weights.appendingPathComponent(name))
      }
      // Each character is a piece, and so are the space, the line feed, and the three special pieces.
      let characters = (0..<pieces - 5).map { String(UnicodeScalar(UInt8(ascii: "0") + UInt8($0))) }
      let text = String(repeating: characters.joined(separator: " ") + "\n", count: 50)
      try Data(text.utf8).write(to: folder.appendingPathComponent("text"))
      let run = try runBinary(
        [
          "tokenize", "train", "--input", "text", "-o", "spm", "--model-type", "char", "--no-byte-fallback",
          "--vocab-size", "\(pieces)",
        ], in: folder)
      #expect(run.status == 0, "\(run.talk)")
      // The tokenizers of fairseq's models have no piece of a line feed, which dict.txt could not hold.
      let file = folder.appendingPathComponent("spm")
      var model = try Data(contentsOf: file)
      let piece = try #require(model.range(of: Data([0x0A, 1, 0x0A, 0x15])))
      model[piece.lowerBound + 2] = UInt8(ascii: "~")
      try model.write(to: file)
      try body(folder)
    }
  }

  private func convert(_ words: String, in folder: URL, status: Int32 = 0) throws -> String {
    let run = try runBinary(["convert"] + words.split(separator: " ").map(String.init), in: folder)
    #expect(run.status == status, "\(run.talk)")
    return run.talk + run.text
  }

  private func info(_ name: String, in folder: URL) throws -> [String: Any] {
    let run = try runBinary(["info", name, "--json"], in: folder)
    #expect(run.status == 0, "\(run.talk)")
    return try jsonObject(run.text)
  }

  @Test func withoutADictionaryTheUsualOneIsAssumed() throws {
    try withCheckpoint(pieces: 42) { folder in
      let talk = try convert("weights -o m --tokenizer spm --expected weights/expected.safetensors", in: folder)
      #expect(talk.contains("note: no dict.txt: the rows are taken as <s>, <pad>, </s>, <unk> and the tokenizer's"))
      #expect(
        talk.contains(
          "note: 6 rows without a piece are kept behind the others, from id 42 on: <pad>, madeupword0000, madeupword0001,"
        ), "\(talk)")
      // The logits of fairseq's program, under the new ids.
      #expect(talk.contains("logits against weights/expected.safetensors"), "\(talk)")
      let found = try info("m", in: folder)
      #expect(found["bos_id"] as? Int == 2 && found["eos_id"] as? Int == 2)
      #expect(found["vocabulary_size"] as? Int == 48 && found["tokenizer_digest"] is String)
    }
  }

  @Test func aDictionaryBesideTheWeightsIsUsed() throws {
    try withCheckpoint(pieces: 42) { folder in
      _ = try convert("weights -o usual --tokenizer spm", in: folder)
      // The folder for torchscale keeps the order of the rows, and has the dictionary that says so.
      let kept = try convert("weights --to torchscale -o out --tokenizer spm --verify", in: folder)
      #expect(kept.contains("note: ids are those of fairseq's dictionary, dict.txt"), "\(kept)")
      let dictionary = try Data(contentsOf: folder.appendingPathComponent("out/dict.txt"))
      #expect(dictionary.split(separator: 10).count == 44)
      let back = try convert("out -o back --score-norm sum-of-abs", in: folder)
      #expect(back.contains("rows of embedding and head are put from the order of out/dict.txt into"), "\(back)")
      _ = try convert("weights -o own --tokenizer spm --score-norm sum-of-abs", in: folder)
      let digests = try ["usual", "back", "own"].map { try #require(try info($0, in: folder)["digest"] as? String) }
      #expect(digests[1] == digests[2])

      // Another order of the same symbols gives another model, unless the rows move with it.
      let lines = String(decoding: dictionary, as: UTF8.self).split(separator: "\n")
      let reversed = lines.reversed().joined(separator: "\n") + "\n"
      try Data(reversed.utf8).write(to: folder.appendingPathComponent("other.txt"))
      _ = try convert("weights -o other --tokenizer spm --dictionary other.txt", in: folder)
      #expect(try info("other", in: folder)["digest"] as? String != digests[0])
      try Data(reversed.utf8).write(to: folder.appendingPathComponent("weights/dict.txt"))
      try FileManager.default.copyItem(
        at: folder.appendingPathComponent("spm"),
        to: folder.appendingPathComponent("weights/sentencepiece.bpe.model"))
      let beside = try convert("weights -o beside", in: folder)
      #expect(beside.contains("weights/sentencepiece.bpe.model: used as the tokenizer"), "\(beside)")
      #expect(try info("beside", in: folder)["digest"] as? String == info("other", in: folder)["digest"] as? String)
    }
  }

  @Test func whatDoesNotFitIsToldOrRefused() throws {
    try withCheckpoint(pieces: 30) { folder in
      let refused = try convert("weights -o m --tokenizer spm", in: folder, status: 65)
      #expect(refused.contains("40 to 47 pieces, as fairseq's usual dictionary has them for 48 rows, found 30 pieces"))
      #expect(refused.contains("--dictionary dict.txt"))
      let none = try convert("weights -o m --dictionary text", in: folder, status: 64)
      #expect(none.contains("--dictionary: expected a tokenizer to order the rows by"), "\(none)")
      try FileManager.default.copyItem(
        at: folder.appendingPathComponent("spm"), to: folder.appendingPathComponent("weights/tokenizer.model"))
      let warned = try convert("weights -o m", in: folder)
      #expect(warned.contains("warning: ") && warned.contains("no tokenizer is put into the model"), "\(warned)")
      let broken = try convert("weights -o m --dictionary text", in: folder, status: 65)
      #expect(broken.contains("text: line 1: expected a symbol, a space and a count"), "\(broken)")
      try FileManager.default.removeItem(at: folder.appendingPathComponent("weights/tokenizer.model"))
      let bare = try convert("weights -o m", in: folder)
      #expect(bare.contains("note: the ids are those of fairseq's dictionary"), "\(bare)")
      let other = Self.golden.deletingLastPathComponent().appendingPathComponent("fla-fused-gate").path
      let foreign = try convert("\(other) -o m --dictionary text", in: folder, status: 65)
      #expect(foreign.contains("--dictionary: expected weights of torchscale, found those of fla"), "\(foreign)")
    }
  }
}
