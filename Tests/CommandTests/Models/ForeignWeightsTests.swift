import Foundation
import Testing

/// `info` and `convert` on weights of other programs.
@Suite struct ForeignWeightsTests {
  private func golden(_ name: String) -> String { projectFolder.appendingPathComponent("Tests/Golden/\(name)").path }

  private func members(_ arguments: [String]) throws -> [String: Any] {
    let run = try runBinary(arguments + ["--json"])
    #expect(run.status == 0, "\(run.talk)")
    return try jsonObject(run.text)
  }

  @Test(arguments: [
    ("fla-separate", "fla", "none"), ("fla-separate/model.safetensors.index.json", "fla", "none"),
    ("torchscale-b-untied/model.pt", "torchscale", "abs_of_sum"),
    ("yet-another-retnet", "yet-another-retnet", "none"), ("syncdoth-first", "syncdoth-first", "none"),
    ("jamie-stirling", "jamie-stirling", "none"),
  ])
  func infoTellsFamilyAndModel(_ name: String, _ family: String, _ scoreNorm: String) throws {
    let report = try members(["info", golden(name)])
    #expect(report["kind"] as? String == "foreign weights")
    #expect(report["family"] as? String == family)
    #expect(report["score_norm"] as? String == scoreNorm)
  }

  @Test func embeddingAndHeadAreAskedFor() throws {
    try withTemporaryFolder { folder in
      let run = try runBinary([
        "convert", golden("jamie-stirling"), "-o", folder.appendingPathComponent("m.safetensors").path,
      ])
      #expect(run.status == 65 && run.talk.contains("found no embedding and no head"), "\(run.talk)")
      #expect(run.talk.contains("--embedding-name and --head-name"))
    }
  }

  @Test func aModelWithXPosRunsInAllForms() throws {
    try withTemporaryFolder { folder in
      let output = folder.appendingPathComponent("m.safetensors").path
      let expected = golden("syncdoth-first/expected.safetensors")
      let run = try runBinary(["convert", golden("syncdoth-first"), "-o", output, "--verify", "--expected", expected])
      #expect(run.status == 0, "\(run.talk)")
      let ids = ["generate", "-m", output, "--prompt-ids", "1,5,9", "-n", "40", "--temp", "0", "--json"]
      let whole = try jsonObject(runBinary(ids).text)
      let chunks = try jsonObject(runBinary(ids + ["--chunk-length", "2"]).text)
      #expect(try #require(whole["ids"] as? [Int]) == chunks["ids"] as? [Int])
      let tooLong = try runBinary(ids + ["--chunk-length", "40000"])
      #expect(tooLong.status == 64)
      #expect(tooLong.talk.contains("expected at most 32695 for a model with xPos"), "\(tooLong.talk)")
    }
  }

  @Test func convertMakesAModelFile() throws {
    try withTemporaryFolder { folder in
      let output = folder.appendingPathComponent("m.safetensors").path
      let run = try runBinary(["convert", golden("fla-fused-gate/bf16"), "-o", output])
      #expect(run.status == 0, "\(run.talk)")
      #expect(run.talk.contains("weights of fla, score norm none\n"))
      let report = try members(["info", output, "--check"])
      #expect(report["kind"] as? String == "model")
      #expect(report["family"] as? String == "fla")
      #expect(report["dtype"] as? String == "bf16")
      #expect(report["feed_forward_width"] as? Int == 256)

      let again = try runBinary(["convert", output, "-o", output + "2", "--from", "retnet", "--dtype", "f32"])
      #expect(again.status == 0, "\(again.talk)")
      #expect(try members(["info", output + "2"])["family"] as? String == "fla")
    }
  }

