internal import Checkpoints
internal import Files
internal import FoundationEssentials
internal import Modeling
internal import Tensors

extension ModelState {
  /// Writes the state's numbers to a safetensors file and reads them into a new state; the file is removed.
  ///
  /// - Parameters:
  ///   - configuration: The configuration of the model.
  ///   - folder: The folder of the file.
  /// - Returns: The new state.
  /// - Throws: `CheckpointError`.
  func savedAndLoaded(_ configuration: ModelConfiguration, inFolder folder: String) throws -> ModelState {
    let path = "\(folder)/retnet-state-\(UInt64.random(in: 0...UInt64.max)).safetensors"
    defer { try? FileManager.default.removeItem(atPath: path) }
    let parts = self.parts()
    try SafetensorsWriter.write(
      to: path, tensors: parts.map(\.description), metadata: ["position": "\(position)"]
    ) { tensor, body in
      for part in parts where part.description == tensor { try part.withBytes(body) }
    }

    let file = try SafetensorsFile(path: path)
    var loaded = ModelState(configuration, batch: 1)
    for part in loaded.parts() { try file.withBytes(of: part.description.name) { part.fill($0) } }
    loaded.position = file.metadata["position"].flatMap { Int($0) } ?? 0
    return loaded
  }
}
