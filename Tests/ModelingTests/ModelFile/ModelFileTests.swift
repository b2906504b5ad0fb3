import Checkpoints
import Configurations
import Files
import Modeling
import Retention
import Tensors
import TestSupport
import Testing

/// The sentences of docs/CHECKPOINT.md §2, by number.
@Suite struct ModelFileTests {
  private let folder: TemporaryFolder
  private var parts: ModelFileParts
  private var path: String { folder.path + "/model.safetensors" }

  init() throws {
    folder = try TemporaryFolder()
    parts = try ModelFileParts()
    // What is made wrong is to be found by its own rule.
    parts.metadata[ModelHeader.digestKey] = nil
  }

  private func load(_ parts: ModelFileParts) throws -> ModelHeader {
    try ModelHeader(path: folder.add("model.safetensors", parts.bytes))
  }

  /// The message of the error that opening the parts throws, without the path.
  private func objection(to parts: ModelFileParts) throws -> String {
    do {
      _ = try load(parts).loadParameters()
      return "none"
    } catch let error as ModelFileError {
      return error.description.replacing(path + ": ", with: "").replacing(path, with: "model")
    } catch let error as CheckpointError {
      return error.description.replacing(path + ": ", with: "")
    }
  }

  @Test("M1: the format version is a whole number, and a later one is refused")
  func formatVersion() throws {
    var parts = parts
    for (version, message) in [
      ("2", "expected format version 1 or older, found 2"), ("0", "expected a version number, found 1 bytes"),
      ("01", "expected a version number"), ("+1", "expected a version number"), ("one", "expected a version number"),
      ("", "expected a version number"), ("99999999999999999999", "expected a version number"),
    ] {
      parts.metadata[ModelHeader.versionKey] = version
      #expect(try objection(to: parts).contains(message), "\(version)")
    }
    parts.metadata[ModelHeader.versionKey] = nil
    #expect(try objection(to: parts).contains("expected a version number, found none"))
    parts = self.parts
    parts.metadata = [ModelHeader.versionKey: "3", "retnet.mind": "{}"]
    parts.tensors = [:]
    #expect(throws: ModelFileError.version(path: path, supported: 1, found: "3")) { try load(parts) }
  }