  /// A copy of foreign weights with one Float32 tensor in BF16: its numbers are cut, so that they fit.
  private func mixed(_ name: String, _ tensor: String, in folder: URL) throws -> String {
    let source = try Data(contentsOf: URL(fileURLWithPath: golden(name)).appendingPathComponent("model.safetensors"))
    let length = source.prefix(8).reversed().reduce(0) { $0 << 8 | Int($1) }
    let object = try JSONSerialization.jsonObject(with: source.dropFirst(8).prefix(length))
    var header = try #require(object as? [String: [String: Any]])
    var (data, entries) = (Data(), [(name: String, entry: [String: Any], begin: Int, end: Int)]())
    for (name, entry) in header where name != "__metadata__" {
      let offsets = try #require(entry["data_offsets"] as? [Int])
      entries.append((name, entry, offsets[0], offsets[1]))
    }
    for (name, entry, begin, end) in entries.sorted(by: { ($0.begin, $0.end) < ($1.begin, $1.end) }) {
      var (bytes, entry) = (source.dropFirst(8 + length + begin).prefix(end - begin), entry)
      if name == tensor {
        entry["dtype"] = "BF16"
        bytes = Data(bytes.enumerated().filter { $0.offset % 4 > 1 }.map(\.element))
      }
      entry["data_offsets"] = [data.count, data.count + bytes.count]
      data += bytes
      header[name] = entry
    }
    let text = try JSONSerialization.data(withJSONObject: header)
    let target = folder.appendingPathComponent("mixed")
    try FileManager.default.createDirectory(at: target, withIntermediateDirectories: true)
    let prefix = Data((0..<8).map { UInt8(truncatingIfNeeded: text.count >> (8 * $0)) })
    try (prefix + text + data).write(to: target.appendingPathComponent("model.safetensors"))
    try Data(contentsOf: URL(fileURLWithPath: golden(name)).appendingPathComponent("config.json"))
      .write(to: target.appendingPathComponent("config.json"))
    return target.path
  }

  @Test(arguments: [
    ("torchscale-b-untied", "embed_tokens.weight"), ("torchscale-b-untied", "layers.1.retention.k_proj.weight"),
    ("fla-fused-gate", "model.layers.0.mlp.gate_proj.weight"), ("yet-another-retnet", "embedding.weight"),
  ])
  func matricesStayAsTheyAreEachInItsOwnFormat(_ name: String, _ tensor: String) throws {
    try withTemporaryFolder { folder in
      let source = try mixed(name, tensor, in: folder)
      #expect(try members(["info", source])["dtype"] as? String == "f32 and bf16")
      let (kept, wide, widened, again) = ("kept", "wide", "widened", "again")
      for arguments in [
        [source, "-o", kept], [source, "-o", wide, "--dtype", "f32"], [kept, "-o", widened, "--dtype", "f32"],
        [kept, "-o", again],
      ] {
        let run = try runBinary(["convert"] + arguments, in: folder)
        #expect(run.status == 0, "\(run.talk)")
        let word = arguments.contains("f32") ? "f32" : "f32 and bf16"
        #expect(run.talk.contains(" parameters in \(word), digest"), "\(run.talk)")
      }
      func digest(_ name: String) throws -> String? {
        try members(["info", folder.appendingPathComponent(name).path, "--check"])["digest"] as? String
      }
      #expect(try members(["info", folder.appendingPathComponent(kept).path])["dtype"] as? String == "f32 and bf16")
      #expect(try digest(widened) == digest(wide))
      #expect(try digest(again) == digest(kept))
      #expect(try digest(kept) != digest(wide))
    }
  }

  @Test func theScoreNormCanBeChosenAndIsTold() throws {
    try withTemporaryFolder { folder in
      let output = folder.appendingPathComponent("m.safetensors").path
      let source = golden("torchscale-b-tied-gelu-embednorm")
      let assumed = try runBinary(["convert", source, "-o", output])
      #expect(assumed.talk.contains("score norm abs-of-sum\n") && assumed.talk.contains("is assumed"))
      let chosen = try runBinary(["convert", source, "-o", output, "--score-norm", "sum-of-abs"])
      #expect(chosen.status == 0 && !chosen.talk.contains("is assumed"))
      #expect(try members(["info", output])["score_norm"] as? String == "sum_of_abs")
    }
  }

  /// Makes a tokenizer and gives back its digest.
  private func makeTokenizer(at path: String, from text: String, _ options: [String]) throws -> String {
    let input = path + ".txt"
    try Data(String(repeating: text + "\n", count: 50).utf8).write(to: URL(fileURLWithPath: input))
    let run = try runBinary(["tokenize", "train", "--input", input, "-o", path] + options)
    #expect(run.status == 0, "\(run.talk)")
    return try #require(try members(["info", path])["digest"] as? String)
  }

