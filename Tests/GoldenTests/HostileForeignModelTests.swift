import Checkpoints
import Foundation
import Modeling
import TestSupport
import Testing

/// Models of other programs that are wrong at random: each is refused, or its weights can be read.
@Suite struct HostileForeignModelTests {
  private static let cases = GoldenCase.all.filter { $0.has("model.safetensors") && $0.has("config.json") }

  private let folder: TemporaryFolder

  init() throws { folder = try TemporaryFolder() }

  private func read(_ weights: WeightsFile, _ settings: String) throws -> Bool {
    do {
      let model = try ForeignModel(weights, configurationPath: settings)
      let parameters = try model.loadParameters()
      return parameters.count > 0
    } catch is ModelFileError {
      return false
    } catch is CheckpointError {
      return false
    }
  }

  @Test("settings with damage, beside sound weights")
  func settings() throws {
    let models = try Self.cases.map { golden in
      (
        weights: try WeightsFile(path: golden.folder.appendingPathComponent("model.safetensors").path),
        settings: [UInt8](try Data(contentsOf: golden.folder.appendingPathComponent("config.json")))
      )
    }
    fuzz("config.json", inputs: 300) { damage, _ in
      let model = damage.pick(models)
      return try read(model.weights, folder.replace("config.json", damage.damagedText(model.settings)))
    }
  }

  @Test("weights with other names and shapes, beside sound settings")
  func weights() throws {
    let models = try Self.cases.map { golden in
      (
        weights: [UInt8](try Data(contentsOf: golden.folder.appendingPathComponent("model.safetensors"))),
        settings: golden.folder.appendingPathComponent("config.json").path
      )
    }
    fuzz("weights of other programs", inputs: 300, accepted: 0.002...0.9) { damage, _ in
      let model = damage.pick(models)
      let length = model.weights[..<8].reversed().reduce(0) { $0 << 8 | Int($1) }
      var bytes = model.weights
      // Names, shapes and types of the same length, so that the container stays sound more often.
      for _ in 0...damage.number(below: 3) {
        let place = 8 + damage.number(below: length)
        let isDigit = (0x30...0x39).contains(bytes[place])
        bytes[place] = isDigit ? UInt8(0x30 + damage.number(below: 10)) : UInt8(0x61 + damage.number(below: 26))
      }
      let path = try folder.replace("model.safetensors", bytes)
      do {
        return try read(WeightsFile(path: path), model.settings)
      } catch is CheckpointError {
        return false
      }
    }
  }
}