  @Test("M2: the configuration is a flat JSON object")
  func configurationIsFlat() throws {
    var parts = parts
    for text in ["", "null", "[]", "7", "{", #"{"width":{"a":1}}"#, #"{"width":[1]}"#, #"{"width":4}x"#] {
      parts.metadata[ModelHeader.configurationKey] = text
      #expect(
        try objection(to: parts)
          == "metadata 'retnet.model': expected a resolved model configuration, found text that is not a flat JSON object",
        "\(text)")
    }
    parts.metadata[ModelHeader.configurationKey] = nil
    #expect(
      try objection(to: parts) == "metadata 'retnet.model': expected a resolved model configuration, found none")
    parts.metadata[ModelHeader.versionKey] = nil
    #expect(throws: FileError.unexpectedKind(path: path, expected: .model, found: .foreignWeights)) { try load(parts) }
    parts.metadata[FileKind.stateKey] = "1"
    #expect(throws: FileError.unexpectedKind(path: path, expected: .model, found: .state)) { try load(parts) }
  }

  @Test(
    "M3: unknown keys, double keys, wrong types, ranges and contradictions are refused",
    arguments: [
      (#""width":4"#, #""width":4,"breadth":4"#, "key 'breadth': unknown key"),
      (#""width":4"#, #""width":4,"width":4"#, "a key that occurs twice"),
      (#""width":4"#, #""width":4,"widt\u0068":4"#, "a key that occurs twice"),
      (#""width":4"#, #""width":"4""#, "key 'width': expected an integer"),
      (#""width":4"#, #""width":4.5"#, "key 'width': expected an integer"),
      (#""width":4"#, #""width":0"#, "key 'width': expected an integer"),
      (#""width":4"#, #""width":-4"#, "key 'width': expected an integer"),
      (#""width":4"#, #""width":9223372036854775807"#, "key 'width': expected an integer"),
      (#""width":4"#, #""width":null"#, "key 'width': expected an integer"),
      (#""bos":"sequence""#, #""bos":"sentence""#, "key 'bos': expected"),
      (#""norm_epsilon":"#, #""norm_epsilon":1e999,"a":"#, "not a flat JSON object"),
      (#""key_width":4"#, #""key_width":6"#, "key_width: expected a multiple of 2 × heads (4), found 6"),
      (#""value_width":6"#, #""value_width":5"#, "value_width: expected a multiple of heads (2), found 5"),
      (#""value_width":6"#, #""value_width":258"#, "value_width: expected at most 64 × width (256), found 258"),
      (#""bos_id":1"#, #""bos_id":7"#, "bos_id: expected less than vocabulary_size 7, found 7"),
    ])
  func configurationIsChecked(_ old: String, _ new: String, _ message: String) throws {
    var parts = parts
    parts.replace(old, new)
    let found = try objection(to: parts)
    #expect(found.contains(message), "\(found)")
  }

  @Test("M4: a missing key has its default")
  func missingKeysHaveDefaults() throws {
    var parts = parts
    for key in [#""bos_id":1,"#, #""decay":"powers","#] { parts.replace(key, "") }
    let configuration = try load(parts).configuration
    #expect(configuration.bosID == nil)
    #expect(configuration.decay == ModelConfiguration().decay)
    #expect(configuration.width == 4)
  }

  @Test("M5: no size is left open", arguments: ["key_width", "value_width", "feed_forward_width", "vocabulary_size"])
  func sizesAreResolved(_ key: String) throws {
    var parts = parts
    let size = try #require(try load(parts).configuration.settings.first { $0.name == key }).value.described
    parts.replace("\"\(key)\":\(size)", "\"\(key)\":0")
    if key == "vocabulary_size" { parts.replace(#""bos_id":1"#, #""bos_id":null"#) }
    #expect(try objection(to: parts).hasSuffix("found sizes left open (0)"))
    parts.replace("\"\(key)\":0,", "")
    #expect(try objection(to: parts).hasSuffix("found sizes left open (0)"))
  }

  @Test(
    "M6: sizes that the tensors do not have are refused before memory is taken",
    arguments: [
      (#""width":4"#, #""width":65536"#), (#""layers":2"#, #""layers":1000"#), (#""layers":2"#, #""layers":1"#),
      (#""key_width":4"#, #""key_width":256"#), (#""value_width":6"#, #""value_width":256"#),
      (#""feed_forward_width":5"#, #""feed_forward_width":256"#),
      (#""vocabulary_size":7"#, #""vocabulary_size":1048576"#), (#""vocabulary_size":7"#, #""vocabulary_size":6"#),
    ])
  func sizesAreThoseOfTheTensors(_ old: String, _ new: String) throws {
    var parts = parts
    parts.replace(old, new)
    let found = try objection(to: parts)
    #expect(found.contains("tensor"), "\(found)")
  }

  @Test("M6: the largest sizes of all keys together are refused before memory is taken")
  func giantSizes() throws {
    var parts = parts
    for (old, new) in [
      (#""width":4"#, #""width":65536"#), (#""layers":2"#, #""layers":1000"#),
      (#""key_width":4"#, #""key_width":1048576"#), (#""value_width":6"#, #""value_width":1048576"#),
      (#""feed_forward_width":5"#, #""feed_forward_width":1048576"#),
      (#""vocabulary_size":7"#, #""vocabulary_size":1048576"#),
    ] { parts.replace(old, new) }
    #expect(try objection(to: parts) == "tensor 'embed.weight': expected [1048576, 65536], found [7, 4]")
  }

  @Test("M7: other entries of the metadata do not matter")
  func otherEntries() throws {
    var parts = parts
    parts.metadata["format"] = nil
    parts.metadata["retnet.colour"] = "blue"
    #expect(try load(parts).configuration == smallConfiguration())
  }

  @Test("M8: provenance may be missing, in whole or in part, but is a JSON object")
  func provenance() throws {
    var parts = parts
    parts.metadata[ModelHeader.provenanceKey] = nil
    #expect(try load(parts).provenance == Provenance())
    parts.metadata[ModelHeader.provenanceKey] = #"{"steps":3,"mood":{"good":[1]}}"#
    #expect(try load(parts).provenance == Provenance(steps: 3))
    for text in ["", "3", "[]", #"{"steps":"3"}"#, #"{"steps":1e40}"#, #"{"seed":-1}"#, #"{"parent":3}"#] {
      parts.metadata[ModelHeader.provenanceKey] = text
      #expect(try objection(to: parts).hasPrefix("metadata 'retnet.provenance': expected a JSON object"), "\(text)")
    }
  }

  @Test("M9: the digest is that of the configuration and of the tensors by name")
  func digest() throws {
    var parts = try ModelFileParts()
    var text = Array((parts.metadata[ModelHeader.configurationKey] ?? "").utf8) + [0]
    for (name, part) in parts.tensors.sorted(by: { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }) {
      text += Array(name.utf8) + [0] + part.bytes
    }
    let expected = SHA256Digest(of: text)
    #expect(parts.metadata[ModelHeader.digestKey] == expected.description)
    #expect(try load(parts).storedDigest == expected)
    #expect(try load(parts).computeDigest() == expected)
    for text in ["", "ab", String(repeating: "g", count: 64), expected.description + " "] {
      parts.metadata[ModelHeader.digestKey] = text
      #expect(try objection(to: parts).hasPrefix("metadata 'retnet.digest': expected 64 hexadecimal digits"))
    }
    parts.metadata[ModelHeader.digestKey] = nil
    #expect(try load(parts).storedDigest == nil)
  }

  @Test("M10: a file with another digest is refused where all weights are read, and can be mapped")
  func otherDigest() throws {
    let parts = try ModelFileParts()
    for name in parts.tensors.keys {
      var parts = parts
      parts.tensors[name]?.bytes[0] ^= 1
      let header = try load(parts)
      #expect(
        try objection(to: parts).hasPrefix("digest: expected \(header.storedDigest?.description.prefix(12) ?? "")"))
      _ = try header.loadNetwork()
    }
    var changed = parts
    changed.replace(#""bos_id":1"#, #""bos_id":2"#)
    #expect(try objection(to: changed).hasPrefix("digest: expected"))
    changed.metadata[ModelHeader.digestKey] = nil
    #expect(try objection(to: changed) == "none")
  }

  @Test("M14: the first number that is not finite is found")
  func firstNotFinite() throws {
    var parts = parts
    #expect(try load(parts).firstNotFinite() == nil)
    parts.tensors["layers.1.ret.q.weight"]?.bytes.replaceSubrange(20..<24, with: [0, 0, 0xC0, 0x7F])
    let found = try #require(try load(parts).firstNotFinite())
    #expect(found.name == "layers.1.ret.q.weight" && found.place == [1, 1] && found.number.isNaN)
  }

  @Test("M11: every tensor of the table and no other")
  func tensors() throws {
    for name in parts.tensors.keys.sorted() {
      var parts = parts
      parts.tensors[name]?.shape.append(1)
      #expect(try objection(to: parts).hasPrefix("tensor '\(name)': expected "))
      parts.tensors["other." + name] = parts.tensors.removeValue(forKey: name)
      let isTokenizer = name == ModelHeader.tokenizerName
      #expect(
        try objection(to: parts)
          == (isTokenizer ? "tensor 'other.\(name)': expected none of this name" : "no tensor '\(name)'"))
    }
    var parts = parts
    #expect(try load(parts).tokenizerModel() == smallTokenizer)
    parts.tensors[ModelHeader.tokenizerName] = nil
    let header = try load(parts)
    #expect(!header.hasTokenizer)
    #expect(throws: ModelFileError.noTokenizer(path: path)) { try header.tokenizerModel() }
  }

  @Test("M12: a tied head has no weight of its own")
  func tiedHead() throws {
    var parts = parts
    parts.replace(#""tied_head":false"#, #""tied_head":true"#)
    #expect(try objection(to: parts) == "tensor 'lm_head.weight': expected none of this name")
    parts.tensors["lm_head.weight"] = nil
    let parameters = try load(parts).loadParameters()
    #expect(parameters.head.values == parameters.embedding.values)
  }

  @Test("M13: weights are F32, BF16 or F16, each for itself, and widen exactly")
  func numberFormats() throws {
    var parts = parts
    let count = 7 * 4
    parts.tensors["embed.weight"] = .init(
      dataType: "BF16", shape: [7, 4], bytes: Array(repeating: [0xC0, 0x3F], count: count).flatMap(\.self))
    parts.tensors["lm_head.weight"] = .init(
      dataType: "F16", shape: [7, 4], bytes: Array(repeating: [1, 0], count: count).flatMap(\.self))
    parts.tensors["final_norm.weight"] = .init(
      dataType: "F16", shape: [4], bytes: [0, 0x3C, 0, 0xC0, 0xFF, 0x7B, 0, 0x80])
    let parameters = try load(parts).loadParameters()
    #expect(parameters.embedding.values == Array(repeating: 1.5, count: count))
    #expect(parameters.head.values == Array(repeating: 0x1p-24, count: count))
    #expect(parameters.finalNorm?.weight.values == [1, -2, 65_504, 0])
    for (dataType, width) in [("F64", 8), ("I32", 4), ("U8", 1), ("F8_E4M3", 1)] {
      parts.tensors["embed.weight"] = .init(
        dataType: dataType, shape: [7, 4], bytes: Array(repeating: 0, count: count * width))
      #expect(try objection(to: parts) == "tensor 'embed.weight': expected F32, BF16 or F16, found \(dataType)")
    }
  }

  @Test("M14: weights may be any numbers")
  func numbersThatAreNone() throws {
    var parts = parts
    let special: [Float] = [.nan, .infinity, -.infinity, -0.0]
    parts.tensors["final_norm.weight"]?.bytes = special.flatMap { value in
      (0..<4).map { UInt8(truncatingIfNeeded: value.bitPattern >> (8 * $0)) }
    }
    #expect(try load(parts).loadParameters().finalNorm?.weight.values.map(\.bitPattern) == special.map(\.bitPattern))
  }

  @Test("M15: the tokenizer is U8 with one axis")
  func tokenizerType() throws {
    var parts = parts
    let name = ModelHeader.tokenizerName
    parts.tensors[name] = .init(dataType: "I8", shape: [4], bytes: smallTokenizer)
    #expect(try objection(to: parts) == "tensor '\(name)': expected U8 with one axis, found I8 [4]")
    parts.tensors[name] = .init(dataType: "U8", shape: [2, 2], bytes: smallTokenizer)
    #expect(try objection(to: parts) == "tensor '\(name)': expected U8 with one axis, found U8 [2, 2]")
    parts.tensors[name] = .init(dataType: "U8", shape: [0], bytes: [])
    #expect(try load(parts).tokenizerModel() == [])
  }

  @Test("M17: written metadata are complete, and the configuration is resolved")
  func writtenMetadata() throws {
    let parts = try ModelFileParts()
    let text = try #require(parts.metadata[ModelHeader.configurationKey])
    for key in ModelConfiguration.keys { #expect(text.contains("\"\(key.name)\":")) }
    #expect(text.contains(#""key_width":4,"#))
    let keys = ["format", "retnet.digest", "retnet.format_version", "retnet.model", "retnet.provenance"]
    #expect(parts.metadata.keys.sorted() == keys)
    #expect(parts.metadata["format"] == "pt")
    #expect(parts.metadata["retnet.format_version"] == "1")
    #expect(
      parts.metadata["retnet.provenance"]
        == #"{"data_digest":"ab","parent":"cd","seed":18446744073709551615,"steps":12,"tokens_seen":345,"#
        + #""tool_version":"retnet 0"}"#)
  }

  @Test("M18: matrices take the format, ties go to even, norm weights stay F32", arguments: NumberFormat.allCases)
  func writtenFormats(_ format: NumberFormat) throws {
    let network = smallNetwork()
    let values: [Float] = [1 + 0x1p-8, 1 + 0x3p-8, 1 + 0x1p-11, 1 + 0x3p-11, -3.5, 0x1.1p-133, 60_000, 0]
    for (index, value) in values.enumerated() { network.parameters.embedding[index] = value }
    try network.write(to: path, storage: .numbers(format), provenance: Provenance(), tokenizer: nil)
    let parts = try ModelFileParts(path: path)
    let name = [NumberFormat.float32: "F32", .bfloat16: "BF16", .float16: "F16"][format]
    for (tensor, part) in parts.tensors {
      #expect(part.dataType == (part.shape.count == 2 ? name : "F32"), "\(tensor)")
    }
    let read = try ModelHeader(path: path).loadParameters().embedding.values.prefix(8)
    let expected: [Float] =
      switch format {
      case .float32: values
      case .bfloat16: [1, 1 + 0x1p-6, 1, 1, -3.5, 0x1p-133, 59_904, 0]
      case .float16: [1 + 0x1p-8, 1 + 0x3p-8, 1, 1 + 0x1p-9, -3.5, 0, 60_000, 0]
      }
    #expect(Array(read) == expected)
    #expect(try ModelHeader(path: path).matrixStorage.word(network.configuration) == format.rawValue)
  }

  @Test("M19: the same model gives the same bytes")
  func sameBytes() throws {
    for name in ["a", "b"] {
      try smallNetwork().write(
        to: folder.path + "/" + name, storage: .numbers(.bfloat16), provenance: smallProvenance,
        tokenizer: smallTokenizer)
    }
    #expect(try folder.contents(of: "a") == folder.contents(of: "b"))
    #expect(try folder.names == ["a", "b"])
  }

  @Test("M20: what was written is read back", arguments: [false, true])
  func readsBack(_ isTied: Bool) throws {
    var configuration = smallConfiguration()
    configuration.isHeadTied = isTied
    configuration.decay = .linspace
    configuration.rotationLayout = .interleaved
    configuration.bos = .document
    configuration.eosID = 2
    configuration.normEpsilon = 0.1 + 0.2
    let network = smallNetwork(configuration)
    let digest = try network.write(to: path, provenance: smallProvenance, tokenizer: smallTokenizer)
    let header = try ModelHeader(path: path)
    #expect(header.configuration == configuration)
    #expect(header.provenance == smallProvenance)
    #expect(header.storedDigest == digest)
    #expect(try header.computeDigest() == digest)
    #expect(try header.tokenizerModel() == smallTokenizer)
    #expect(
      try header.loadParameters().flat.values.map(\.bitPattern) == network.parameters.flat.values.map(\.bitPattern))
  }
}
