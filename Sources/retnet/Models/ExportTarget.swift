internal import ArgumentParser
internal import Modeling

/// The program that `--to` writes for.
struct ExportTarget: ExpressibleByArgument {
  /// nil: the family by the layers of the model.
  private let chosen: ForeignFamily?

  /// The folders that transformers loads: flash-linear-attention's, or a Llama.
  static let huggingFace = "huggingface"
  private static let byLayers: [ForeignFamily] = [.fla, .llama]
  static var allValueStrings: [String] {
    [huggingFace] + ForeignFamily.targets.filter { !byLayers.contains($0) }.map(\.name)
  }

  /// The family to write a model for.
  func family(_ configuration: ModelConfiguration) -> ForeignFamily {
    chosen ?? (configuration.presentTypes == [.attention] ? .llama : .fla)
  }

  /// Whether the folder has weights in shards.
  var isSharded: Bool { chosen.map { $0 == .syncdoth } ?? true }

  static var defaultCompletionKind: CompletionKind { .list(allValueStrings) }

  init?(argument: String) {
    guard Self.allValueStrings.contains(argument) else { return nil }
    chosen = argument == Self.huggingFace ? nil : ForeignFamily.targets.first { $0.name == argument }
  }
}

/// A number of bytes on the command line: `500MB`, `5GB`, `1GiB` or `123456`.
struct ByteSize: ExpressibleByArgument {
  let byteCount: Int

  private static let units: [(String, Int)] = [
    ("kib", 1 << 10), ("mib", 1 << 20), ("gib", 1 << 30), ("kb", 1_000), ("mb", 1_000_000), ("gb", 1_000_000_000),
    ("b", 1), ("", 1),
  ]

  init?(argument: String) {
    let word = argument.lowercased()
    guard let (unit, size) = Self.units.first(where: { word.hasSuffix($0.0) }),
      let number = Double(word.dropLast(unit.count)), number > 0, number * Double(size) < 0x1p62
    else { return nil }
    byteCount = Int(number * Double(size))
  }
}
