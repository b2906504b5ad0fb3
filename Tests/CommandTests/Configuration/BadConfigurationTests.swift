import Foundation
import Testing

extension CommandRuns {
  @Suite struct BadConfigurationTests {
    private let workspace: Workspace

    init() throws { workspace = try Workspace() }

    /// Trains with a configuration in which one text is replaced.
    private func expectFailure(_ old: String, _ new: String, status: Int32, _ message: String) throws {
      let text = TinyProject.configuration.replacing(old, with: new)
      // The one message that is about streams.
      let isStream = message.contains("carry_state")
      try workspace.write(isStream ? text + "  carry_state: true\n" : text, "config.yaml")
      try workspace.expectFailure("train --config config.yaml -o new", status: status, message)
      try workspace.expectFailure("train --config config.yaml --dry-run", status: status, message)
    }

    @Test(arguments: [
      ("width: 32", "widht: 32", "config.yaml:2:3: key 'model.widht': unknown key; did you mean 'width'?"),
      (
        "width: 32", "width: wide",
        "config.yaml:2:3: key 'model.width': expected an integer from 1 to 65536, found text"
      ),
      ("width: 32", "width: 3.5", "config.yaml:2:3: key 'model.width': expected an integer from 1 to 65536, found 3.5"),
      (
        "evaluate_every: 6", "seed: 18446744073709551615",
        "'training.seed': expected an integer ≥ 0, found 1.8446744073709552e+19; the largest is 9223372036854775807"
      ),
      ("width: 32", "width: 33", "key 'model.key_width': expected a multiple of 2 × heads (4), found 33"),
      ("training:", "trainnig:", "key 'trainnig': unknown block; did you mean 'training'?"),
      (
        "batch_tokens: 128", "batch_tokens: 100",
        "key 'training.batch_tokens': expected a multiple of sequence_length 32"
      ),
      ("  train: train.tokens\n", "", "key 'data.train': expected a token file, found none"),
      (
        "train.tokens", "[train.tokens, {path: b, wieght: 2}]",
        "'data.train': entry 2: unknown key 'wieght'; did you mean"
      ),
      ("train.tokens", "[{path: train.tokens, weight: 0}]", "'data.train': entry 1: weight: expected a number > 0"),
      ("train.tokens", "[{weight: 1}]", "'data.train': entry 1: expected a path, found none"),
      (
        "train.tokens", "[train.tokens, {path: train.tokens, weight: 2}]",
        "'data.train': expected a weight for each file or for none, found some"
      ),
      ("train.tokens", "{path: train.tokens}", "'data.train': expected text, or a list of texts and {path, weight}"),
      ("train.tokens", "[]", "'data.train': expected a token file, found none"),
      (
        "train.tokens\n", "[train.tokens, train.tokens, train.tokens, train.tokens, train.tokens]\n",
        "training.batch_tokens: expected a row for each of 5 files, as carry_state is true, found 4 rows"
      ),
      ("model:", "model: [", "config.yaml:"), ("model:", "\tmodel:", "config.yaml:"),
      ("heads: 2", "heads: 2\n  bos_id: 320", "model.bos_id: expected less than vocabulary_size 320, found 320"),
      ("heads: 2", "heads: 2\n  vocabulary_size: 319", "model.vocabulary_size: expected at least 320"),
    ])
    func configurations(_ old: String, _ new: String, _ message: String) throws {
      try expectFailure(old, new, status: 78, message)
    }

    @Test func allProblemsAtOnce() throws {
      let text = TinyProject.configuration
        .replacing("layers: 2", with: "layers: two").replacing("width: 32", with: "widht: 32")
        .replacing("steps: 12", with: "steps: 0")
      try workspace.write(text, "config.yaml")
      let before = try workspace.contents
      let run = try workspace.run("train --config config.yaml -o new --set model.head=2 --set model.layers -q")
      #expect(run.status == 78)
      #expect(try workspace.contents == before)
      #expect(
        run.talk == """
          error: config.yaml:2:3: key 'model.widht': unknown key; did you mean 'width'?
          error: config.yaml:3:3: key 'model.layers': expected an integer from 1 to 1000, found text 'two'
          error: config.yaml:11:3: key 'training.steps': expected an integer from 1 to 1000000000, found 0
          error: --set: expected block.key=value, found 'model.layers'
          error: --set: key 'model.head': unknown key; did you mean 'heads'?

          """)
    }

    /// The file's problems and those of the files that it names; what was refused is not judged by its default.
    @Test func problemsOfTheFileAndOfOtherFilesAtOnce() throws {
      let text =
        TinyProject.configuration
        .replacing("steps: 12", with: "steps: 0").replacing("train: train.tokens", with: "train: none.tokens")
        .replacing("batch_tokens: 128", with: "batch_tokens: 100") + "  train_only: [\"*.fnn.*\"]\n"
      try workspace.write(text, "config.yaml")
      let run = try workspace.run("train --config config.yaml -o new -q --set data.tokenizer=none.model")
      #expect(run.status == 78)
      #expect(
        run.talk == """
          error: config.yaml:11:3: key 'training.steps': expected an integer from 1 to 1000000000, found 0
          error: config.yaml:12:3: key 'training.batch_tokens': expected a multiple of sequence_length 32, found 100
          error: config.yaml: data.tokenizer: none.model: no such file
          error: config.yaml: data.train: none.tokens: no such file
          hint: a relative path starts at the current folder

          """)
      try workspace.write(text.replacing("width: 32", with: "width: wide"), "config.yaml")
      let other = try workspace.run("train --config config.yaml -o new -q")
      #expect(other.talk.split(separator: "\n").count == 5, "\(other.talk)")
      #expect(other.talk.contains("'model.width'") && other.talk.contains("none.tokens: no such file"))
      try workspace.write(TinyProject.configuration + "  train_only: [\"*.fnn.*\"]\n", "config.yaml")
      try workspace.expectFailure(
        "train --config config.yaml -o new", status: 78,
        "training.train_only: expected patterns that match weights, found '*.fnn.*', which matches none")
    }

    @Test func filesThatAreMissing() throws {
      try workspace.expectFailure("train --config none.yaml -o new", status: 66, "error: none.yaml: no such file\n")
      try workspace.expectFailure("train --config . -o new", status: 66, "error: .: ")
      for (key, name) in [
        ("train", "train.tokens"), ("validation", "validation.tokens"), ("tokenizer", "tokenizer.model"),
      ] {
        try workspace.expectFailure(
          "train --config config.yaml -o new --set data.\(key)=no-\(name)", status: 66,
          "error: config.yaml: data.\(key): no-\(name): no such file\nhint: a relative path starts at the current folder"
        )
      }
    }

    @Test func aConfigurationOfOtherBytes() throws {
      try workspace.write(Data([0xFF, 0xFE, 0x00]), "config.yaml")
      try workspace.expectFailure("train --config config.yaml", status: 78, "expected UTF-8 text, found other bytes")
      try workspace.write("", "config.yaml")
      try workspace.expectFailure("train --config config.yaml", status: 78, "the file has no settings")
    }

    @Test(arguments: ["powers", "linspace", "single", "none"])
    func everyDecayCanBeTrained(_ decay: String) throws {
      let line = "train --config config.yaml -o run --set training.steps=2 --set model.decay=\(decay)"
      #expect(try workspace.result(line).hasPrefix("run/best.safetensors  "))
    }
  }
}