  @Test func aTokenizerBesideTheWeightsGoesIntoTheFile() throws {
    try withTemporaryFolder { folder in
      let weights = folder.appendingPathComponent("weights").path
      try FileManager.default.copyItem(atPath: golden("fla-fused-gate/bf16"), toPath: weights)
      let beside = weights + "/tokenizer.model"
      let output = folder.appendingPathComponent("m.safetensors").path
      func convert(_ path: String, _ options: String...) throws -> (talk: String, digest: String?) {
        let run = try runBinary(["convert", path, "-o", output] + options)
        #expect(run.status == 0, "\(run.talk)")
        return (run.talk, try members(["info", output])["tokenizer_digest"] as? String)
      }
      let none = try convert(weights)
      #expect(none.digest == nil && !none.talk.contains("tokenizer"))

      let characters = ["--model-type", "char", "--no-byte-fallback", "--vocab-size"]
      let digest = try makeTokenizer(at: beside, from: "light and day", characters + ["14"])
      for path in [weights, weights + "/", weights + "/model.safetensors"] {
        let taken = try convert(path)
        #expect(taken.digest == digest)
        #expect(taken.talk.contains("\(beside): used as the tokenizer; --tokenizer chooses another\n"), "\(taken.talk)")
      }
      let other = folder.appendingPathComponent("other.model").path
      let otherDigest = try makeTokenizer(at: other, from: "evening and morning", characters + ["15"])
      let refused = try runBinary(["convert", weights, "-o", output, "--tokenizer", other])
      #expect(refused.status == 65 && refused.talk.contains("the model's vocabulary, found 15"), "\(refused.talk)")
      let named = try convert(weights, "--tokenizer", other, "--allow-smaller-tokenizer")
      #expect(named.digest == otherDigest && otherDigest != digest)
      #expect(!named.talk.contains("taken"))
    }
  }

  @Test func aTokenizerBesideTheWeightsThatDoesNotFitIsLeftOut() throws {
    try withTemporaryFolder { folder in
      let weights = folder.appendingPathComponent("weights").path
      try FileManager.default.copyItem(atPath: golden("fla-fused-gate/bf16"), toPath: weights)
      let beside = weights + "/tokenizer.model"
      let output = folder.appendingPathComponent("m.safetensors").path
      // 256 bytes and the special pieces are more than the model's 67.
      _ = try makeTokenizer(at: beside, from: "light and day", ["--vocab-size", "270", "--model-type", "bpe"])
      for reason in [
        "expected at most 67 pieces, the model's vocabulary, found 270",
        "expected a tokenizer, found a text",
      ] {
        let run = try runBinary(["convert", weights, "-o", output])
        #expect(run.status == 0, "\(run.talk)")
        #expect(run.talk.contains("warning: \(beside): "), "\(run.talk)")
        #expect(run.talk.contains(reason), "\(run.talk)")
        #expect(run.talk.contains("; no tokenizer is put into the model\n"), "\(run.talk)")
        #expect(try members(["info", output])["tokenizer_digest"] is NSNull)
        // Whoever names it is told that it does not fit.
        #expect(try runBinary(["convert", weights, "-o", output, "--tokenizer", beside]).status == 65)
        try Data("no tokenizer".utf8).write(to: URL(fileURLWithPath: beside))
      }
    }
  }

  @Test func whatDoesNotFitIsRefused() throws {
    try withTemporaryFolder { folder in
      let output = folder.appendingPathComponent("m.safetensors").path
      for (more, status, message) in [
        (["--from", "fla"], Int32(65), "expected weights of fla, found those of torchscale"),
        (["--num-heads", "3"], 65, "expected 3 heads, found 4 by the tensors"),
        (["--score-norm", "half"], 64, "half"),
      ] {
        let run = try runBinary(["convert", golden("torchscale-b-untied"), "-o", output] + more)
        #expect(run.status == status, "\(run.talk)")
        #expect(run.talk.contains(message), "\(run.talk)")
        #expect(!FileManager.default.fileExists(atPath: output))
      }
      #expect(try runBinary(["info", folder.path]).status == 66)
    }
  }
}
