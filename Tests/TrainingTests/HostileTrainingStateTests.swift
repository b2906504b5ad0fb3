import Checkpoints
import Files
import Modeling
import Tensors
import TestSupport
import Testing
import Training

/// Training states that are wrong at random: each is refused, or the run goes on from it.
@Suite struct HostileTrainingStateTests {
  private let folder: TemporaryFolder
  private let run: TinyRun
  private let checkpoints: CheckpointFolder
  private let statePath: String

  init() throws {
    folder = try TemporaryFolder()
    var run = try TinyRun()
    (run.configuration.steps, run.configuration.carriesState) = (40, true)
    self.run = run
    checkpoints = CheckpointFolder(path: folder.path)
    statePath = checkpoints.statePath(step: 2)
    var loop = try run.loop()
    try loop.run(limit: 2) { _ in }
    let state = TrainingState(
      configuration: run.configuration, progress: loop.progress, data: ["train": "ab"], machine: ["threads": "1"],
      metricsLines: 7, seconds: 1.5)
    try checkpoints.save(state, of: loop.trainer, provenance: Provenance(), tokenizer: [1, 2, 3])
  }

  @Test("T4: mutated training states are refused, or the run goes on")
  func mutatedFiles() throws {
    let sound = try SafetensorsFile(path: statePath)
    let tensors = try sound.tensors.map { tensor in
      (description: tensor, bytes: try sound.withBytes(of: tensor.name) { [UInt8](copying: $0) })
    }
    let bytes = try folder.contents(of: "step-00000002.training-state.safetensors")
    let model = try ModelHeader(path: checkpoints.modelPath(step: 2))
    // Most of the memory is that of a trainer.
    fuzz("training state", inputs: 300, memory: 24 << 20) { damage, _ in
      if damage.once(in: 4) {
        _ = try folder.replace("step-00000002.training-state.safetensors", damage.damaged(bytes))
      } else {
        var (metadata, tensors) = (sound.metadata, tensors)
        for _ in 0...damage.number(below: 2) {
          let key = damage.pick(metadata.keys.sorted())
          metadata[key] = damage.once(in: 20) ? nil : metadata[key].map { damage.damagedText($0) }
        }
        if damage.once(in: 4) {
          let place = damage.number(below: tensors.count)
          tensors[place].bytes = damage.damaged(tensors[place].bytes)
          tensors[place].description = TensorDescription(
            name: tensors[place].description.name, dataType: .u8, shape: [tensors[place].bytes.count])
        }
        try write(metadata, tensors)
      }
      do {
        let file = try TrainingStateFile(path: statePath)
        var loop = try run.loop(progress: file.state.progress)
        try file.restore(loop.trainer, model: model)
        var count = 0
        try loop.run(shouldStop: { count > 2 }) { _ in count += 1 }
        return true
      } catch is CheckpointError {
        return false
      } catch is ModelFileError {
        return false
      } catch is TrainingError {
        return false
      }
    }
  }

  @Test(
    "T4: numbers that no run has are refused, though the digest is right",
    arguments: [
      ("retnet.progress", #""batch":2"#, #""batch":4611686018427387904"#),
      ("retnet.progress", #""batch":2"#, #""batch":-1"#),
      ("retnet.progress", #""step":2"#, #""step":9223372036854775807"#),
      ("retnet.progress", #""observed":2"#, #""observed":-1"#),
      ("retnet.progress", #""skipped":{}"#, #""skipped":{"loss_spike":9223372036854775807}"#),
      ("retnet.progress", #""learningRateFactor":1"#, #""learningRateFactor":-1"#),
      ("retnet.updates", "2", "9223372036854775807"),
      ("retnet.updates", "2", "-1"),
      ("retnet.metrics_lines", "7", "-7"),
      ("retnet.seconds", "1.5", "nan"),
      ("retnet.seconds", "1.5", "-1"),
    ])
  func impossibleNumbers(_ key: String, _ old: String, _ new: String) throws {
    let sound = try SafetensorsFile(path: statePath)
    let tensors = try sound.tensors.map { tensor in
      (description: tensor, bytes: try sound.withBytes(of: tensor.name) { [UInt8](copying: $0) })
    }
    var metadata = sound.metadata
    let text = try #require(metadata[key])
    try #require(text.contains(old), "\(text)")
    metadata[key] = text.replacing(old, with: new)
    try write(metadata, tensors)
    let error = #expect(throws: ModelFileError.self) { try TrainingStateFile(path: statePath) }
    #expect(error?.description.contains("'\(key)'") == true, "\(String(describing: error))")
  }

  /// Writes a training state with its digest (docs/CHECKPOINT.md, T4).
  private func write(
    _ metadata: [String: String], _ tensors: [(description: TensorDescription, bytes: [UInt8])]
  ) throws {
    var content: [UInt8] = []
    for (key, value) in metadata.sorted(by: { $0.key < $1.key })
    where !["retnet.digest", "retnet.seconds"].contains(key) {
      content += Array(key.utf8) + [0] + Array(value.utf8) + [0]
    }
    for tensor in tensors.sorted(by: { $0.description.name < $1.description.name }) {
      content += Array(tensor.description.name.utf8) + [0] + tensor.bytes
    }
    var metadata = metadata
    metadata["retnet.digest"] = SHA256Digest(of: content).description
    let descriptions = tensors.map(\.description)
    try SafetensorsWriter.write(to: statePath, tensors: descriptions, metadata: metadata) { description, body in
      for part in tensors where part.description == description { try part.bytes.withRawSpan(body) }
    }
  }
}
